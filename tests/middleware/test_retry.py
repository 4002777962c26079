"""`retry`: what is tried again, with which request, after which pause, and what the client gets in the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tests.live import Seen, ask, backend, live, plain, routed
from tests.pieces import Pieces, body_of
from tests.support import build, make_request, run, values
from trafficcop.config.middlewares import ContentType, ReplacePath, Retry
from trafficcop.config.scalars import Duration
from trafficcop.errors import Kind, ProxyError
from trafficcop.http.body import Body, Bytes
from trafficcop.http.headers import Headers
from trafficcop.http.messages import Handler, Request, Response, Tunnel
from trafficcop.middleware.retry import BackOff
from trafficcop.middleware.retry import Retry as RetryHandler

NOT_REACHED = ProxyError(Kind.UNREACHABLE, is_retryable=True)
BROKEN = ProxyError(Kind.SERVER_CLOSED)


class Failing:
    """A server that does one thing after the other: a status to answer, an error to raise."""

    def __init__(self, script: Sequence[int | ProxyError], reads: bool = False) -> None:
        self.script = list(script)
        self.reads = reads
        self.bodies: list[bytes] = []
        self.paths: list[bytes] = []

    async def __call__(self, request: Request) -> Response:
        step = self.script[min(len(self.paths), len(self.script) - 1)]
        self.paths.append(request.raw_path)
        if self.reads or not isinstance(step, ProxyError):
            self.bodies.append(await drain(request.body))
        if isinstance(step, ProxyError):
            raise step
        return Response(step, Headers(), Bytes(b"%d" % step))


async def drain(body: Body) -> bytes:
    data = body.take()
    if data is not None:
        return data
    pieces = []
    while piece := await body.read():
        pieces.append(piece)
    return b"".join(pieces)


def retry(**options: Any) -> Retry:
    return Retry(**{"attempts": 3, **options})


# options, method, what the server does, the status in the end, attempts
TABLE: list[tuple[dict[str, Any], str, list[int | ProxyError], int, int]] = [
    ({}, "GET", [200], 200, 1),
    ({}, "GET", [500], 500, 1),
    ({}, "GET", [NOT_REACHED, 200], 200, 2),
    ({}, "POST", [NOT_REACHED, NOT_REACHED, 201], 201, 3),
    ({}, "GET", [BROKEN, 200], 502, 1),
    ({"status": ("500-599",)}, "GET", [503, 504, 200], 200, 3),
    ({"status": ("500-599",)}, "GET", [503, 504, 500, 200], 500, 3),
    ({"status": ("500", "404")}, "GET", [404, 500, 200], 200, 3),
    ({"status": ("502",)}, "GET", [BROKEN, 200], 200, 2),
    ({"status": ("599-500",)}, "GET", [503, 200], 503, 1),
    ({"status": ("503",)}, "POST", [503, 200], 503, 1),
    ({"status": ("503",)}, "PATCH", [503, 200], 503, 1),
    ({"status": ("503",)}, "LOCK", [503, 200], 503, 1),
    ({"status": ("503",)}, "DELETE", [503, 200], 200, 2),
    ({"status": ("503",), "retry_non_idempotent_method": True}, "POST", [503, 200], 200, 2),
    ({"status": ("503",), "disable_retry_on_network_error": True}, "GET", [NOT_REACHED, 200], 502, 1),
    ({"status": ("502",), "disable_retry_on_network_error": True}, "GET", [NOT_REACHED, 200], 200, 2),
    ({"status": ("500",), "attempts": 1}, "GET", [500, 200], 500, 1),
    ({"status": ("500",), "timeout": Duration(1)}, "GET", [500, 200], 500, 1),
    ({"status": ("500",), "timeout": Duration.of("1h")}, "GET", [500, 200], 200, 2),
    ({"status": ("500",), "initial_interval": Duration.of("1ms")}, "GET", [500, 500, 200], 200, 3),
]


@pytest.mark.parametrize(("options", "method", "script", "status", "attempts"), TABLE)
async def test_attempts(options, method, script, status, attempts):
    server = Failing(script)
    request = make_request("/x", method=method)
    # What stands outside turns a failure of the last attempt into the answer.
    handler = build("content_type", ContentType(), build("retry", retry(**options), server))
    assert (await run(handler, request))[0] == status
    assert len(server.paths) == attempts
    assert (request.notes or {}).get("RetryAttempts", 0) == attempts - 1


async def test_the_last_failure_is_raised():
    with pytest.raises(ProxyError) as raised:
        await build("retry", retry(), Failing([NOT_REACHED]))(make_request())
    assert raised.value is NOT_REACHED


async def test_a_client_that_left_gets_no_second_attempt():
    server = Failing([ProxyError(Kind.CLIENT_GONE)])
    with pytest.raises(ProxyError):
        await build("retry", retry(status=("400-599",)), server)(make_request())
    assert len(server.paths) == 1


async def test_failures_that_a_middleware_made_answers_of_are_still_seen():
    server = Failing([NOT_REACHED, 200])
    handler = build("retry", retry(), build("content_type", ContentType(), server))
    assert (await run(handler, make_request()))[0] == 200


async def test_each_attempt_begins_with_the_request_as_it_came():
    server = Failing([500, 500, 200])
    inner = build("replace_path", ReplacePath(path="/new"), server)
    request = make_request("/old", headers=[("X-A", "1")])
    request.headers.append_lines(b"X-Tail: 2\r\n")
    await run(build("retry", retry(status=("500",)), inner), request)
    assert server.paths == [b"/new"] * 3
    assert values(request, "X-Replaced-Path") == ["/old"]
    assert values(request, "X-Tail") == ["2"]


@pytest.mark.parametrize(
    ("body", "options", "status", "bodies"),
    [
        (b"whole", {}, 200, [b"whole", b"whole"]),
        (Pieces(b"in ", b"pieces"), {}, 200, [b"in pieces", b"in pieces"]),
        (Pieces(b"in ", b"pieces"), {"max_request_body_bytes": -1}, 200, [b"in pieces", b"in pieces"]),
        (Pieces(b"in ", b"pieces"), {"max_request_body_bytes": 9}, 200, [b"in pieces", b"in pieces"]),
        (Pieces(b"in ", b"pieces"), {"max_request_body_bytes": 8}, 500, [b"in pieces"]),
        (Pieces(b"in ", b"pieces", length=9), {"max_request_body_bytes": 8}, 500, [b"in pieces"]),
        (b"whole", {"max_request_body_bytes": 4}, 500, [b"whole"]),
        (b"whole", {"max_request_body_bytes": 0}, 500, [b"whole"]),
    ],
)
async def test_bodies(body: Any, options: dict[str, Any], status: int, bodies: list[bytes]):
    server = Failing([500, 200])
    request = make_request(method="PUT", body=body_of(body))
    assert (await run(build("retry", retry(status=("500",), **options), server), request))[0] == status
    assert server.bodies == bodies


@pytest.mark.parametrize(("reads", "status"), [(False, 200), (True, 502)])
async def test_a_stream_is_sent_again_only_when_nothing_was_read_of_it(reads: bool, status: int):
    server = Failing([NOT_REACHED, 200], reads)
    request = make_request(method="POST", body=body_of(Pieces(b"a", b"b")))
    handler = build("content_type", ContentType(), build("retry", retry(), server))
    assert (await run(handler, request))[0] == status


async def test_trailers_are_kept():
    request = make_request(method="PUT", body=Pieces(b"a", trailers=[(b"X-Sum", b"1")]).stream())
    await run(build("retry", retry(status=("500",)), Failing([500, 200])), request)
    assert request.body.trailers == [(b"X-Sum", b"1")]


async def test_an_upgraded_connection_is_nothing_to_try_again():
    async def upgraded(request: Request) -> Response:
        response = Response(101, Headers())
        response.tunnel = Tunnel()
        return response

    assert (await build("retry", retry(status=("101",)), upgraded)(make_request())).tunnel is not None


@pytest.mark.parametrize(
    ("attempts", "initial", "expected"),
    [
        (4, 0.0, [0.0, 0.0, 0.0]),
        (2, 0.1, [0.1]),
        (3, 0.1, [0.1, 0.1 * 2**0.5]),
        (5, 40.0, [40.0, 40 * 2**0.25, 40 * 2**0.5, 60.0]),
    ],
)
def test_pauses_grow_to_twice_the_first(attempts: int, initial: float, expected: list[float]):
    for chance, factor in ((0.0, 0.5), (0.5, 1.0), (1.0, 1.5)):
        back_off = BackOff(attempts, initial, lambda chance=chance: chance)
        found = [back_off.seconds(attempt) for attempt in range(1, attempts)]
        assert found == pytest.approx([seconds * factor for seconds in expected])


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"attempts": 0}, "incorrect (or empty) value for attempt (0)"),
        ({"attempts": -1}, "incorrect (or empty) value for attempt (-1)"),
        (
            {"disable_retry_on_network_error": True},
            "retry middleware requires at least HTTP status codes or retry on TCP",
        ),
        ({"status": ("5xx",)}, 'creating HTTP code ranges: strconv.Atoi: parsing "5xx": invalid syntax'),
        ({"status": ("500-",)}, 'creating HTTP code ranges: strconv.Atoi: parsing "": invalid syntax'),
    ],
)
def test_bad_configuration(options: dict[str, Any], text: str):
    with pytest.raises(ValueError) as raised:
        build("retry", retry(**options), Failing([200]))
    assert str(raised.value) == text


async def test_through_a_listener():
    seen = Seen()
    async with backend(lambda n, head, body: plain(503 if n < 3 else 200, b"n%d" % n), seen) as port:
        async with live(routed("retry: {attempts: 4, status: ['503']}", port)) as web:
            status, _, body = await ask(web, "PUT /x\nX-A: 1", b"content")
    assert (status, body) == (200, b"n3")
    assert seen.bodies == [b"content"] * 3
    assert all("X-A: 1" in head and head.startswith("PUT /x ") for head in seen.heads)


async def test_a_server_that_cannot_be_reached_is_left_out_through_a_listener():
    seen = Seen()
    async with backend(lambda n, head, body: plain(200, b"here"), seen) as port:
        text = routed("retry: {attempts: 2}", port).replace("servers: [", "servers: [{url: 'http://127.0.0.1:1'}, ")
        async with live(text) as web:
            answers = [await ask(web, "POST /", b"data") for _ in range(4)]
    assert [answer[::2] for answer in answers] == [(200, b"here")] * 4
    assert seen.bodies == [b"data"] * 4


@pytest.mark.parametrize(("method", "status", "count"), [("POST", 502, 2), ("PATCH", 502, 2), ("PUT", 200, 3)])
async def test_what_must_not_come_twice_is_not_sent_again_when_a_used_connection_closes(
    method: str, status: int, count: int
) -> None:
    seen = Seen()
    async with backend(lambda n, head, body: b"" if n == 2 else plain(200), seen) as port:
        async with live(routed("retry: {attempts: 3}", port)) as web:
            assert (await ask(web, "GET /"))[0] == 200
            assert (await ask(web, f"{method} /", b"data"))[0] == status
    assert len(seen.heads) == count


async def test_a_server_that_we_cannot_speak_to_is_left_out():
    async with backend(lambda n, head, body: plain(200, b"here")) as port:
        text = routed("retry: {attempts: 2}", port).replace("servers: [", "servers: [{url: 'ftp://127.0.0.1'}, ")
        async with live(text) as web:
            answers = [await ask(web, "GET /") for _ in range(4)]
    assert [answer[::2] for answer in answers] == [(200, b"here")] * 4


class TestBudget:
    @pytest.mark.parametrize(
        ("text", "requests", "retries"),
        [("0%", 1000, 10), ("20%", 1000, 209), ("20%", 4, 4), ("0.5 %", 1000, 14), ("100%", 50, 50), ("150%", 50, 50)],
    )
    async def test_retries_are_within_their_share(self, text: str, requests: int, retries: int) -> None:
        server = Failing([NOT_REACHED])
        handler = build("retry", retry(attempts=2, budget=text), server)
        for _ in range(requests):
            assert (await run_failing(handler)) == 502
        assert len(server.paths) - requests == retries

    async def test_quiet_times_are_saved_up_to_a_reserve(self) -> None:
        handler = build("retry", retry(attempts=2, budget="20%"), Failing([200]))
        for _ in range(1000):
            await run(handler, make_request())
        server = Failing([NOT_REACHED])
        assert isinstance(handler, RetryHandler)
        handler.next = server
        for _ in range(10):
            await run_failing(handler)
        assert len(server.paths) == 20
        for _ in range(10):
            await run_failing(handler)
        assert len(server.paths) == 20 + 10 + 3

    async def test_none_is_spent_on_what_succeeds(self) -> None:
        server = Failing([200])
        handler = build("retry", retry(attempts=2, budget="0%"), server)
        for _ in range(20):
            await run(handler, make_request())
        server.script = [NOT_REACHED, 200]
        server.paths.clear()
        assert (await run(handler, make_request()))[0] == 200

    @pytest.mark.parametrize("text", ["20", "0.2", "-1%", "%", "20%%", "many"])
    def test_what_is_no_share(self, text: str) -> None:
        with pytest.raises(ValueError, match="is not a percentage"):
            build("retry", retry(attempts=1, budget=text), Failing([200]))


async def run_failing(handler: Handler) -> int:
    """The status for a server that is never reached."""
    try:
        return (await run(handler, make_request()))[0]
    except ProxyError as error:
        return error.status
