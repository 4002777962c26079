"""`buffering`: limits of both ways, memory and files, and requests that go out again."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from tests.live import Seen, ask, backend, live, plain, routed
from tests.pieces import Pieces, body_of
from tests.support import Origin, build, make_request, read_all, run
from trafficcop.config.middlewares import Buffering
from trafficcop.errors import Kind, ProxyError
from trafficcop.http.body import EMPTY, Body, Bytes
from trafficcop.http.headers import Headers
from trafficcop.http.messages import Request, Response, Tunnel
from trafficcop.http.spool import FileBody, Spool


class Server:
    """Reads every request and answers with a body of its own making."""

    def __init__(self, *bodies: Body, status: int = 200) -> None:
        self.bodies = list(bodies)
        self.status = status
        self.seen: list[tuple[int | None, bytes]] = []

    async def __call__(self, request: Request) -> Response:
        self.seen.append((request.body.length, await read_all(request.body)))
        return Response(self.status, Headers(), self.bodies.pop(0) if self.bodies else EMPTY)


REFUSED = (413, {}, b"Request Entity Too Large")
FAILED = (500, {}, b"Internal Server Error")


@pytest.mark.parametrize(
    ("options", "body", "answer"),
    [
        ({}, b"12345", None),
        ({"max_request_body_bytes": 5}, b"12345", None),
        ({"max_request_body_bytes": 4}, b"12345", REFUSED),
        ({"max_request_body_bytes": 5}, Pieces(b"123", b"45"), None),
        ({"max_request_body_bytes": 4}, Pieces(b"123", b"45"), REFUSED),
        ({"max_request_body_bytes": 4}, Pieces(length=5), REFUSED),
        ({"mem_request_body_bytes": 2}, Pieces(b"1", b"2", b"345"), None),
        ({"mem_request_body_bytes": 2}, b"12345", None),
        ({"mem_request_body_bytes": 2, "max_request_body_bytes": 4}, Pieces(b"123", b"45"), REFUSED),
    ],
)
async def test_requests(options: dict[str, Any], body: Any, answer: Any):
    server = Server(Bytes(b"fine"))
    found = await run(build("buffering", Buffering(**options), server), make_request(method="POST", body=body_of(body)))
    assert found == (answer or (200, {}, b"fine"))
    assert server.seen == ([(5, b"12345")] if answer is None else [])


async def test_an_empty_stream_is_no_body():
    server = Server()
    request = make_request(method="POST", body=Pieces().stream())
    await run(build("buffering", Buffering(), server), request)
    assert request.body is EMPTY


async def test_a_client_that_breaks_off():
    body = Pieces(b"1", error=ProxyError(Kind.CLIENT_GONE)).stream()
    with pytest.raises(ProxyError) as raised:
        await build("buffering", Buffering(), Server())(make_request(method="POST", body=body))
    assert raised.value.status == 499


@pytest.mark.parametrize(
    ("options", "body", "answer"),
    [
        ({}, Pieces(b"123", b"45"), None),
        ({"max_response_body_bytes": 5}, Pieces(b"123", b"45"), None),
        ({"max_response_body_bytes": 4}, Pieces(b"123", b"45"), FAILED),
        ({"max_response_body_bytes": 4}, Pieces(length=5), FAILED),
        ({"max_response_body_bytes": 4}, b"12345", FAILED),
        ({"mem_response_body_bytes": 2}, Pieces(b"123", b"45"), None),
        ({"mem_response_body_bytes": 2, "max_response_body_bytes": 4}, Pieces(b"123", b"45"), FAILED),
    ],
)
async def test_answers(options: dict[str, Any], body: Any, answer: Any):
    response = await build("buffering", Buffering(**options), Server(body_of(body)))(make_request())
    length = response.body.length
    found = (response.status, {}, await read_all(response.body))
    assert found == (answer or (200, {}, b"12345"))
    assert length == len(found[2])
    if answer is not None and isinstance(body, Pieces):
        assert body.is_abandoned


async def test_a_server_that_breaks_off():
    body = Pieces(b"1", error=ProxyError(Kind.SERVER_CLOSED))
    with pytest.raises(ProxyError):
        await build("buffering", Buffering(), Server(body.stream()))(make_request())


async def test_trailers_of_an_answer_are_kept():
    body = Pieces(b"1", trailers=[(b"X-Sum", b"1")])
    response = await build("buffering", Buffering(), Server(body.stream()))(make_request())
    assert (response.body.length, response.body.trailers) == (None, [(b"X-Sum", b"1")])


@pytest.mark.parametrize("memory", [0, 1])
async def test_trailers_of_a_request_are_kept(memory: int):
    seen: list[object] = []

    async def server(request: Request) -> Response:
        seen.append((await read_all(request.body), request.body.trailers))
        return Response(500 if len(seen) == 1 else 200, Headers(), EMPTY)

    options = Buffering(mem_request_body_bytes=memory, retry_expression="ResponseCode() == 500")
    body = Pieces(b"12", trailers=[(b"x-sum", b"1")])
    await run(build("buffering", options, server), make_request(method="POST", body=body.stream()))
    assert seen == [(b"12", [(b"x-sum", b"1")])] * 2


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
async def test_answers_without_a_body_are_left_alone(method: str, status: int):
    body = Bytes(b"", 7)
    response = await build("buffering", Buffering(), Server(body, status=status))(make_request(method=method))
    assert response.body is body


async def test_an_upgraded_connection_passes():
    body = Pieces(error=ProxyError(Kind.SERVER_CLOSED)).stream()

    async def upgraded(request: Request) -> Response:
        response = Response(101, Headers(), body)
        response.tunnel = Tunnel()
        return response

    handler = build("buffering", Buffering(retry_expression="ResponseCode() == 101"), upgraded)
    assert (await handler(make_request(method="POST", body=b"x"))).body is body


async def test_a_file_lives_as_long_as_the_answer():
    handler = build("buffering", Buffering(mem_request_body_bytes=1, mem_response_body_bytes=1), Server(Bytes(b"abc")))
    response = await handler(make_request(method="POST", body=b"12345"))
    assert await read_all(response.body) == b"abc"


async def test_a_spool_reads_its_file_in_pieces():
    spool = Spool(10)
    data = bytes(range(256)) * 1024
    assert await spool.fill(Pieces(data[:100_000], data[100_000:]).stream(), 0)
    for _ in range(2):
        body = spool.body()
        assert isinstance(body, FileBody)
        pieces = []
        while piece := await body.read():
            pieces.append(piece)
        assert b"".join(pieces) == data
        assert max(map(len, pieces)) <= 65536
    spool.close()


class Failing:
    """A server with a status, or a failure, for each attempt."""

    def __init__(self, *script: int | ProxyError) -> None:
        self.script = list(script)
        self.bodies: list[bytes] = []

    async def __call__(self, request: Request) -> Response:
        self.bodies.append(await read_all(request.body))
        step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(step, ProxyError):
            raise step
        return Response(step, Headers(), Bytes(b"answer"))


@pytest.mark.parametrize(
    ("expression", "method", "body", "script", "status", "attempts"),
    [
        ("IsNetworkError()", "POST", b"x", [502, 504, 200], 200, 3),
        ("IsNetworkError()", "POST", b"x", [ProxyError(Kind.UNREACHABLE), 200], 200, 2),
        ("IsNetworkError()", "POST", b"x", [503, 200], 503, 1),
        ("IsNetworkError() && Attempts() < 2", "POST", b"x", [502, 502, 200], 502, 2),
        ("ResponseCode() >= 500", "POST", b"x", [500], 500, 11),
        ('RequestMethod() == "PUT" && ResponseCode() == 500', "PUT", b"x", [500, 200], 200, 2),
        ('RequestMethod() != "PUT" && ResponseCode() == 500', "PUT", b"x", [500, 200], 500, 1),
        ("IsNetworkError()", "GET", b"", [502, 200], 502, 1),
    ],
)
async def test_requests_that_go_out_again(expression, method, body, script, status, attempts):
    server = Failing(*script)
    config = Buffering(retry_expression=expression)
    assert (await run(build("buffering", config, server), make_request(method=method, body=body)))[0] == status
    assert server.bodies == [body] * attempts


async def test_a_file_is_sent_again_from_its_beginning():
    server = Failing(502, 502, 200)
    config = Buffering(retry_expression="IsNetworkError()", mem_request_body_bytes=1)
    await run(build("buffering", config, server), make_request(method="POST", body=Pieces(b"12", b"345").stream()))
    assert server.bodies == [b"12345"] * 3


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"max_request_body_bytes": -1}, "max bytes should be >= 0 got -1"),
        ({"max_response_body_bytes": -2}, "max bytes should be >= 0 got -2"),
        ({"mem_request_body_bytes": -1}, "mem bytes should be >= 0 got -1"),
        ({"mem_response_body_bytes": -1}, "mem bytes should be >= 0 got -1"),
        ({"retry_expression": "Nope()"}, "1:1: unsupported function: Nope"),
        ({"retry_expression": "Attempts() < 2 &&"}, "1:18: the expression ends too early"),
        ({"retry_expression": "Attempts() < 2.5"}, "1:14: expected int, got float64"),
    ],
)
def test_bad_configuration(options: dict[str, Any], text: str):
    with pytest.raises(ValueError) as raised:
        build("buffering", Buffering(**options), Origin())
    assert str(raised.value) == text


async def test_through_a_listener():
    seen = Seen()
    big = b"x" * 300_000
    options = "buffering: {memRequestBodyBytes: 1000, maxRequestBodyBytes: 400000, memResponseBodyBytes: 1000}"
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    async with backend(lambda n, head, body: chunked if not body else plain(200, body), seen) as port:
        async with live(routed(options, port)) as web:
            small = await ask(web, "GET /")
            large = await ask(web, "PUT /", big)
            refused = await ask(web, "PUT /", b"x" * 400_001)
    assert (small[1]["content-length"], small[2]) == ("5", b"abcde")
    assert large[2] == big
    assert (refused[0], refused[2]) == (413, b"Request Entity Too Large")
    assert "Content-Length: 300000" in seen.heads[1]
    assert len(seen.heads) == 2


async def test_what_is_packed_stays_packed() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    origin = Origin(headers=[("Content-Encoding", "gzip")], body=bomb)
    config = Buffering(max_request_body_bytes=100_000, max_response_body_bytes=100_000)
    handler = build("buffering", config, origin)
    request = make_request(method="POST", headers=[("Content-Encoding", "gzip")], body=bomb)
    assert len(bomb) < 100_000
    assert await run(handler, request) == (200, {"Content-Encoding": "gzip"}, bomb)
    assert await read_all(origin.last.body) == bomb
