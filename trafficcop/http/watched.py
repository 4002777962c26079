"""Knowing when an answer is over: its body read to the end, given up, or its tunnel closed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from trafficcop.http.body import Body
from trafficcop.http.messages import Response, Tunnel


class WatchedBody(Body):
    """A body that tells once when it ends: before its last byte is read, for whoever has that may ask again at once."""

    __slots__ = ("_body", "_on_end")

    def __init__(self, body: Body, on_end: Callable[[], None]) -> None:
        super().__init__(body.length)
        self._body = self.inner = body
        self._on_end: Callable[[], None] | None = on_end

    def _end(self) -> None:
        on_end, self._on_end = self._on_end, None
        if on_end is not None:
            on_end()

    @property
    def is_ended(self) -> bool:
        return self._body.is_ended

    def take(self) -> bytes | None:
        data = self._body.take()
        if data is not None:
            self.trailers = self._body.trailers
            self._end()
        return data

    def take_available(self) -> bytes:
        data = self._body.take_available()
        if self._body.is_ended:
            self._end()
        return data

    def hold(self) -> None:
        self._body.hold()

    async def read(self) -> bytes:
        body = self._body
        try:
            data = await body.read()
        except BaseException:
            self._end()
            raise
        if not data:
            self.trailers = body.trailers
        if not data or body.is_ended:
            self._end()
        return data

    def close(self) -> None:
        self._body.close()
        self._end()


class WatchedTunnel(Tunnel):
    """A tunnel that tells once when it is closed."""

    __slots__ = ("_on_closed", "_on_end", "_tunnel")

    def __init__(self, tunnel: Tunnel, on_end: Callable[[], None]) -> None:
        self._tunnel = tunnel
        self._on_end: Callable[[], None] | None = on_end
        self._on_closed: Callable[[], None] | None = None

    def attach(self, transport: asyncio.Transport, leftover: bytes, on_closed: Callable[[], None]) -> None:
        self._on_closed = on_closed
        self._tunnel.attach(transport, leftover, self._closed)

    def _closed(self) -> None:
        self._end()
        on_closed, self._on_closed = self._on_closed, None
        if on_closed is not None:
            on_closed()

    def close(self) -> None:
        self._tunnel.close()
        self._end()

    def _end(self) -> None:
        on_end, self._on_end = self._on_end, None
        if on_end is not None:
            on_end()


def watch(response: Response, on_end: Callable[[], None]) -> None:
    """Call `on_end` once when nothing more of this answer is to come; at once if it is all here already."""
    if response.tunnel is not None:
        response.tunnel = WatchedTunnel(response.tunnel, on_end)
    elif response.body.length == 0 or response.body.is_ended:
        on_end()  # nothing of it is held back by anybody but its reader
    else:
        response.body = WatchedBody(response.body, on_end)
