"""How connections come in: bare or through the event loop, changed while they do, and out of descriptors."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.loopback import PATIENCE, until
from trafficcop.server import door
from trafficcop.server.door import Door


class Hall:
    """What came in, and how."""

    def __init__(self) -> None:
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.sock.getsockname()[1]
        self.bare: list[socket.socket] = []
        self.transports: list[asyncio.Transport] = []
        self.takes_bare = True
        self.door = Door(self.sock, self.accept, self.take)

    def accept(self) -> asyncio.Protocol:
        hall = self

        class Guest(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                hall.transports.append(transport)  # type: ignore[arg-type]

        return Guest()

    def take(self, sock: socket.socket, name: object) -> bool:
        assert name == sock.getpeername()
        assert sock.gettimeout() == 0
        if self.takes_bare:
            self.bare.append(sock)
        return self.takes_bare

    async def come(self) -> socket.socket:
        sock = socket.socket()
        sock.setblocking(False)
        try:
            async with asyncio.timeout(PATIENCE):
                await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", self.port))
        except OSError:
            sock.close()
            raise
        return sock


@asynccontextmanager
async def hall() -> AsyncIterator[Hall]:
    found = Hall()
    try:
        yield found
    finally:
        await found.door.close()
        for transport in found.transports:
            transport.abort()
        for sock in (found.sock, *found.bare):
            sock.close()
        await asyncio.sleep(0)


async def test_it_changes_while_connections_come() -> None:
    async with hall() as found:
        await found.door.open()
        guests = [await found.come()]
        await until(lambda: len(found.transports) == 1)
        found.door.prefer_bare(True)
        guests.append(await found.come())
        await until(lambda: len(found.bare) == 1)
        found.door.prefer_bare(False)
        found.takes_bare = False
        guests.append(await found.come())
        await until(lambda: len(found.transports) == 2)
        for wanted in (True, False, True):
            found.door.prefer_bare(wanted)
        found.takes_bare = True
        await asyncio.sleep(0.01)
        guests.append(await found.come())
        await until(lambda: len(found.bare) == 2)
        for guest in guests:
            guest.close()


async def test_who_is_not_taken_bare_gets_a_transport() -> None:
    async with hall() as found:
        found.takes_bare = False
        found.door.prefer_bare(True)
        await found.door.open()
        guest = await found.come()
        await until(lambda: len(found.transports) == 1)
        guest.close()


@pytest.mark.parametrize("is_bare", [True, False])
async def test_who_waits_when_it_closes_is_still_let_in(is_bare: bool) -> None:
    async with hall() as found:
        found.door.prefer_bare(is_bare)
        await found.door.open()
        guest = socket.create_connection(("127.0.0.1", found.port))
        await found.door.close()
        await until(lambda: len(found.transports) + len(found.bare) == 1)
        guest.close()
        with pytest.raises(ConnectionRefusedError):
            await found.come()


async def test_without_descriptors_it_rests_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "_REST_SECONDS", 0.01)

    class Exhausted:
        """A socket that cannot accept at first."""

        def __init__(self, sock: socket.socket) -> None:
            self.sock = sock
            self.failures = 2

        def accept(self) -> object:
            if self.failures:
                self.failures -= 1
                raise OSError(errno.EMFILE, "Too many open files")
            return self.sock.accept()

        def __getattr__(self, name: str) -> object:
            return getattr(self.sock, name)

    async with hall() as found:
        exhausted = Exhausted(found.sock)
        found.door = Door(exhausted, found.accept, found.take)  # type: ignore[arg-type]
        found.door.prefer_bare(True)
        await found.door.open()
        guest = await found.come()
        await until(lambda: len(found.bare) == 1)
        assert exhausted.failures == 0
        guest.close()
