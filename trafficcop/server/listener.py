"""One entry point in one worker: accepts connections and knows which are open."""

from __future__ import annotations

import asyncio
import socket
from time import monotonic
from typing import TYPE_CHECKING, Final

from trafficcop.config.entry_points import HTTP2, EntryPoint
from trafficcop.http.deadlines import NEVER, Deadlines
from trafficcop.http.h2.terms import Terms
from trafficcop.http.messages import Peer
from trafficcop.http.streams import Abortable, ClientStream, StreamHandler
from trafficcop.rules.tcp_matchers import TCPFacts
from trafficcop.server.admission import Admission
from trafficcop.server.connection import Connection
from trafficcop.server.door import Door
from trafficcop.server.entrance import Downstream, TimedDownstream
from trafficcop.server.entry_routes import EntryRoutes
from trafficcop.server.limits import header_limit
from trafficcop.server.observer import Observer
from trafficcop.server.peer import peer_named
from trafficcop.server.pipeline import pipeline_of
from trafficcop.server.preface import Preface
from trafficcop.server.proxy_protocol import ProxyProtocol
from trafficcop.telemetry.log import get_logger

if TYPE_CHECKING:
    from trafficcop.server.h2 import H2Connection

_log = get_logger(__name__)


class _Relayed:
    """A connection that a TCP router has taken over: a drain waits until it is closed."""

    __slots__ = ("_listener", "owner")

    def __init__(self, listener: Listener, owner: Abortable | None) -> None:
        self._listener = listener
        self.owner = owner

    def on_closed(self) -> None:
        self._listener.connections.discard(self)

    def close_if_idle(self) -> None:
        """Nobody can tell when a stream is idle."""

    def abort(self) -> None:
        if self.owner is not None:
            self.owner.abort()


# What net/http allows beside maxHeaderBytes, because each field counts 32 bytes more in HTTP/2 (`h2_bundle.go`).
_FIELDS_OVERHEAD: Final = 320


def _terms_of(options: HTTP2, max_header_bytes: int) -> Terms:
    """0 is the default, as in net/http."""
    return Terms(
        is_client=False,
        max_streams=options.max_concurrent_streams or 250,
        header_limit=max_header_bytes + _FIELDS_OVERHEAD,
        decoder_table=options.max_decoder_header_table_size or 4096,
        encoder_table=options.max_encoder_header_table_size or 4096,
    )


class Listener:
    """Accepts on the sockets of one entry point; `install` swaps its routes. `secure` is for what came by TLS."""

    __slots__ = (
        "_door",
        "_proxy_protocol",
        "appends_forwarded_for",
        "connections",
        "deadlines",
        "h2_terms",
        "has_keep_alive_limits",
        "idle_timeout",
        "is_draining",
        "max_header_bytes",
        "max_requests",
        "max_time",
        "name",
        "pipeline",
        "read_timeout",
        "routes",
        "secure",
        "write_timeout",
    )

    def __init__(
        self,
        name: str,
        entry_point: EntryPoint,
        sock: socket.socket,
        routes: EntryRoutes,
        deadlines: Deadlines,
        observer: Observer | None = None,
    ) -> None:
        timeouts = entry_point.transport.responding_timeouts
        self.name = name
        self.routes = routes
        admission = Admission(entry_point)
        self.pipeline = pipeline_of(admission, routes.http, observer)
        self.secure = pipeline_of(admission, routes.https, observer)
        self.connections: set[Downstream] = set()
        self.max_header_bytes = header_limit(entry_point.http.max_header_bytes)
        self.read_timeout = timeouts.read_timeout.seconds or NEVER
        self.write_timeout = timeouts.write_timeout.seconds or NEVER
        self.idle_timeout = timeouts.idle_timeout.seconds or self.read_timeout
        self.max_requests = entry_point.transport.keep_alive_max_requests
        self.max_time = entry_point.transport.keep_alive_max_time.seconds
        self.appends_forwarded_for = not entry_point.forwarded_headers.not_append_x_forwarded_for
        self.h2_terms = _terms_of(entry_point.http2, self.max_header_bytes)
        self.has_keep_alive_limits = self.max_requests > 0 or self.max_time > 0
        self.is_draining = False
        self._proxy_protocol = ProxyProtocol.of(entry_point.proxy_protocol)
        self.deadlines = deadlines
        self._door = Door(sock, self.accept, self._take)
        for limit in (self.read_timeout, self.write_timeout, self.idle_timeout):
            deadlines.refine(limit)

    async def start(self) -> None:
        await self._door.open()

    def install(self, routes: EntryRoutes) -> None:
        """From now on new requests and new connections go by these."""
        self.routes = routes
        self.pipeline.handler = routes.http
        self.secure.handler = routes.https
        is_immediate = routes.streams is not None and routes.streams.is_immediate
        self._door.prefer_bare(is_immediate and self._proxy_protocol is None)

    def accept(self) -> asyncio.Protocol:
        """The protocol of a new connection."""
        return Preface(self, self._proxy_protocol)

    def connect(self, peer: Peer | None, *, is_h2: bool = False) -> Connection | H2Connection:
        """What speaks HTTP with a client. `peer` None: its address is to be asked of the transport."""
        if not is_h2:
            return Connection(self, peer)
        from trafficcop.server.h2 import H2Connection

        return H2Connection(self, peer)

    def _take(self, sock: socket.socket, name: object) -> bool:
        """A connection to TCP routers that need no byte of it; not taken if none of them wants it."""
        streams = self.routes.streams
        if streams is None or not streams.is_immediate:
            return False
        peer = peer_named(name)
        handler = streams.match_plain(TCPFacts(peer_ip=peer.text))
        if handler is None:
            return False
        keeper = _Relayed(self, None)
        self.connections.add(keeper)
        handler(ClientStream(sock, b"", peer, keeper))
        return True

    def relay(self, handler: StreamHandler, transport: asyncio.Transport, received: bytes, peer: Peer) -> None:
        """Hand a connection that is no HTTP to a TCP router."""
        stream = _Relayed(self, transport)
        self.connections.add(stream)
        handler(ClientStream(transport, received, peer, stream))

    # === what connections tell ===

    def add(self, connection: TimedDownstream) -> None:
        self.connections.add(connection)
        self.deadlines.members.add(connection)

    def discard(self, connection: TimedDownstream) -> None:
        self.connections.discard(connection)
        self.deadlines.members.discard(connection)

    def may_keep_alive(self, served: int, opened_at: float) -> bool:
        """Traefik `pkg/server/keep_alive_middleware.go`: the request that reaches a limit is the connection's last."""
        if 0 < self.max_requests <= served:
            return False
        return not (0 < self.max_time < monotonic() - opened_at)

    def report(self, error: BaseException | None) -> None:
        """An exchange ended without an answer: a bug of ours, unless the client left."""
        if error is not None:
            _log.error("a request ended without an answer: %r", error)

    # === drain ===

    async def stop_accepting(self) -> None:
        """Close the listening socket after taking what already waits in its queue."""
        self.is_draining = True
        await self._door.close()

    def close_idle(self) -> None:
        for connection in list(self.connections):
            connection.close_if_idle()

    def abort(self) -> None:
        for connection in list(self.connections):
            connection.abort()
