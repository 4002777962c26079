"""A client's connection that is not HTTP, and `StreamHandler`: who takes such a connection over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from trafficcop.http.messages import Peer


class ClientStream:
    """The connection at the moment it is handed over. `received`: what was read from it already, in plain if its TLS
    was terminated here; the ClientHello too if TLS is passed through. `on_closed` is called once, when it is over: a
    listener that drains waits for that."""

    __slots__ = ("on_closed", "peer", "received", "transport")

    def __init__(
        self, transport: asyncio.Transport, received: bytes, peer: Peer, on_closed: Callable[[], None]
    ) -> None:
        self.transport = transport
        self.received = received
        self.peer = peer
        self.on_closed = on_closed


# Takes the transport over (`set_protocol`); never raises for what a client or a server does.
StreamHandler = Callable[[ClientStream], None]
