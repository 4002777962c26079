"""Connections to a server that speaks HTTP/2, or may: few, and each for many requests at once."""

from __future__ import annotations

import asyncio

from trafficcop.errors import Kind, ProxyError
from trafficcop.http.deadlines import Deadlines
from trafficcop.http.drive import Wakeup, in_task
from trafficcop.proxy.dial import dial
from trafficcop.proxy.h1 import ServerConnection
from trafficcop.proxy.h2 import H2ServerConnection
from trafficcop.proxy.names import Names
from trafficcop.proxy.origin import Limits, Origin
from trafficcop.proxy.pool import Pool
from trafficcop.tls import security
from trafficcop.tls.client import H2, HTTP11
from trafficcop.tls.security import Security

Connection = H2ServerConnection | ServerConnection


class _Dialling:
    """A connection that is being opened, and who waits for it."""

    __slots__ = ("error", "waiters")

    def __init__(self) -> None:
        self.waiters: list[Wakeup] = []
        self.error: BaseException | None = None


class StreamPool:
    """The HTTP/2 connections to one origin. `plain` has those of HTTP/1.1: for upgrades, which HTTP/2 has not, and for
    a server that has chosen it."""

    __slots__ = (
        "_connections",
        "_dialling",
        "_is_h1",
        "_is_retired",
        "_names",
        "_open",
        "_security",
        "deadlines",
        "limits",
        "origin",
        "plain",
    )

    def __init__(self, origin: Origin, limits: Limits, deadlines: Deadlines, names: Names, plain: Pool) -> None:
        self.origin = origin
        self.limits = limits
        self.deadlines = deadlines
        self.plain = plain
        self._names = names
        self._security = Security(limits.trust, origin.host, (H2, HTTP11)) if origin.scheme == "https" else None
        self._connections: list[H2ServerConnection] = []  # that take requests
        self._open: set[H2ServerConnection] = set()
        self._dialling: _Dialling | None = None
        self._is_h1 = False  # what the server chose last
        self._is_retired = False
        for timeout in (limits.response_header_timeout, limits.read_idle_timeout, limits.ping_timeout):
            deadlines.refine(timeout)

    def take(self) -> Connection | None:
        """A connection that can take a request, or None: `dial` then."""
        for connection in self._connections:
            if connection.has_room:
                return connection
        return self.plain.take() if self._is_h1 else None

    async def dial(self) -> Connection:
        """Wait for a connection; those who come at once share one, as long as the server may speak HTTP/2."""
        while True:
            if self._is_h1:
                return await in_task(self._connect())
            dialling = self._dialling
            if dialling is None:
                dialling = self._dialling = _Dialling()
                task = asyncio.get_running_loop().create_task(self._connect_for(dialling))
                _tasks.add(task)
                task.add_done_callback(_tasks.discard)
            wakeup = Wakeup()
            dialling.waiters.append(wakeup)
            await wakeup
            error = dialling.error
            if isinstance(error, ProxyError):
                raise ProxyError(error.kind, error.detail, is_retryable=error.is_retryable)
            if error is not None:
                raise error
            found = self.take()
            if found is not None:
                return found

    async def _connect_for(self, dialling: _Dialling) -> None:
        try:
            connection = await self._connect()
            if isinstance(connection, ServerConnection):
                self.plain.release(connection)
        except Exception as error:  # theirs to handle, whatever it is
            dialling.error = error
        finally:
            self._dialling = None
            for wakeup in dialling.waiters:
                wakeup.set()

    async def _connect(self) -> Connection:
        """A new connection, of the version that the server wants."""
        made: list[Connection] = []

        def choose(protocol: str) -> asyncio.Protocol:
            is_h1 = self.origin.scheme == "https" and protocol != H2
            connection = ServerConnection(self.plain) if is_h1 else H2ServerConnection(self)
            made.append(connection)
            return connection

        try:
            await dial(self.origin, self.limits.dial_timeout, self._names, self._security, choose)
            (connection,) = made
            self._is_h1 = isinstance(connection, ServerConnection)
            if isinstance(connection, ServerConnection):
                self.plain.adopt(connection)
            else:
                await self._adopt(connection)
        except BaseException:
            for connection in made:
                connection.abort()
            raise
        return connection

    async def _adopt(self, connection: H2ServerConnection) -> None:
        """Wait for the server's terms: before them nobody knows how many requests it takes."""
        try:
            async with asyncio.timeout(security.HANDSHAKE_SECONDS):
                await connection.ready
        except TimeoutError:
            raise ProxyError(Kind.TIMEOUT, "the server takes no request over HTTP/2", is_retryable=True) from None
        if connection.error is not None:
            raise ProxyError(connection.error.kind, connection.error.detail, is_retryable=True)
        if connection.is_leaving:
            raise ProxyError(Kind.SERVER_CLOSED, "the server begins with GOAWAY", is_retryable=True)
        if not self._open:
            self._names.watch(self.origin.host, self._leave)
        self._open.add(connection)
        self._connections.append(connection)
        self.deadlines.members.add(connection)
        if self._is_retired:
            connection.leave()

    def retract(self, connection: H2ServerConnection) -> None:
        """The connection takes no further requests."""
        if connection in self._connections:
            self._connections.remove(connection)

    def forget(self, connection: H2ServerConnection) -> None:
        """The connection is closed, or will be."""
        self.retract(connection)
        self.deadlines.members.discard(connection)
        if connection in self._open:
            self._open.discard(connection)
            if not self._open:
                self._names.unwatch(self.origin.host, self._leave)

    def _leave(self, addresses: frozenset[str]) -> None:
        for connection in list(self._open):
            if connection.address not in addresses:
                connection.leave()

    def retire(self) -> None:
        """No configuration names this origin any more: connections close after their last answer."""
        self._is_retired = True
        for connection in list(self._open):
            connection.leave()

    def revive(self) -> None:
        self._is_retired = False

    def __repr__(self) -> str:
        return f"<StreamPool {self.origin} [{len(self._open)} open]>"


_tasks: set[asyncio.Task[None]] = set()  # asyncio itself keeps only weak references
