"""A connection between its ClientHello and the end of the handshake."""

from __future__ import annotations

import asyncio

from trafficcop.http.deadlines import NEVER
from trafficcop.http.messages import Peer
from trafficcop.http.streams import StreamHandler
from trafficcop.server.entrance import Entrance
from trafficcop.telemetry.log import get_logger
from trafficcop.tls.engine import Endpoint
from trafficcop.tls.facts import TLSFacts
from trafficcop.tls.stream import TLSStream

_log = get_logger(__name__)


class Securing:
    """Waits for the handshake, no longer than `deadline`, and hands over to HTTP or to `handler`."""

    __slots__ = ("_handler", "_listener", "_options", "_peer", "_server_name", "_transport", "deadline")

    def __init__(
        self,
        listener: Entrance,
        peer: Peer,
        options: str,
        server_name: str,
        handler: StreamHandler | None,
        deadline: float,
    ) -> None:
        self._listener = listener
        self._peer = peer
        self._options = options
        self._server_name = server_name
        self._handler = handler
        self._transport: asyncio.Transport | None = None
        self.deadline = deadline

    def start(self, endpoint: Endpoint, transport: asyncio.Transport, received: bytes) -> None:
        self._transport = transport
        self._listener.add(self)
        TLSStream(endpoint, self._on_secured, self._on_failed).take_over(transport, received)

    def _on_secured(self, stream: TLSStream) -> None:
        listener, peer = self._listener, self._peer
        listener.discard(self)
        peer.tls = TLSFacts(stream.engine, self._options, self._server_name)
        if self._handler is not None:
            listener.relay(self._handler, stream, b"", peer)
            return
        protocol = listener.connect(peer, is_h2=stream.engine.selected_alpn_protocol() == "h2")
        stream.set_protocol(protocol)
        protocol.connection_made(stream)

    def _on_failed(self, error: Exception | None) -> None:
        self._listener.discard(self)
        if error is not None:
            _log.debug("TLS handshake with %s failed: %s", self._peer.text, error)

    # === time, and drain ===

    def on_deadline(self) -> None:
        self.deadline = NEVER
        self.abort()

    def close_if_idle(self) -> None:
        """A handshake is no idleness: what follows it decides."""

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()
