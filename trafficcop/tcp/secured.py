"""Streams that bare sockets cannot carry: TLS on either side, or a server whose name must be looked up first."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import cast

from trafficcop.errors import ProxyError
from trafficcop.http.messages import Peer
from trafficcop.http.relay import RelayEnd, join, nothing
from trafficcop.http.streams import ClientStream
from trafficcop.tcp.addresses import Endpoint, endpoint
from trafficcop.tcp.server import Server, Turns
from trafficcop.tcp.terms import Relays, Terms
from trafficcop.telemetry.log import get_logger

_log = get_logger(__name__)


class Unreachable(Exception):
    """A server that takes no connection, or none that we trust."""


def forward(server: Server, turns: Turns, stream: ClientStream) -> None:
    """Join a client with this server, or with the next one that can be reached."""
    client = Held(stream.on_closed)
    if isinstance(stream.connection, socket.socket):
        stream.keeper.owner = client
    else:
        client.transport = stream.connection
        stream.connection.set_protocol(client)
        stream.connection.pause_reading()
    server.relays.run(_forward(server, turns, stream, client))


async def _forward(server: Server, turns: Turns, stream: ClientStream, client: Held) -> None:
    transport = client.transport
    if isinstance(stream.connection, socket.socket):
        transport, _ = await asyncio.get_running_loop().connect_accepted_socket(lambda: client, stream.connection)
    if transport is None:
        return
    tried = 0
    while True:
        try:
            held = await _dial(server, stream.peer, transport)
            break
        except (Unreachable, ProxyError, OSError) as error:  # TimeoutError is an OSError without words
            reason = str(error) or "timed out"
            _log.error("Error while dialing backend: %s: %s", server.address, reason)
        tried += 1
        another = None if client.is_lost else turns.another(server, tried)
        if another is None:
            transport.close()
            return
        server = another
    _join(server, stream, client, held)


async def _dial(server: Server, peer: Peer, client: asyncio.Transport) -> Held:
    async with asyncio.timeout(server.terms.dial_timeout or None):
        sock = await connect(server)
    try:
        header = server.header_for(peer, _local(client))
        if header:
            await asyncio.get_running_loop().sock_sendall(sock, header)
        return await hold(server, sock)
    except BaseException:
        sock.close()
        raise


async def hold(server: Server, sock: socket.socket) -> Held:
    """A transport on a connected socket, with TLS if the server speaks it; what it says waits.

    Unreachable when nothing says how the server is to be verified, ProxyError when the handshake fails.
    """
    held = Held()
    if server.security is None:
        await asyncio.get_running_loop().create_connection(lambda: held, sock=sock)
        return held
    trust = server.terms.trust
    if not trust.server_name and not trust.is_unverified:
        raise Unreachable("TLS: either serverName or insecureSkipVerify must be set on the serversTransport")
    await server.security.start(sock, held.choose)
    return held


async def connect(server: Server) -> socket.socket:
    """A connected socket, to the first address of the host that takes it; OSError of the last one."""
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


class Held(asyncio.Protocol):
    """The protocol of either side before the two are joined: it is told to wait, and what it says all the same kept."""

    __slots__ = ("_on_closed", "early", "has_ended", "is_lost", "transport")

    def __init__(self, on_closed: Callable[[], None] = nothing) -> None:
        self._on_closed = on_closed
        self.is_lost = False
        self.transport: asyncio.Transport | None = None
        self.early = b""
        self.has_ended = False

    def choose(self, protocol: str) -> asyncio.Protocol:
        """Whatever the server speaks, it is relayed."""
        return self

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.pause_reading()

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        self.early += data

    def eof_received(self) -> bool:
        self.has_ended = True
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
        self._on_closed()


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


def _join(server: Server, stream: ClientStream, client: Held, held: Held) -> None:
    transport, own = held.transport, client.transport
    if transport is None or own is None or client.is_lost:
        for lost in (own, transport):
            if lost is not None:
                lost.abort()
        return
    end = StreamEnd(own, server.terms, server.relays, stream.on_closed)
    other = StreamEnd(transport, server.terms, server.relays, nothing)
    stream.keeper.owner = own
    join(end, other, stream.received + client.early, held.early)
    for one, before in ((end, client), (other, held)):
        if before.has_ended and not one.transport.is_closing() and not one.eof_received():
            one.transport.close()
