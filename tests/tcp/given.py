"""TCP between raw clients and scripted servers: a service alone, or a worker with its entry point."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from ssl import SSLContext
from typing import Any

from tests.control.given import compiled, static, told
from tests.loopback import PATIENCE, Client, Script, Scripted, Visit, until
from trafficcop.config.static import StaticConfiguration
from trafficcop.control.channel import parts_of
from trafficcop.http.streams import Abortable, ClientStream, StreamHandler
from trafficcop.server.peer import peer_of
from trafficcop.store.interface import Store
from trafficcop.store.local import LOCAL
from trafficcop.tcp.addresses import parse_address
from trafficcop.tcp.load_balancer import LoadBalancer, Member, Rotation
from trafficcop.tcp.server import Server
from trafficcop.tcp.terms import Relays, Terms
from trafficcop.worker.runtime import Runtime


class Door(asyncio.Protocol):
    """Hands a connection over: at once, or with its first bytes."""

    def __init__(self, entry: Entry, *, is_reading: bool) -> None:
        self._entry = entry
        self._is_reading = is_reading
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        if not self._is_reading:
            self._hand_over(b"")

    def data_received(self, data: bytes) -> None:
        self._hand_over(data)

    def _hand_over(self, received: bytes) -> None:
        entry = self._entry
        kept = Kept(entry, self._transport)
        entry.open += 1
        entry.kept.append(kept)
        entry.handler(ClientStream(self._transport, received, peer_of(self._transport), kept))


class Kept:
    """One connection that was handed over."""

    def __init__(self, entry: Entry, owner: Abortable | None) -> None:
        self._entry = entry
        self.owner = owner

    def on_closed(self) -> None:
        self._entry.open -= 1
        self._entry.closed += 1


class Entry:
    """Listens, and counts what is open."""

    def __init__(self, handler: StreamHandler, relays: Relays) -> None:
        self.handler = handler
        self.relays = relays
        self.open = 0
        self.closed = 0
        self.port = 0
        self.kept: list[Kept] = []
        self._clients: list[Client] = []

    async def client(self, **options: Any) -> Client:
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port, **options)
        client = Client(reader, writer)
        self._clients.append(client)
        return client

    async def is_over(self) -> None:
        """Wait until nothing is open any more."""
        await until(lambda: self.open == 0 and not len(self.relays.poller))

    def close(self) -> None:
        for client in self._clients:
            client.abort()


class Resolver:
    """Looks names up in a dictionary."""

    def __init__(self, **names: Sequence[str]) -> None:
        self.names = names

    async def __call__(self, host: str) -> Sequence[str]:
        if host not in self.names:
            raise OSError(f"no such host: {host}")
        return self.names[host]


def relays(**names: Sequence[str]) -> Relays:
    return Relays(Resolver(**names))


def balancer(addresses: Sequence[str], terms: Terms, shared: Relays, *, is_tls: bool = False) -> LoadBalancer:
    members = [
        Member(address, 1, Server(parse_address(address), terms, shared, is_tls=is_tls)) for address in addresses
    ]
    return LoadBalancer(Rotation(members))


@asynccontextmanager
async def entry(handler: StreamHandler, shared: Relays, *, is_reading: bool = False) -> AsyncIterator[Entry]:
    found = Entry(handler, shared)
    server = await asyncio.get_running_loop().create_server(
        lambda: Door(found, is_reading=is_reading), "127.0.0.1", 0, backlog=4096
    )
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        found.close()
        for kept in found.kept:
            if kept.owner is not None:
                kept.owner.abort()
        server.close()
        shared.close()
        await asyncio.sleep(0)


@asynccontextmanager
async def service(
    *servers: Scripted | str,
    terms: Terms | None = None,
    is_tls: bool = False,
    is_reading: bool = False,
    shared: Relays | None = None,
) -> AsyncIterator[Entry]:
    """A load balancer in front of `servers`: scripted ones, which are started and stopped, or addresses."""
    shared = shared or relays()
    addresses = []
    for one in servers:
        if isinstance(one, Scripted):
            await one.start()
            addresses.append(f"127.0.0.1:{one.port}")
        else:
            addresses.append(one)
    try:
        handler = balancer(addresses, terms or Terms(), shared, is_tls=is_tls)
        async with entry(handler, shared, is_reading=is_reading) as found:
            yield found
    finally:
        for one in servers:
            if isinstance(one, Scripted):
                await one.stop()


def closed_port() -> int:
    """A port of loopback where nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


class Site:
    """A worker that serves one entry point, `web`, by one configuration after the other."""

    def __init__(self, runtime: Runtime, port: int) -> None:
        self.runtime = runtime
        self.port = port
        self._version = 0
        self._clients: list[Client] = []

    def install(self, dynamic: str, given: StaticConfiguration) -> None:
        plan, report = compiled(dynamic, given)
        assert not told(report), told(report)
        self._version += 1
        linker = self.runtime.linker()
        for part in parts_of(replace(plan, version=self._version)):
            linker.add(part)
        steps = self.runtime.install(linker.finish())
        for _ in (*linker.clear_up(), *steps):
            pass

    async def client(self, **options: Any) -> Client:
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port, **options)
        client = Client(reader, writer)
        self._clients.append(client)
        return client

    async def ask(self, data: bytes, **options: Any) -> bytes:
        """Send, and read until the router closes."""
        client = await self.client(**options)
        await client.send(data)
        return await client.rest()

    def close(self) -> None:
        for client in self._clients:
            client.abort()


ENTRY_POINT = "entryPoints: {web: {address: '127.0.0.1:0'}}"


@asynccontextmanager
async def site(dynamic: str, static_text: str = ENTRY_POINT, store: Store = LOCAL) -> AsyncIterator[Site]:
    given = static(static_text)
    runtime = Runtime(given, store=store)
    with socket.create_server(("127.0.0.1", 0)) as sock:
        runtime.listen("web", sock)
        found = Site(runtime, sock.getsockname()[1])
        found.install(dynamic, given)
        await runtime.start()
        try:
            yield found
        finally:
            found.close()
            for listener in runtime.listeners.values():
                await listener.stop_accepting()
                listener.abort()
            await runtime.drain()


@asynccontextmanager
async def scripted(*scripts: Script, tls: SSLContext | None = None) -> AsyncIterator[list[Scripted]]:
    """Servers that run while the context does."""
    servers = [Scripted(script, tls) for script in scripts]
    for server in servers:
        await server.start()
    try:
        yield servers
    finally:
        for server in servers:
            await server.stop()


def says(word: bytes) -> Script:
    """A server that waits for a byte, says a word with what it was sent, and closes."""

    async def script(visit: Visit) -> None:
        data = await visit.reader.read(4096)
        await visit.send(word + b":" + data)

    return script


def balanced(name: str, *servers: Scripted, options: str = "") -> str:
    """A service of a configuration in YAML."""
    addresses = ", ".join(f"{{address: '127.0.0.1:{server.port}'}}" for server in servers)
    return f"{name}: {{loadBalancer: {{servers: [{addresses}]{options}}}}}"
