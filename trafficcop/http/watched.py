"""Knowing when an answer is over: its body read to the end, given up, or its tunnel closed."""

from __future__ import annotations

from collections.abc import Callable

from trafficcop.http.body import Body
from trafficcop.http.messages import Response, Tunnel


class WatchedBody(Body):
    """A body that tells once when it ends."""

    __slots__ = ("_body", "_on_end")

    def __init__(self, body: Body, on_end: Callable[[], None]) -> None:
        super().__init__(body.length)
        self._body = body
        self._on_end: Callable[[], None] | None = on_end

    def _end(self) -> None:
        on_end, self._on_end = self._on_end, None
        if on_end is not None:
            on_end()

    def take(self) -> bytes | None:
        data = self._body.take()
        if data is not None:
            self.trailers = self._body.trailers
            self._end()
        return data

    async def read(self) -> bytes:
        try:
            data = await self._body.read()
        except BaseException:
            self._end()
            raise
        if not data:
            self.trailers = self._body.trailers
            self._end()
        return data

    def close(self) -> None:
        self._body.close()
        self._end()


class WatchedTunnel(Tunnel):
    """A tunnel that tells once when it is closed."""

    __slots__ = ("_on_end", "_tunnel")

    def __init__(self, tunnel: Tunnel, on_end: Callable[[], None]) -> None:
        self._tunnel = tunnel
        self._on_end: Callable[[], None] | None = on_end

    def write(self, data: bytes) -> None:
        self._tunnel.write(data)

    def write_eof(self) -> None:
        self._tunnel.write_eof()

    async def read(self) -> bytes:
        return await self._tunnel.read()

    async def drained(self) -> None:
        await self._tunnel.drained()

    def close(self) -> None:
        self._tunnel.close()
        on_end, self._on_end = self._on_end, None
        if on_end is not None:
            on_end()


def watch(response: Response, on_end: Callable[[], None]) -> None:
    """Call `on_end` once when nothing more of this answer is to come; at once if it is all here already."""
    if response.tunnel is not None:
        response.tunnel = WatchedTunnel(response.tunnel, on_end)
    elif response.body.length == 0:
        on_end()
    else:
        response.body = WatchedBody(response.body, on_end)
