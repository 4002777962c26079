"""`mirroring`: one service answers, others get a copy of a share of the requests, and nobody hears what they say."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Sequence
from typing import Final

from trafficcop.errors import ProxyError, Side
from trafficcop.http.answer import Answer
from trafficcop.http.body import EMPTY, Body, Bytes
from trafficcop.http.drive import Drive
from trafficcop.http.headers import Field
from trafficcop.http.messages import Handler, Request, Response

_log = logging.getLogger(__name__)

# Requests whose copies are under way, for each service in each worker: what comes beyond is not mirrored.
MOST_UNDER_WAY = 1024


class Mirror:
    """A service that gets copies of `percent` of the requests, evenly spread: it never lags behind its share."""

    __slots__ = ("_count", "_percent", "handler")

    def __init__(self, handler: Handler, percent: int) -> None:
        self.handler = handler
        self._percent = percent
        self._count = 0

    def is_next(self, total: int) -> bool:
        """Whether it gets a copy of the request with this number (from 1); counts the copy."""
        if self._count * 100 >= total * self._percent:
            return False
        self._count += 1
        return True


class Mirroring:
    """`main` answers. Requests with bodies of more than `limit` bytes (negative: none) are not copied; where bodies are
    not wanted at all, copies have none."""

    __slots__ = ("_has_bodies", "_is_late", "_limit", "_main", "_mirrors", "_total", "under_way")

    def __init__(self, main: Handler, mirrors: Sequence[Mirror], has_bodies: bool = True, limit: int = -1) -> None:
        self._main = main
        self._mirrors = mirrors
        self._has_bodies = has_bodies
        self._limit = limit
        self._total = 0
        self._is_late = False
        self.under_way: set[_Copies] = set()

    def __call__(self, request: Request) -> Awaitable[Response]:
        self._total += 1
        chosen = [mirror.handler for mirror in self._mirrors if mirror.is_next(self._total)]
        return self._serve(request, chosen) if chosen else self._main(request)

    def _serve(self, request: Request, chosen: list[Handler]) -> Awaitable[Response]:
        # Before the main service has it, whose middlewares may change it.
        content = _content(request, self._limit) if self._has_bodies else _NOTHING
        if content is None:
            _log.debug("Not mirrored: the body of the request is too long")
            return self._main(request)
        copies = _Copies(self, chosen, copy_of(request), content)
        try:
            coming = self._main(request)
        except ProxyError as error:
            copies.failed(error)
            raise
        if isinstance(coming, Answer):
            coming.watch(copies, request, 0)
            return coming
        return self._awaited(copies, coming)

    async def _awaited(self, copies: _Copies, coming: Awaitable[Response]) -> Response:
        try:
            response = await coming
        except ProxyError as error:
            copies.failed(error)
            raise
        self.begin(copies)
        return response

    def begin(self, copies: _Copies) -> None:
        """The main service has answered, or failed: now the others."""
        if len(self.under_way) >= MOST_UNDER_WAY:
            if not self._is_late:
                _log.warning("Mirrors are too slow: they miss requests while %d are under way", MOST_UNDER_WAY)
            self._is_late = True
            return
        self._is_late = False
        self.under_way.add(copies)
        # In the next turn of the loop: by then the answer is on its way.
        asyncio.get_running_loop().call_soon(copies.begin)


class Content:
    """The body of a request as copies of it get it: all that there is of it once it is complete."""

    __slots__ = ("data", "is_complete", "trailers")

    def __init__(self, data: bytes = b"", is_complete: bool = True, trailers: list[Field] | None = None) -> None:
        self.data = data
        self.is_complete = is_complete
        self.trailers = trailers


_NOTHING: Final = Content()


def _content(request: Request, limit: int) -> Content | None:
    """What there is to copy of a body; None when it is too long. A stream is recorded as the main service reads it."""
    body = request.body
    if body is EMPTY:
        return _NOTHING
    data = body.take()
    if data is not None:
        request.body = whole = Bytes(data)
        whole.trailers = body.trailers
        return Content(data, True, body.trailers) if limit < 0 or len(data) <= limit else None
    if body.length is not None and 0 <= limit < body.length:
        return None
    request.body = recorded = Recorded(body, limit)
    return recorded.content


class Recorded(Body):
    """A streamed body of which a copy is kept as it goes by, unless it has more than `limit` bytes."""

    def __init__(self, body: Body, limit: int) -> None:
        super().__init__(body.length)
        self.content = Content(is_complete=False)
        self._body = body
        self._limit = limit
        self._size = 0
        self._chunks: list[bytes] | None = []

    def _record(self, data: bytes) -> None:
        self._size += len(data)
        if 0 <= self._limit < self._size:
            self._chunks = None
        elif self._chunks is not None:
            self._chunks.append(data)

    def _end(self) -> None:
        self.trailers = self._body.trailers
        if self._chunks is not None:
            content = self.content
            content.data, content.trailers, content.is_complete = b"".join(self._chunks), self.trailers, True
            self._chunks = None

    def take(self) -> bytes | None:
        data = self._body.take()
        if data is not None:
            self._record(data)
            self._end()
        return data

    def take_available(self) -> bytes:
        data = self._body.take_available()
        self._record(data)
        return data

    async def read(self) -> bytes:
        data = await self._body.read()
        if data:
            self._record(data)
        else:
            self._end()
        return data

    def close(self) -> None:
        self._body.close()


def copy_of(request: Request) -> Request:
    """The request as it is now, without its body and without a client who waits."""
    copy = Request(request.method, request.raw_path, request.query, request.headers.copy(), EMPTY, request.peer)
    copy.version = request.version
    copy.scheme = request.scheme
    copy.authority = request.authority
    copy.host = request.host
    copy.path = request.path
    copy.marks = request.marks
    copy.route = request.route
    copy.notes = None if request.notes is None else dict(request.notes)
    return copy


class _Copies:
    """The copies of one request, sent one after the other with nobody waiting for them."""

    __slots__ = ("_content", "_drive", "_handlers", "_original", "_owner")

    def __init__(self, owner: Mirroring, handlers: list[Handler], original: Request, content: Content) -> None:
        self._owner = owner
        self._handlers = handlers
        self._original = original
        self._content = content
        self._drive: Drive | None = None

    def on_settled(self, answer: Answer) -> None:
        if answer.response is not None:
            self._owner.begin(self)
        elif isinstance(answer.error, ProxyError):
            self.failed(answer.error)

    def failed(self, error: ProxyError) -> None:
        """The main service has: the others are asked all the same, unless the client broke off."""
        if error.side is not Side.DOWNSTREAM:
            self._owner.begin(self)

    def begin(self) -> None:
        if not self._content.is_complete:
            _log.debug("Not mirrored: the body of the request is too long, or the service did not read it")
            self._owner.under_way.discard(self)
            return
        self._drive = Drive(self._end)
        self._drive.start(self._send())

    async def _send(self) -> None:
        last = len(self._handlers) - 1
        for index, handler in enumerate(self._handlers):
            request = self._original if index == last else copy_of(self._original)
            content = self._content
            if content.data or content.trailers:
                request.body = body = Bytes(content.data)
                body.trailers = content.trailers
            try:
                await _drop(await handler(request))
            except ProxyError as error:
                _log.debug("A mirror failed: %s", error)
            except Exception:
                _log.error("unexpected error while mirroring a request\n%s", traceback.format_exc())

    def _end(self, error: BaseException | None) -> None:
        self._drive = None
        self._owner.under_way.discard(self)


async def _drop(response: Response) -> None:
    """Read the answer to its end, so that its connection can be used again, and forget it."""
    if response.tunnel is not None:
        response.tunnel.close()
    elif response.body.take() is None:
        while await response.body.read():
            pass
