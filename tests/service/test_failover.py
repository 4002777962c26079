"""`failover`: which service answers, by health and by status; alone and behind a listener."""

from __future__ import annotations

import pytest

from tests.live import Seen, ask, backend, live, plain
from tests.pieces import Pieces
from tests.support import Origin, make_request, run
from trafficcop.errors import Kind, ProxyError
from trafficcop.http.messages import Request, Response
from trafficcop.service.failover import Failover

BAD = frozenset(range(500, 600))


class Failing:
    """A server that cannot be reached, or whose client leaves."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind

    async def __call__(self, request: Request) -> Response:
        raise ProxyError(self.kind)


class TestHealth:
    @pytest.mark.parametrize(
        ("is_main_up", "is_fallback_up", "answer"),
        [
            (True, True, (200, b"main")),
            (True, False, (200, b"main")),
            (False, True, (200, b"fallback")),
            (False, False, (503, b"Service Unavailable\n")),
        ],
    )
    @pytest.mark.parametrize("statuses", [frozenset[int](), BAD])
    async def test_who_answers(
        self, is_main_up: bool, is_fallback_up: bool, answer: tuple[int, bytes], statuses: frozenset[int]
    ) -> None:
        failover = Failover(Origin(body=b"main"), Origin(body=b"fallback"), statuses)
        failover.set_main_up(is_main_up)
        failover.set_fallback_up(is_fallback_up)
        status, _, body = await run(failover, make_request())
        assert (status, body) == answer

    def test_parents_hear_when_both_are_down_and_when_one_is_back(self) -> None:
        failover = Failover(Origin(), Origin())
        heard: list[bool] = []
        failover.watchers.append(heard.append)
        failover.set_main_up(False)
        failover.set_main_up(False)
        assert (heard, failover.is_up) == ([], True)
        failover.set_fallback_up(False)
        assert (heard, failover.is_up) == ([False], False)
        failover.set_main_up(True)
        failover.set_fallback_up(True)
        assert (heard, failover.is_up) == ([False, True], True)


class TestStatus:
    @pytest.mark.parametrize(
        ("status", "answer"),
        [(200, b"main"), (404, b"main"), (500, b"fallback"), (503, b"fallback"), (599, b"fallback")],
    )
    async def test_answers_of_these_statuses_are_dropped(self, status: int, answer: bytes) -> None:
        main = Origin(status, [("X-From", "main")], b"main")
        _, headers, body = await run(Failover(main, Origin(body=b"fallback"), BAD), make_request())
        assert body == answer
        assert ("X-From" in headers) == (answer == b"main")

    @pytest.mark.parametrize("kind", [Kind.UNREACHABLE, Kind.TIMEOUT, Kind.SERVER_CLOSED, Kind.NO_SERVER])
    async def test_failures_count_as_their_status(self, kind: Kind) -> None:
        assert (await run(Failover(Failing(kind), Origin(body=b"fallback"), BAD), make_request()))[2] == b"fallback"
        status, _, _ = await run(Failover(Failing(kind), Origin(), frozenset((500,))), make_request())
        assert status in (502, 503, 504)

    async def test_a_client_that_left_gets_no_second_answer(self) -> None:
        fallback = Origin()
        with pytest.raises(ProxyError):
            await run(Failover(Failing(Kind.CLIENT_GONE), fallback, frozenset((499,))), make_request())
        assert fallback.requests == []

    async def test_the_fallback_gets_the_request_as_it_was(self) -> None:
        async def meddling(request: Request) -> Response:
            request.raw_path = b"/changed"
            request.headers.set(b"X-Kept", b"changed")
            while await request.body.read():
                pass
            return await Origin(500)(request)

        seen: list[tuple[bytes, bytes | None, bytes]] = []

        async def fallback(request: Request) -> Response:
            seen.append((request.raw_path, request.headers.get(b"X-Kept"), request.body.take() or b""))
            return await Origin()(request)

        request = make_request(
            "/path", method="POST", headers=[("X-Kept", "1")], body=Pieces(b"the ", b"body").stream()
        )
        assert (await run(Failover(meddling, fallback, BAD), request))[0] == 200
        assert seen == [(b"/path", b"1", b"the body")]

    @pytest.mark.parametrize(
        ("limit", "size", "status"), [(-1, 100_000, 200), (10, 10, 200), (10, 11, 413), (0, 0, 200), (0, 1, 413)]
    )
    @pytest.mark.parametrize("is_streamed", [True, False])
    async def test_bodies_over_the_limit_are_refused(
        self, limit: int, size: int, status: int, is_streamed: bool
    ) -> None:
        data = b"x" * size
        request = make_request(method="POST", body=Pieces(data).stream() if is_streamed and size else data)
        main = Origin()
        answer = await run(Failover(main, Origin(500), BAD, limit), request)
        assert answer[0] == status
        assert len(main.requests) == (status == 200)
        if status == 413:
            assert answer[2] == b"Request body too large\n"


SERVICES = """
http:
  routers: {{r: {{rule: PathPrefix(`/`), service: f}}}}
  services:
    f: {{failover: {{service: main, fallback: spare, errors: {{status: ["500-504"], maxRequestBodyBytes: 8}}}}}}
    main: {{loadBalancer: {{servers: [{{url: "http://127.0.0.1:{main}"}}]}}}}
    spare: {{loadBalancer: {{servers: [{{url: "http://127.0.0.1:{spare}"}}]}}}}
"""


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (plain(200, b"main"), (200, b"main")),
        (plain(404, b"main"), (404, b"main")),
        (plain(502, b"main"), (200, b"spare")),
        (b"", (200, b"spare")),  # it closes: 502
    ],
)
async def test_behind_a_listener(answer: bytes, expected: tuple[int, bytes]) -> None:
    seen = Seen()
    async with (
        backend(lambda n, head, body: answer) as main,
        backend(lambda n, head, body: plain(200, b"spare"), seen) as spare,
        live(SERVICES.format(main=main, spare=spare)) as port,
    ):
        status, _, body = await ask(port, "POST /a?b=c", b"12345678")
        assert (status, body) == expected
        if body == b"spare":
            assert seen.heads[0].startswith("POST /a?b=c HTTP/1.1\r\n")
            assert seen.bodies == [b"12345678"]
        assert (await ask(port, "POST /", b"123456789"))[0] == 413
