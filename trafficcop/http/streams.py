"""A client's connection that is not HTTP, and `StreamHandler`: who takes such a connection over."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Protocol

from trafficcop.http.messages import Peer


class Abortable(Protocol):
    """Whatever a connection has become."""

    def abort(self) -> None:
        """End it at once."""


class Keeper(Protocol):
    """Who counts a connection. `owner`: who can end it; the transport itself, if there is one, until somebody else says
    so."""

    owner: Abortable | None

    def on_closed(self) -> None:
        """It is over. To be called once: a listener that drains waits for that."""


class ClientStream:
    """The connection at the moment it is handed over, as a transport or as a bare socket that does not block; nobody
    keeps this. `received`: what was read from it already, in
    plain if its TLS was terminated here; the ClientHello too if TLS is passed through. `on_closed` is to be called
    once, when it is over."""

    __slots__ = ("connection", "keeper", "on_closed", "peer", "received")

    def __init__(
        self, connection: asyncio.Transport | socket.socket, received: bytes, peer: Peer, keeper: Keeper
    ) -> None:
        self.connection = connection
        self.received = received
        self.peer = peer
        self.keeper = keeper
        self.on_closed: Callable[[], None] = keeper.on_closed

    def refuse(self) -> None:
        """Close the connection without a word."""
        self.connection.close()
        self.on_closed()


# Takes the transport over (`set_protocol`); never raises for what a client or a server does.
StreamHandler = Callable[[ClientStream], None]
