"""A request that can be sent more than once: what it was before the first attempt, and its body."""

from __future__ import annotations

from trafficcop.http.body import EMPTY, Body, Bytes
from trafficcop.http.messages import Request, Response
from trafficcop.http.prefixed import Prefixed


class Untouched(Body):
    """A streamed body that knows whether anything of it was read: it can be sent again as long as nothing was."""

    __slots__ = ("_body", "is_touched")

    def __init__(self, body: Body) -> None:
        super().__init__(body.length)
        self._body = body
        self.is_touched = False

    def take_available(self) -> bytes:
        self.is_touched = True
        return self._body.take_available()

    async def read(self) -> bytes:
        self.is_touched = True
        data = await self._body.read()
        if not data:
            self.trailers = self._body.trailers
        return data

    def close(self) -> None:
        """Only the last attempt may give the body up, and whoever made the body closes it then."""


class Replay:
    """The state of a request before its first attempt. `rewind` brings it back: whatever a middleware further in has
    done to path and headers must not be done twice."""

    __slots__ = (
        "_authority",
        "_data",
        "_headers",
        "_marks",
        "_method",
        "_path",
        "_query",
        "_raw_path",
        "_request",
        "_scheme",
        "_stream",
        "_trailers",
    )

    def __init__(self, request: Request) -> None:
        self._request = request
        self._headers = request.headers.copy()
        self._authority = request.authority
        self._marks = request.marks
        self._method = request.method
        self._path = request.path
        self._query = request.query
        self._raw_path = request.raw_path
        self._scheme = request.scheme
        body = request.body
        self._data: bytes | None = None
        self._stream: Untouched | None = None
        if body is not EMPTY:
            self._data = body.take()
            if self._data is None:
                self._stream = Untouched(body)
        self._trailers = body.trailers
        self._put_body()

    @property
    def size(self) -> int | None:
        """The bytes of the body that are here; None when it is a stream."""
        return None if self._stream is not None else len(self._data or b"")

    @property
    def can_rewind(self) -> bool:
        return self._stream is None or not self._stream.is_touched

    async def hold_body(self, limit: int) -> bool:
        """Read a streamed body, so that it can be sent again; False when it has more than `limit` bytes (if that is
        not negative): what was read of it will be sent first then. ProxyError when the client fails."""
        stream = self._stream
        if stream is None:
            return limit < 0 or len(self._data or b"") <= limit
        if stream.length is not None and 0 <= limit < stream.length:
            return False
        chunks: list[bytes] = []
        size = 0
        while chunk := await stream.read():
            chunks.append(chunk)
            size += len(chunk)
            if 0 <= limit < size:
                self._stream = Untouched(Prefixed(b"".join(chunks), stream))
                self._request.body = self._stream
                return False
        self._data, self._trailers, self._stream = b"".join(chunks), stream.trailers, None
        self._put_body()
        return True

    def rewind(self) -> None:
        """Before the next attempt."""
        request = self._request
        request.headers = self._headers.copy()
        request.authority = self._authority
        request.marks = self._marks
        request.method = self._method
        request.path = self._path
        request.query = self._query
        request.raw_path = self._raw_path
        request.scheme = self._scheme
        self._put_body()

    def _put_body(self) -> None:
        if self._stream is not None:
            self._request.body = self._stream
        elif self._data is not None:
            body = Bytes(self._data)
            body.trailers = self._trailers
            self._request.body = body


def discard(response: Response) -> None:
    """Nobody wants this answer; its connection lives on if all of it is here."""
    if response.tunnel is not None:
        response.tunnel.close()
    if response.body.take() is None:
        response.body.close()
