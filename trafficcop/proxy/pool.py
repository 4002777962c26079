"""Connections to one server, kept for the next request. The newest idle one is taken first."""

from __future__ import annotations

from time import monotonic

from trafficcop.http.deadlines import NEVER, Deadlines
from trafficcop.proxy.dial import dial
from trafficcop.proxy.h1 import ServerConnection
from trafficcop.proxy.names import Names
from trafficcop.proxy.origin import Limits, Origin
from trafficcop.tls.client import HTTP11
from trafficcop.tls.security import Security


class Pool:
    """The connections to one origin under one set of limits."""

    __slots__ = ("_deadlines", "_idle", "_is_retired", "_names", "_security", "limits", "open", "origin")

    def __init__(self, origin: Origin, limits: Limits, deadlines: Deadlines, names: Names) -> None:
        self.origin = origin
        self.limits = limits
        self.open: set[ServerConnection] = set()
        self._idle: list[ServerConnection] = []
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

    async def dial(self) -> ServerConnection:
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

    def release(self, connection: ServerConnection) -> None:
        """The connection's answer is complete and it may serve again."""
        if self._is_retired or connection.is_leaving or len(self._idle) >= self.limits.max_idle:
            connection.abort()
            return
        timeout = self.limits.idle_timeout
        connection.deadline = monotonic() + timeout if timeout else NEVER
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

    def revive(self) -> None:
        self._is_retired = False

    def __repr__(self) -> str:
        return f"<Pool {self.origin} [{len(self.open)} open | {len(self._idle)} idle]>"
