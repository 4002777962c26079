"""A client's connection that is not HTTP, and `StreamHandler`: who takes such a connection over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from trafficcop.http.messages import Peer


class Abortable(Protocol):
    """Whatever a connection has become."""

    def abort(self) -> None:
        """End it at once."""


class Keeper(Protocol):
    """Who counts a connection. `owner`: who can end it; the transport itself until somebody else says so."""

    owner: Abortable

    def on_closed(self) -> None:
        """It is over. To be called once: a listener that drains waits for that."""


class ClientStream:
    """The connection at the moment it is handed over; nobody keeps this. `received`: what was read from it already, in
    plain if its TLS was terminated here; the ClientHello too if TLS is passed through. `on_closed` is to be called
    once, when it is over."""

    __slots__ = ("keeper", "on_closed", "peer", "received", "transport")

    def __init__(self, transport: asyncio.Transport, received: bytes, peer: Peer, keeper: Keeper) -> None:
        self.transport = transport
        self.received = received
        self.peer = peer
        self.keeper = keeper
        self.on_closed: Callable[[], None] = keeper.on_closed

    def refuse(self) -> None:
        """Close the connection without a word."""
        self.transport.close()
        self.on_closed()


# Takes the transport over (`set_protocol`); never raises for what a client or a server does.
StreamHandler = Callable[[ClientStream], None]
