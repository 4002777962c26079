"""What a listener and its connections know of one another."""

from __future__ import annotations

import asyncio
from typing import Protocol

from trafficcop.http.deadlines import Timed
from trafficcop.http.messages import Peer
from trafficcop.http.streams import StreamHandler
from trafficcop.server.entry_routes import EntryRoutes


class Downstream(Protocol):
    """A client's connection, whatever it speaks."""

    def close_if_idle(self) -> None:
        """Draining: go away now, or after what is under way."""

    def abort(self) -> None:
        """Go away at once."""


class TimedDownstream(Downstream, Timed, Protocol):
    """A connection with a time limit."""


class Entrance(Protocol):
    """What a connection needs of its listener before it is known what it speaks."""

    read_timeout: float
    routes: EntryRoutes

    def add(self, connection: TimedDownstream) -> None: ...

    def discard(self, connection: TimedDownstream) -> None: ...

    def connect(self, peer: Peer | None, *, is_h2: bool = False) -> asyncio.Protocol: ...

    def relay(self, handler: StreamHandler, transport: asyncio.Transport, received: bytes, peer: Peer) -> None: ...
