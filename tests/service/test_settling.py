"""However an exchange ends, it is counted, judged and mirrored once: as an Answer that is followed, or awaited."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable

import pytest

from tests.live import Seen, backend, plain, running
from tests.loopback import until
from tests.pieces import Pieces, body_of
from tests.support import Origin, make_request, read_all
from trafficcop.config.dynamic import Cookie, PassiveHealthCheck, Sticky
from trafficcop.errors import Kind, ProxyError
from trafficcop.http.answer import Answer
from trafficcop.http.headers import Headers
from trafficcop.http.messages import Handler, Request, Response
from trafficcop.http.watched import watch
from trafficcop.proxy.upgrade import TransportTunnel
from trafficcop.service.conditions import Judge
from trafficcop.service.load_balancer import LoadBalancer
from trafficcop.service.mirroring import Mirror, Mirroring
from trafficcop.service.servers import Server
from trafficcop.store.servers import ServerTable, SharedServers

URL = "http://192.0.2.0"


class Asked:
    """A server that answers when it is told to; its answers can be followed if `is_answer`."""

    def __init__(self, is_answer: bool = True) -> None:
        self.is_answer = is_answer
        self.answers: list[Answer] = []
        self.given_up = 0

    def __call__(self, request: Request) -> Awaitable[Response]:
        self.answers.append(Answer(self))
        return self.answers[-1] if self.is_answer else self._wait(self.answers[-1])

    async def _wait(self, answer: Answer) -> Response:
        response: Response = await answer
        return response

    def give_up(self, answer: Answer) -> None:
        self.given_up += 1


class Line(asyncio.Transport):
    """A server's transport, as much of it as the end of a tunnel needs."""

    def __init__(self) -> None:
        super().__init__()
        self.is_closed = False

    def abort(self) -> None:
        self.is_closed = True


class Exchange:
    """One request through a balancer, by a client that waits for it in a task."""

    def __init__(self, handler: Handler, server: Asked, total: Callable[[], int]) -> None:
        self.server = server
        self.total = total
        self._handler = handler
        self.task = asyncio.ensure_future(self._serve())

    async def _serve(self) -> Response:
        return await self._handler(make_request())

    async def begin(self) -> Answer:
        await until(lambda: self.server.answers != [])
        assert self.total() == 1
        return self.server.answers[0]

    async def response(self, content: bytes | Pieces) -> Response:
        answer = await self.begin()
        answer.succeed(Response(200, Headers(), body_of(content)))
        return await self.task

    async def leave(self) -> None:
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.task


async def whole(exchange: Exchange) -> None:
    await exchange.response(b"all")


async def empty(exchange: Exchange) -> None:
    await exchange.response(b"")


async def read(exchange: Exchange) -> None:
    response = await exchange.response(Pieces(b"one", b"two"))
    assert exchange.total() == 1
    assert await read_all(response.body) == b"onetwo"


async def closed(exchange: Exchange) -> None:
    response = await exchange.response(Pieces(b"one", is_endless=True))
    assert exchange.total() == 1
    response.body.close()
    response.body.close()


async def broken_off(exchange: Exchange) -> None:
    response = await exchange.response(Pieces(b"one", error=ProxyError(Kind.SERVER_CLOSED)))
    with pytest.raises(ProxyError):
        await read_all(response.body)
    response.body.close()


async def tunnel(exchange: Exchange) -> None:
    response = Response(101, Headers())
    response.tunnel = TransportTunnel(Line(), b"")
    (await exchange.begin()).succeed(response)
    tunnel = (await exchange.task).tunnel
    assert tunnel is not None
    assert exchange.total() == 1
    tunnel.close()
    tunnel.close()


async def failed(exchange: Exchange) -> None:
    (await exchange.begin()).fail(ProxyError(Kind.SERVER_CLOSED))
    with contextlib.suppress(ProxyError):  # with a cookie, it is an answer
        (await exchange.task).body.close()


async def client_gone(exchange: Exchange) -> None:
    await exchange.begin()
    await exchange.leave()
    assert exchange.server.given_up == 1


async def client_gone_too_late(exchange: Exchange) -> None:
    answer = await exchange.begin()
    answer.succeed(Response(200, Headers(), Pieces(b"one", is_endless=True).stream()))
    await exchange.leave()  # before it has heard


async def never_begun(exchange: Exchange) -> None:
    await exchange.leave()


ENDS = (whole, empty, read, closed, broken_off, tunnel, failed, client_gone, client_gone_too_late, never_begun)


@pytest.mark.parametrize("is_answer", [True, False])
@pytest.mark.parametrize("is_sticky", [True, False])
@pytest.mark.parametrize("strategy", ["p2c", "leasttime", "leastConn", "consistentHash"])
@pytest.mark.parametrize("end", ENDS)
async def test_a_request_is_released_once(
    end: Callable[[Exchange], Awaitable[None]], strategy: str, is_sticky: bool, is_answer: bool
) -> None:
    asked = Asked(is_answer)
    seat = SharedServers(ServerTable(2, 256), 0)
    server = Server(URL, 1, asked, tally=seat.tally("s", URL))
    Judge(seat.standing("s", [URL]), 1, PassiveHealthCheck(), None).watch([server])
    balancer = LoadBalancer("s", [server], strategy, Sticky(Cookie(name="lb")) if is_sticky else None)
    await end(Exchange(balancer, asked, server.tally.total))
    assert server.tally.total() == 0


@pytest.mark.parametrize("is_answer", [True, False])
@pytest.mark.parametrize(
    ("status", "kind", "is_ejected"),
    [
        (200, None, False),
        (499, None, False),
        (500, None, True),
        (0, Kind.SERVER_CLOSED, True),
        (0, Kind.CLIENT_GONE, False),
        (0, None, False),
    ],
)
async def test_an_answer_is_judged(status: int, kind: Kind | None, is_ejected: bool, is_answer: bool) -> None:
    asked = Asked(is_answer)
    server = Server(URL, 1, asked)
    standing = SharedServers(ServerTable(1, 64), 0).standing("s", [URL])
    standing.fail(0, 1)
    Judge(standing, 1, PassiveHealthCheck(), None).watch([server])
    exchange = Exchange(server.handler, asked, lambda: 1)
    answer = await exchange.begin()
    if kind is not None:
        answer.fail(ProxyError(kind))
    elif status:
        answer.succeed(Response(status, Headers()))
    else:
        await exchange.leave()
    with contextlib.suppress(ProxyError, asyncio.CancelledError):
        await exchange.task
    assert (standing.until(0) > 0) is is_ejected
    assert standing.fail(0, 2) == (1 if 0 < status < 500 else 3 if is_ejected else 2)  # a success forgives


@pytest.mark.parametrize("is_answer", [True, False])
@pytest.mark.parametrize(("kind", "is_copied"), [(None, True), (Kind.SERVER_CLOSED, True), (Kind.CLIENT_GONE, False)])
async def test_mirrors_are_asked_once_the_main_service_is_done(
    kind: Kind | None, is_copied: bool, is_answer: bool
) -> None:
    asked, mirror = Asked(is_answer), Origin()
    mirroring = Mirroring(asked, [Mirror(mirror, 100)])
    exchange = Exchange(mirroring, asked, lambda: 1)
    answer = await exchange.begin()
    assert not mirroring.under_way
    if kind is None:
        answer.succeed(Response(200, Headers()))
    else:
        answer.fail(ProxyError(kind))
    with contextlib.suppress(ProxyError):
        await exchange.task
    await until(lambda: not mirroring.under_way)
    assert len(mirror.requests) == is_copied


@pytest.mark.parametrize("is_answer", [True, False])
async def test_nobody_gets_a_copy_of_what_was_given_up(is_answer: bool) -> None:
    asked, mirror = Asked(is_answer), Origin()
    mirroring = Mirroring(asked, [Mirror(mirror, 100)])
    exchange = Exchange(mirroring, asked, lambda: 1)
    await exchange.begin()
    await exchange.leave()
    assert (mirroring.under_way, mirror.requests) == (set(), [])


async def test_what_comes_too_late_for_a_task_is_closed() -> None:
    pieces, line = Pieces(is_endless=True), Line()
    response = Response(101, Headers(), pieces.stream())
    response.tunnel = TransportTunnel(line, b"")
    over: list[None] = []
    watch(response, lambda: over.append(None))
    asked = Asked()
    exchange = Exchange(asked, asked, lambda: 1)
    (await exchange.begin()).succeed(response)
    await exchange.leave()
    assert (pieces.is_abandoned, line.is_closed, over) == (True, True, [None])


SERVICES = """
http:
  routers:
    to: {{rule: PathPrefix(`/`), service: busy, middlewares: [{middleware}]}}
  middlewares:
    again: {{retry: {{attempts: 2}}}}
    plain: {{addPrefix: {{prefix: /app}}}}
  services:
    busy:
      loadBalancer:
        strategy: {strategy}
        sticky: {{cookie: {{name: lb}}}}
        passiveHealthCheck: {{maxFailedAttempts: 1000}}
        servers: [{{url: "http://127.0.0.1:{port}/a"}}, {{url: "http://127.0.0.1:{port}/b"}}]
"""
LONG = b"x" * 2_000_000


def by_number(number: int, head: str, body: bytes) -> bytes:
    """Answers of all kinds: whole, long, in chunks, none, cut off, with an error."""
    chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
    replies = (plain(200, b"hello"), plain(200, LONG), chunks + b"0\r\n\r\n", b"", chunks + b"no size\r\n", plain(500))
    return replies[number % len(replies)]


@pytest.mark.parametrize("middleware", ["again", "plain"])  # with a coroutine, and without
@pytest.mark.parametrize("strategy", ["p2c", "leasttime", "leastConn", "consistentHash"])
async def test_nothing_is_under_way_when_everybody_has_gone(strategy: str, middleware: str) -> None:
    chance, seen = random.Random(7), Seen()

    async def client(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(chance.randrange(1, 6)):
            writer.write(b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n")
            with contextlib.suppress(ConnectionError, TimeoutError):
                await asyncio.wait_for(reader.read(chance.choice([1, 500, 100_000])), chance.choice([0, 0.001, 0.05]))
        writer.transport.abort()

    async with backend(by_number, seen) as origin:
        given = SERVICES.format(strategy=strategy, middleware=middleware, port=origin)
        async with running(given) as (port, worker):
            assert worker._linked is not None
            servers = worker._linked.balancers["busy@file"].servers
            for _ in range(4):
                await asyncio.gather(*[client(port) for _ in range(10)])
            await until(lambda: [server.tally.total() for server in servers] == [0, 0])
    assert len(seen.heads) > 40
