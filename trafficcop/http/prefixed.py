"""A body of which somebody has read the beginning already."""

from __future__ import annotations

from trafficcop.http.body import Body


class Prefixed(Body):
    """The bytes that were read, then the rest of the body."""

    __slots__ = ("_body", "_first")

    def __init__(self, first: bytes, body: Body) -> None:
        super().__init__(body.length)
        self._first = first
        self._body = body

    def take(self) -> bytes | None:
        rest = self._body.take()
        if rest is None:
            return None
        first, self._first = self._first, b""
        self.trailers = self._body.trailers
        return first + rest

    def take_available(self) -> bytes:
        first, self._first = self._first, b""
        return first + self._body.take_available()

    async def read(self) -> bytes:
        if self._first:
            first, self._first = self._first, b""
            return first
        data = await self._body.read()
        if not data:
            self.trailers = self._body.trailers
        return data

    def close(self) -> None:
        self._first = b""
        self._body.close()
