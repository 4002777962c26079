"""Connections to one server, kept for the next request. The newest idle one is taken first."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from time import monotonic

from trafficcop.errors import Kind, ProxyError
from trafficcop.http.deadlines import NEVER, Deadlines
from trafficcop.http.drive import Wakeup
from trafficcop.proxy.dial import dial
from trafficcop.proxy.h1 import ServerConnection
from trafficcop.proxy.names import Names
from trafficcop.proxy.origin import Limits, Origin
from trafficcop.tls.client import HTTP11
from trafficcop.tls.security import Security


class Seat(Wakeup):
    """A request that waits for a connection."""

    connection: ServerConnection | None = None
    error: BaseException | None = None


class Pool:
    """The connections to one origin under one set of limits."""

    __slots__ = (
        "_deadlines",
        "_dialling",
        "_idle",
        "_is_retired",
        "_names",
        "_security",
        "_waiting",
        "limits",
        "open",
        "origin",
    )

    def __init__(self, origin: Origin, limits: Limits, deadlines: Deadlines, names: Names) -> None:
        self.origin = origin
        self.limits = limits
        self.open: set[ServerConnection] = set()
        self._idle: list[ServerConnection] = []
        self._waiting: deque[Seat] = deque()
        self._dialling: set[asyncio.Task[None]] = set()  # at least one for each that waits
        self._deadlines = deadlines
        self._is_retired = False
        self._names = names
        self._security = Security(limits.trust, origin.host, (HTTP11,)) if origin.scheme == "https" else None
        deadlines.refine(limits.response_header_timeout)
        deadlines.refine(limits.idle_timeout)

    def take(self) -> ServerConnection | None:
        """An idle connection, or None: dial then."""
        # A connection that closes is forgotten at once: what is here can be used, as far as anyone can know.
        return self._idle.pop() if self._idle else None

    async def first(self, dial: Callable[[], Awaitable[ServerConnection]]) -> ServerConnection:
        """A connection that becomes free, or a new one: whichever comes first.

        When a server slows down for a moment every request needs a connection of its own. If each insisted on a new one
        there would be more and more of them, and less and less time for requests.
        """
        seat = Seat()
        self._waiting.append(seat)
        task = asyncio.get_running_loop().create_task(self._dial_for_first(dial))
        self._dialling.add(task)
        task.add_done_callback(self._dialling.discard)
        try:
            await seat
        except BaseException:
            if seat.connection is not None:
                self.release(seat.connection)
            elif seat in self._waiting:
                self._waiting.remove(seat)
                self._stop_dialling()
            raise
        if seat.connection is None:
            raise seat.error or ProxyError(Kind.UNREACHABLE)
        return seat.connection

    async def _dial_for_first(self, dial: Callable[[], Awaitable[ServerConnection]]) -> None:
        try:
            connection = await dial()
        except Exception as error:
            # Out of the count at once: others may fail in this very turn, before the callback of this task is called.
            task = asyncio.current_task()
            if task is not None:
                self._dialling.discard(task)
            if len(self._waiting) > len(self._dialling):
                seat = self._waiting.popleft()
                seat.error = error
                seat.set()
            elif not isinstance(error, ProxyError):
                raise
        else:
            self.release(connection)

    async def dial(self) -> ServerConnection:
        """A new connection. Call it in a task."""
        connection = ServerConnection(self)
        try:
            await dial(self.origin, self.limits.dial_timeout, self._names, self._security, lambda _: connection)
        except BaseException:
            # Whoever waited may have left in the very moment the connection came about.
            connection.abort()
            raise
        self.adopt(connection)
        return connection

    def adopt(self, connection: ServerConnection) -> None:
        """A connection that has just been opened for this pool."""
        if not self.open and not self.origin.unix_path:
            self._names.watch(self.origin.host, self._leave)
        self.open.add(connection)
        self._deadlines.members.add(connection)

    def release(self, connection: ServerConnection, now: float = 0.0) -> None:
        """The connection's answer is complete and it may serve again. `now`: the time, if somebody knows it."""
        if self._waiting and not connection.is_leaving:
            seat = self._waiting.popleft()
            seat.connection = connection
            seat.set()
            return
        if self._is_retired or connection.is_leaving or len(self._idle) >= self.limits.max_idle:
            connection.abort()
            return
        timeout = self.limits.idle_timeout
        connection.deadline = (now or monotonic()) + timeout if timeout else NEVER
        self._idle.append(connection)

    def forget(self, connection: ServerConnection) -> None:
        """The connection is closed, or has become a tunnel."""
        if connection in self.open:
            self.open.discard(connection)
            if not self.open:
                self._names.unwatch(self.origin.host, self._leave)
        self._deadlines.members.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    def _leave(self, addresses: frozenset[str]) -> None:
        """The host has moved: connections to where it no longer is serve no more requests."""
        for connection in list(self.open):
            if connection.address not in addresses:
                connection.is_leaving = True
                if connection in self._idle:
                    connection.abort()

    def retire(self) -> None:
        """No configuration names this origin any more: idle connections close now, the others after their answer."""
        self._is_retired = True
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.abort()
        self._stop_dialling()

    def _stop_dialling(self) -> None:
        if self._is_retired and not self._waiting:
            for task in self._dialling:
                task.cancel()

    def revive(self) -> None:
        self._is_retired = False

    def __repr__(self) -> str:
        return f"<Pool {self.origin} [{len(self.open)} open | {len(self._idle)} idle]>"
