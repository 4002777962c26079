"""Streams that bare sockets cannot carry: TLS on either side, or a server whose name must be looked up first."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import cast

from trafficcop.http.relay import RelayEnd, join, nothing
from trafficcop.http.streams import ClientStream
from trafficcop.tcp.addresses import Endpoint, endpoint
from trafficcop.tcp.server import Server, Turns
from trafficcop.tcp.terms import Relays, Terms
from trafficcop.telemetry.log import get_logger

_log = get_logger(__name__)


class Unreachable(Exception):
    """A server that takes no connection, or none that we trust."""


async def forward(server: Server, turns: Turns, stream: ClientStream) -> None:
    """Join a client with this server, or with the next one that can be reached."""
    client = stream.transport
    watch = _Watch(stream.on_closed)
    client.set_protocol(watch)
    tried = 0
    while True:
        try:
            transport, held = await _dial(server, stream)
            break
        except (Unreachable, OSError) as error:  # TimeoutError is an OSError without words
            reason = str(error) or "timed out"
            _log.error("Error while dialing backend: %s: %s", server.address, reason)
        tried += 1
        another = None if watch.is_lost else turns.another(server, tried)
        if another is None:
            client.close()
            return
        server = another
    if watch.is_lost:
        transport.abort()
        return
    _join(server, stream, transport, held)


class _Watch(asyncio.Protocol):
    """The client's protocol until its server is connected."""

    __slots__ = ("_on_closed", "is_lost")

    def __init__(self, on_closed: Callable[[], None]) -> None:
        self._on_closed = on_closed
        self.is_lost = False

    def eof_received(self) -> bool:
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
        self._on_closed()


async def _dial(server: Server, stream: ClientStream) -> tuple[asyncio.Transport, Held]:
    terms = server.terms
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(terms.dial_timeout or None):
        sock = await connect(server)
    try:
        header = server.header_for(stream.peer, _local(stream.transport))
        if header:
            await loop.sock_sendall(sock, header)
        if server.is_tls:
            return await secure(sock, terms)
        return await loop.create_connection(Held, sock=sock)
    except BaseException:
        sock.close()
        raise


async def connect(server: Server) -> socket.socket:
    """A connected socket, to the first address of the host that takes it."""
    addresses = [server.host] if endpoint(server.host, 0) else await server.relays.resolve(server.host)
    failure: OSError = OSError(f"{server.host} has no address")
    for address in addresses:
        found = endpoint(address, server.port)
        if found is None:
            continue
        try:
            return await _open(found, server.terms)
        except OSError as error:
            failure = error
    raise failure


async def _open(found: Endpoint, terms: Terms) -> socket.socket:
    sock = socket.socket(found.family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        terms.tune(sock)
        await asyncio.get_running_loop().sock_connect(sock, found.address)
    except BaseException:
        sock.close()
        raise
    return sock


async def secure(sock: socket.socket, terms: Terms) -> tuple[asyncio.Transport, Held]:
    raise Unreachable("TLS to servers does not act yet")


class Held(asyncio.Protocol):
    """The server's protocol before it is joined: it is told to wait as soon as it is there."""

    __slots__ = ("early", "has_ended")

    def __init__(self) -> None:
        self.early = b""
        self.has_ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).pause_reading()

    def data_received(self, data: bytes) -> None:
        self.early += data

    def eof_received(self) -> bool:
        self.has_ended = True
        return True


def _local(transport: asyncio.Transport) -> tuple[str, int]:
    name = transport.get_extra_info("sockname")
    return (str(name[0]), int(name[1])) if isinstance(name, tuple) else ("", 0)


class StreamEnd(RelayEnd):
    """An end of a stream: when it has said all, the other one has only so much time left."""

    __slots__ = ("_relays", "_terms")

    def __init__(
        self, transport: asyncio.Transport, terms: Terms, relays: Relays, on_closed: Callable[[], None]
    ) -> None:
        super().__init__(transport, on_closed)
        self._terms = terms
        self._relays = relays

    def on_half_closed(self) -> None:
        delay = self._terms.termination_delay
        if delay is None:
            return
        if delay > 0:
            self._relays.delays(delay).add(self)
        else:
            self.transport.close()

    def on_delay(self) -> None:
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._terms.termination_delay:
            self._relays.delays(self._terms.termination_delay).discard(self)
        super().connection_lost(exc)


def _join(server: Server, stream: ClientStream, transport: asyncio.Transport, held: Held) -> None:
    client = StreamEnd(stream.transport, server.terms, server.relays, stream.on_closed)
    other = StreamEnd(transport, server.terms, server.relays, nothing)
    join(client, other, stream.received, held.early)
    if held.has_ended and not transport.is_closing() and not other.eof_received():
        transport.close()
