"""Where the connections of one socket come in: through the event loop, or bare, for TCP routers that need no byte.

A connection that is relayed from the first moment never needs a transport of the event loop's, and to make one and to
take its socket from it again is a third of the work of the whole connection.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any, Final

from trafficcop.http.readers import remove_reader
from trafficcop.telemetry.log import get_logger

_log = get_logger(__name__)

BACKLOG: Final = 4096
_AT_ONCE: Final = 64
_REST_SECONDS = 0.1  # how long nobody is let in when there are no descriptors left
# As Traefik's (`pkg/server/server_entrypoint_tcp.go`): a client may vanish without a word.
_KEEP_ALIVE_SECONDS: Final = 180

# Takes a connection as a bare socket; False if nobody wants it in that form.
Take = Callable[[socket.socket, object], bool]


class Door:
    """Accepts on one socket from `open` to `close`. `prefer_bare` may be changed at any time between."""

    __slots__ = ("_accept", "_is_bare", "_is_open", "_prefers_bare", "_server", "_socket", "_take", "_tasks")

    def __init__(self, sock: socket.socket, accept: Callable[[], asyncio.Protocol], take: Take) -> None:
        self._socket = sock
        self._accept = accept
        self._take = take
        self._server: asyncio.AbstractServer | None = None
        self._is_open = False
        self._is_bare = False
        self._prefers_bare = False
        self._tasks: set[asyncio.Task[object]] = set()

    async def open(self) -> None:
        self._is_open = True
        # Connections inherit it.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if self._socket.family != socket.AF_UNIX:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEP_ALIVE_SECONDS)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _KEEP_ALIVE_SECONDS)
        if self._prefers_bare:
            self._go_bare()
        else:
            await self._serve()

    def prefer_bare(self, wanted: bool) -> None:
        self._prefers_bare = wanted
        if not self._is_open or wanted == self._is_bare:
            return
        if wanted:
            self._go_bare()
        else:
            self._start(self._serve())

    async def close(self) -> None:
        """Close the socket after taking what already waits in its queue."""
        if not self._is_open:
            return
        self._is_open = False
        self._leave()
        self._socket.setblocking(False)
        while True:
            try:
                sock, _ = self._socket.accept()
            except OSError:
                break
            await self._make_transport(sock)
        # Open, it would go on taking connections that nobody serves.
        self._socket.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _leave(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()
        if self._is_bare:
            self._is_bare = False
            remove_reader(asyncio.get_running_loop(), self._socket.fileno())

    # === through the event loop ===

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(self._accept, sock=self._socket.dup(), backlog=BACKLOG)
        if self._is_open and not self._prefers_bare:
            self._leave()
            self._server = server
        else:  # meanwhile it is wanted no more
            server.close()

    async def _make_transport(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        try:
            await asyncio.get_running_loop().connect_accepted_socket(self._accept, sock)
        except OSError as error:
            _log.debug("a connection was lost before it was served: %s", error)
            sock.close()

    def _start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # === bare ===

    def _go_bare(self) -> None:
        self._leave()
        self._is_bare = True
        self._socket.setblocking(False)
        self._socket.listen(BACKLOG)
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._on_connections)

    def _on_connections(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                sock, name = self._socket.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:
                _log.error("cannot accept connections: %s", error)
                self._rest()
                return
            sock.setblocking(False)
            if not self._take(sock, name):
                self._start(self._make_transport(sock))

    def _rest(self) -> None:
        """Out of descriptors: to try again at once would be all that this worker does."""
        loop = asyncio.get_running_loop()
        remove_reader(loop, self._socket.fileno())
        loop.call_later(_REST_SECONDS, self._wake)

    def _wake(self) -> None:
        if self._is_bare:
            asyncio.get_running_loop().add_reader(self._socket.fileno(), self._on_connections)
