"""Pools: who waits for a connection gets the first one there is."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from tests.loopback import Scripted, Visit, until
from tests.support import make_request
from trafficcop.errors import Kind, ProxyError
from trafficcop.http.deadlines import Deadlines
from trafficcop.http.drive import Drive
from trafficcop.http.messages import Response, Target
from trafficcop.proxy.forward import Forward
from trafficcop.proxy.h1 import ServerConnection
from trafficcop.proxy.origin import Limits, Origin
from trafficcop.proxy.pool import Pool
from trafficcop.proxy.pools import Pools


class Dials:
    """Connections that come about when they are told to."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.coming: list[asyncio.Future[ServerConnection]] = []

    async def __call__(self) -> ServerConnection:
        future: asyncio.Future[ServerConnection] = asyncio.get_running_loop().create_future()
        self.coming.append(future)
        return await future

    def wait(self) -> asyncio.Task[ServerConnection]:
        return asyncio.create_task(self.pool.first(self))


@pytest.fixture
def dials() -> Dials:
    return Dials(Pools(Deadlines()).get(Origin("http", "192.0.2.1", 80), Limits()))


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_connection_that_becomes_free_goes_to_who_waits_longest(dials: Dials) -> None:
    first, second = dials.wait(), dials.wait()
    await turns()
    free, new = ServerConnection(dials.pool), ServerConnection(dials.pool)
    dials.pool.release(free)
    assert await first is free
    dials.coming[0].set_result(new)
    assert await second is new
    dials.coming[1].set_result(late := ServerConnection(dials.pool))
    await turns()
    assert dials.pool.take() is late  # kept for the next
    assert dials.pool.take() is None


async def test_a_dial_that_fails_is_told_once_there_are_more_who_wait_than_dials(dials: Dials) -> None:
    first, second = dials.wait(), dials.wait()
    await turns()
    dials.pool.release(ServerConnection(dials.pool))
    await first
    dials.coming[1].set_exception(ProxyError(Kind.UNREACHABLE))
    await turns()
    assert not second.done()  # the other dial is for it
    dials.coming[0].set_exception(ProxyError(Kind.TIMEOUT))
    with pytest.raises(ProxyError) as raised:
        await second
    assert raised.value.kind is Kind.TIMEOUT


async def test_dials_that_fail_in_one_turn_are_told_to_all_who_wait(dials: Dials) -> None:
    waiting = [dials.wait() for _ in range(4)]
    await turns()
    for coming in dials.coming:  # nobody listens: the kernel says so at once
        coming.set_exception(ProxyError(Kind.UNREACHABLE))
    await turns()
    assert [task.done() for task in waiting] == [True] * 4
    for task in waiting:
        with pytest.raises(ProxyError):
            await task


async def test_who_leaves_is_not_waited_on(dials: Dials) -> None:
    errors: list[BaseException | None] = []
    drive = Drive(errors.append)

    async def wait() -> None:
        await dials.pool.first(dials)

    drive.start(wait())
    second = dials.wait()
    await turns()
    drive.throw(ConnectionError())
    assert isinstance(errors[0], ConnectionError)
    dials.coming[0].set_result(connection := ServerConnection(dials.pool))
    assert await second is connection


async def test_who_is_cancelled_when_the_connection_is_there_leaves_it_to_others(dials: Dials) -> None:
    first = dials.wait()
    await turns()
    dials.pool.release(connection := ServerConnection(dials.pool))
    first.cancel()
    await turns()
    assert first.cancelled()
    assert dials.pool.take() is connection


async def test_a_retired_pool_dials_only_for_those_who_wait(dials: Dials) -> None:
    first, second = dials.wait(), dials.wait()
    await turns()
    dials.pool.retire()
    await turns()
    first.cancel()
    await turns()
    assert not any(dial.cancelled() for dial in dials.coming)
    second.cancel()
    await turns()
    assert all(dial.cancelled() for dial in dials.coming)


def hold_connecting(monkeypatch: pytest.MonkeyPatch) -> list[asyncio.Event]:
    """Whoever connects from now on waits at a gate of its own."""
    loop = asyncio.get_running_loop()
    gates: list[asyncio.Event] = []
    connect = loop.sock_connect

    async def wait_and_connect(sock: socket.socket, address: Any) -> None:
        gates.append(gate := asyncio.Event())
        await gate.wait()
        await connect(sock, address)

    monkeypatch.setattr(loop, "sock_connect", wait_and_connect)
    return gates


async def test_a_request_that_waits_is_sent_on_what_becomes_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """And once more on a new connection, if the server closes that one just then."""

    async def script(visit: Visit) -> None:
        while await visit.head():
            if visit is server.visits[0] and len(visit.heads) == 2:
                break
            await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    server = Scripted(script)
    await server.start()
    pool = Pools(Deadlines()).get(Origin.of(server.url), Limits())
    first = await pool.dial()
    gates = hold_connecting(monkeypatch)
    forward = Forward(pool, Target("s@file", server.url))

    async def ask() -> Response:
        return await forward(make_request())

    waiting = asyncio.create_task(ask())
    await turns()
    pool.release(first)
    assert (await waiting).status == 200
    assert pool.take() is first
    waiting = asyncio.create_task(ask())
    await turns()
    pool.release(first)
    await until(lambda: len(gates) == 3)
    gates[2].set()
    assert (await waiting).status == 200
    assert [len(visit.heads) for visit in server.visits] == [2, 1]
    pool.retire()
    await until(lambda: not pool.open)
    await server.stop()
