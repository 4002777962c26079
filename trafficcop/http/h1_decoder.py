"""What reading of HTTP/1.1 requests and answers has in common, sans-io: heads, bodies, limits (RFC 9112).

llhttp (through httptools) judges every head; it refuses what smuggling feeds on: bare LF, folded lines, white space
before the colon, Content-Length beside Transfer-Encoding, doubled lengths. A head that passed is kept as its lines,
which are forwarded as they are: objects are made of fields only when somebody asks for them. Bodies are read here, for
they need no parser.
"""

from __future__ import annotations

import re
from typing import Any, Final

import httptools

from trafficcop.errors import Kind, ProxyError
from trafficcop.http.body import Body, Bytes, Source, Stream
from trafficcop.http.chunked import ChunkedReader, LineTooLong, MalformedChunk
from trafficcop.http.h1_fields import NO_FIELDS, FieldBlock
from trafficcop.http.headers import TRANSFER_ENCODING

# Go's server allows this much above maxHeaderBytes before it answers 431 (net/http `initialReadLimitSize`).
HEADER_SLACK: Final = 4096

_EMPTY_LINE: Final = re.compile(rb"\r?\n\r?\n")


class _Nowhere:
    """What a decoder that is done with has for a source."""

    def pause_body(self) -> None: ...
    def resume_body(self) -> None: ...
    def continue_body(self) -> None: ...
    def abandon_body(self) -> None: ...


_NOWHERE: Final = _Nowhere()


class _ReadAgain(Exception):
    """The head is to be read once more, with more patience."""


class Decoder:
    """What reading requests and responses has in common: heads, fields, bodies, limits.

    A body that has come whole by the end of the read that brought its head is made `Bytes`; any other is a `Stream`,
    in `body` while it is open.
    """

    _known: FieldBlock = NO_FIELDS  # of the message being read
    _is_in_body: bool = False
    _left: int = -1  # bytes to come of a body of known length
    _chunked: ChunkedReader | None = None
    _is_spent: bool = False  # the parser stopped at a head: the next one needs a new parser
    _partial: list[bytes] | None = None  # what has come of a head
    _head_size: int = 0
    _is_over: bool = False  # no message is expected any more
    _has_bare_lf: bool = False
    _tail: bytes = b""
    _too_large: Kind = Kind.HEADERS_TOO_LARGE
    _malformed: Kind = Kind.BAD_REQUEST

    def __init__(self, source: Source, limit: int) -> None:
        self._source: Source = source
        self._limit = limit + HEADER_SLACK
        self._parser: Any = self._new_parser()
        self.body: Stream | None = None

    def let_go(self) -> None:
        """Nothing is read any more. The source holds us, too: without a circle both are freed at once."""
        self._source = _NOWHERE

    def _new_parser(self) -> Any:
        raise NotImplementedError

    def feed(self, data: bytes) -> None:
        """Read what the connection brought. ProxyError: nothing more can be read from it."""
        body = self.body
        while data:
            data = self._feed_body(data) if self._is_in_body else self._feed_head(data)
        if self._is_in_body and self.body is None:
            self._open_stream()
        if body is not None:
            body.wake()

    # === heads ===

    def _feed_head(self, data: bytes) -> bytes:
        """Read up to the end of a head; what follows is returned."""
        if self._is_over:
            return self._after_end(data)
        end = data.find(b"\r\n\r\n") + 4
        if end == 3 or self._partial is not None or self._has_bare_lf or end > self._limit:
            return self._feed_odd_head(data)
        head = data if end == len(data) else data[:end]
        if self._is_spent:
            self._renew_parser()
        try:
            self._parser.feed_data(head)
        except httptools.HttpParserUpgrade:
            self._is_spent = True
        except httptools.HttpParserError as error:
            if self._is_patient(str(error), head):
                return self._feed_odd_head(data)
            raise self._refusal(str(error)) from None
        self._take_head(head)
        return b"" if end == len(data) else data[end:]

    def _after_end(self, data: bytes) -> bytes:
        """What comes after the last message."""
        raise NotImplementedError

    def _renew_parser(self) -> None:
        self._is_spent = False
        self._parser = self._new_parser()

    def _is_patient(self, complaint: str, head: bytes) -> bool:
        """Whether `head`, as far as it has come, may be read again in another way; the parser is renewed for it."""
        return False

    def _feed_odd_head(self, data: bytes) -> bytes:
        """A head that comes in more than one read, is too large, or needs patience."""
        if self._partial is None:
            self._partial = []
        return self._continue_head(data)

    def _find_end(self, data: bytes) -> int:
        """Where the first head in `data` ends, -1 if it does not."""
        if self._has_bare_lf:
            found = _EMPTY_LINE.search(data)
            return found.end() if found is not None else -1
        end = data.find(b"\r\n\r\n")
        return end + 4 if end >= 0 else -1

    def _continue_head(self, data: bytes) -> bytes:
        """A head in more than one read: the parser sees each piece at once, so that garbage need not be waited for."""
        parts = self._partial if self._partial is not None else []
        end = self._find_end(self._tail + data) - len(self._tail)
        piece = data if end < 0 or end >= len(data) else data[:end]
        self._head_size += len(piece)
        if self._head_size > self._limit:
            raise ProxyError(self._too_large)
        try:
            self._judge(piece, parts)
        except _ReadAgain:
            self._partial = None
            self._tail = b""
            self._head_size = 0
            return self._feed_odd_head(b"".join(parts) + data)
        parts.append(piece)
        if end < 0:
            self._tail = (self._tail + data)[-3:]
            return b""
        self._partial = None
        self._tail = b""
        self._head_size = 0
        self._take_late_head(b"".join(parts))
        return data[end:]

    def _take_late_head(self, head: bytes) -> None:
        """A head that did not come in one read, or that needed patience."""
        self._take_head(head)

    def _judge(self, piece: bytes, before: list[bytes]) -> None:
        """Let the parser look at a piece of a head."""
        if self._is_spent:
            self._renew_parser()
        try:
            self._parser.feed_data(piece)
        except httptools.HttpParserUpgrade:
            self._is_spent = True
        except httptools.HttpParserError as error:
            if self._is_patient(str(error), b"".join(before) + piece):
                raise _ReadAgain from None
            raise self._refusal(str(error)) from None

    def _refusal(self, text: str) -> ProxyError:
        raise NotImplementedError

    def _take_head(self, head: bytes) -> None:
        """Make a message of a head that the parser has accepted."""
        raise NotImplementedError

    # === bodies ===

    def _begin_body(self) -> bool:
        """Whether the framing fields announce a body."""
        known = self._known
        if known.marks & TRANSFER_ENCODING:
            self._chunked = ChunkedReader(self._limit)
            self._is_in_body = self._is_spent = True
        elif known.length > 0:
            self._left = known.length
            self._is_in_body = True
        return self._is_in_body

    def _feed_body(self, data: bytes) -> bytes:
        """Read up to the end of the body; what follows is returned."""
        if self._chunked is not None:
            return self._feed_chunked(self._chunked, data)
        left = self._left
        if left < 0:  # the body ends with the connection
            self._open_stream().feed(data)
            return b""
        piece = data if len(data) <= left else data[:left]
        if not self._is_spent:
            self._parser.feed_data(piece)  # it only counts
        self._left = left = left - len(piece)
        if left > 0:
            self._open_stream().feed(piece)
            return b""
        if self.body is not None:
            self.body.feed(piece)
            self._end_body(None)
        else:
            self._end_body(Bytes(piece))
        return data[len(piece) :]

    def _feed_chunked(self, reader: ChunkedReader, data: bytes) -> bytes:
        chunks: list[bytes] = []
        try:
            rest = reader.read(data, chunks)
        except MalformedChunk as error:
            raise ProxyError(self._malformed, str(error)) from None
        except LineTooLong:
            raise ProxyError(self._too_large) from None
        if reader.is_done and self.body is None:
            whole = Bytes(b"".join(chunks))
            if reader.trailers:
                whole.trailers = reader.trailers
                whole.size, whole.length = whole.length or 0, None  # only chunks can carry them on
            self._end_body(whole)
            return rest
        stream = self._open_stream()
        for chunk in chunks:
            stream.feed(chunk)
        if reader.is_done:
            self._end_body(None)
        return rest

    def _open_stream(self) -> Stream:
        """The body object of a body that comes in more than one read, or without a length."""
        stream = self.body
        if stream is None:
            length = self._known.length
            stream = self.body = Stream(self._source, length if length >= 0 else None)
            self._attach(stream)
        return stream

    def _attach(self, body: Body) -> None:
        """Give the message its body."""
        raise NotImplementedError

    def _end_body(self, whole: Body | None) -> None:
        """The last byte is here. `whole`: the body if it never needed a stream."""
        self._is_in_body = False
        reader, self._chunked = self._chunked, None
        stream, self.body = self.body, None
        self._left = -1
        if whole is not None:
            self._attach(whole)
        elif stream is not None:
            stream.end((reader.trailers or None) if reader is not None else None)
        self._end_message()

    def _end_message(self) -> None:
        """The message is complete."""
        raise NotImplementedError

    def fail(self, error: ProxyError) -> None:
        """The connection is gone: a body that is still open ends with `error`."""
        body, self.body = self.body, None
        if body is not None:
            body.fail(error)


class Unheard:
    """Nobody listens to the parser: it only judges."""


UNHEARD: Final = Unheard()
