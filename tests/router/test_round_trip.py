"""`respondingTimeouts.roundTrip`: what a client gets when the whole exchange takes too long, and when it does not."""

from __future__ import annotations

import asyncio

import pytest

from tests.live import ask, backend, live, plain
from tests.pieces import Pieces
from tests.support import Origin, make_request, read_all, run
from trafficcop.errors import Kind, ProxyError
from trafficcop.http.drive import Drive, Wakeup
from trafficcop.http.headers import Headers
from trafficcop.http.messages import Request, Response, Tunnel
from trafficcop.router.round_trip import RoundTrip


class Hanging:
    """A server that never answers; notes how the wait ended."""

    def __init__(self) -> None:
        self.error: BaseException | None = None

    async def __call__(self, request: Request) -> Response:
        try:
            await Wakeup()
        except BaseException as error:
            self.error = error
            raise
        raise AssertionError("nobody wakes it")


async def test_an_answer_in_time():
    assert await run(RoundTrip(60, Origin(201, body=b"x")), make_request()) == (201, {}, b"x")


async def test_no_answer_in_time():
    server = Hanging()
    with pytest.raises(ProxyError) as raised:
        await RoundTrip(0.01, server)(make_request())
    assert raised.value.status == 504
    assert isinstance(server.error, ProxyError)


async def test_failures_pass():
    async def unreachable(request: Request) -> Response:
        raise ProxyError(Kind.UNREACHABLE)

    with pytest.raises(ProxyError) as raised:
        await RoundTrip(60, unreachable)(make_request())
    assert raised.value.kind is Kind.UNREACHABLE


async def test_a_client_that_leaves_takes_the_request_with_it():
    server = Hanging()
    ends: list[BaseException | None] = []
    drive = Drive(ends.append)

    async def serve() -> None:
        await RoundTrip(60, server)(make_request())

    drive.start(serve())
    gone = ProxyError(Kind.CLIENT_GONE)
    drive.throw(gone)
    assert ends == [gone]
    assert server.error is gone


async def test_a_body_that_does_not_end_in_time():
    class Exchange:
        aborted = asyncio.Event()

        def abort(self) -> None:
            self.aborted.set()

    body = Pieces(is_endless=True)

    async def slow(request: Request) -> Response:
        return Response(200, Headers(), body.stream())

    request = make_request()
    request.exchange = Exchange()  # type: ignore[assignment]
    await RoundTrip(0.01, slow)(request)
    await Exchange.aborted.wait()
    assert body.is_abandoned


async def test_an_upgraded_connection_has_no_limit():
    tunnel = Tunnel()

    async def upgraded(request: Request) -> Response:
        response = Response(101, Headers())
        response.tunnel = tunnel
        return response

    assert (await RoundTrip(0.01, upgraded)(make_request())).tunnel is tunnel


async def test_a_body_that_was_read_stops_the_clock():
    response = await RoundTrip(60, Origin(body=b"x"))(make_request())
    assert await read_all(response.body) == b"x"


def routed(port: int, limit: str) -> str:
    return (
        "http:\n"
        f"  routers: {{r: {{rule: PathPrefix(`/`), service: s, respondingTimeouts: {{roundTrip: {limit}}}}}}}\n"
        f"  services: {{s: {{loadBalancer: {{servers: [{{url: 'http://127.0.0.1:{port}'}}]}}}}}}\n"
    )


async def test_through_a_listener():
    half = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345"

    def answer(number: int, head: str, body: bytes) -> bytes:
        return plain(200, b"fine") if "/fast" in head else half if "/half" in head else b"HTTP/1.1 "

    async with backend(answer) as port, live(routed(port, "200ms")) as web:
        fast = await ask(web, "GET /fast")
        slow = await ask(web, "GET /slow")
        cut_off = await ask(web, "GET /half")
    assert (fast[0], fast[2]) == (200, b"fine")
    assert (slow[0], slow[2]) == (504, b"Gateway Timeout")
    assert (cut_off[1]["content-length"], cut_off[2]) == ("10", b"12345")
