"""HTTP/1.1 on the wire, sans-io: bytes to messages and messages to bytes (RFC 9112).

llhttp (through httptools) reads; it refuses what smuggling feeds on: bare LF, folded lines, white space before the
colon, Content-Length beside Transfer-Encoding, doubled lengths, malformed chunk sizes. What it leaves open is decided
here: versions, Host, limits, trailers.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import httptools

from trafficcop.errors import Kind, ProxyError
from trafficcop.http.body import Bytes, Source, Stream
from trafficcop.http.headers import (
    CONNECTION,
    CONTENT_LENGTH,
    EXPECT,
    FRAMING,
    HOP,
    HOST,
    TRANSFER_ENCODING,
    UPGRADE,
    Field,
    Headers,
    bits_of,
    learn,
)
from trafficcop.http.messages import Request

# Go's server allows this much above maxHeaderBytes before it answers 431 (net/http `initialReadLimitSize`).
HEADER_SLACK = 4096
# A longer body of known length is counted here instead of being copied through the parser.
DIRECT_BODY = 64 * 1024


class Decoder:
    """What reading requests and responses has in common: fields, body, trailers, limits."""

    __slots__ = (
        "_body",
        "_body_left",
        "_fields",
        "_head_size",
        "_hop",
        "_length",
        "_limit",
        "_marks",
        "_parser",
        "_seen",
        "_source",
        "_values",
    )

    def __init__(self, source: Source, limit: int) -> None:
        self._source = source
        self._limit = limit + HEADER_SLACK
        self._parser: Any = self._new_parser()
        self._fields: list[Field] = []
        self._hop: list[Field] | None = None
        self._marks = 0
        self._length = -1
        # The latest values of the few fields the codec itself needs, by their bit; None on most messages.
        self._values: dict[int, bytes] | None = None
        self._head_size = 0
        self._body: Stream | None = None
        self._body_left = -1
        self._seen = 0

    def _new_parser(self) -> Any:
        raise NotImplementedError

    # === called by the parser ===

    def on_header(self, name: bytes, value: bytes) -> None:
        bits = bits_of(name)
        if bits is None:
            bits = learn(name)
        if bits == 0:
            self._fields.append((name, value))
        else:
            self._on_special(name, value, bits)

    def _on_special(self, name: bytes, value: bytes, bits: int) -> None:
        if self._body is not None:
            self._on_trailer(name, value, bits)
            return
        self._marks |= bits
        if bits & HOP:
            if self._hop is None:
                self._hop = []
            self._hop.append((name, value))
        elif not bits & (FRAMING | HOST):
            self._fields.append((name, value))
        if bits & CONTENT_LENGTH:
            self._length = int(value)
        elif bits & (CONNECTION | EXPECT | HOST | UPGRADE | TRANSFER_ENCODING):
            self._keep_value(value, bits & (CONNECTION | EXPECT | HOST | UPGRADE | TRANSFER_ENCODING))

    def _keep_value(self, value: bytes, bit: int) -> None:
        values = self._values
        if values is None:
            values = self._values = {}
        if bit in values:
            if bit == HOST:
                raise ProxyError(Kind.BAD_REQUEST, "more than one Host field")
            value = values[bit] + b", " + value
        values[bit] = value

    def _on_trailer(self, name: bytes, value: bytes, bits: int) -> None:
        # RFC 9110 §6.5.1: fields about framing, routing or the connection must not come as trailers.
        if not bits & (HOP | FRAMING | HOST):
            self._fields.append((name, value))

    def on_body(self, chunk: bytes) -> None:
        body = self._body
        if body is not None:
            body.feed(chunk)
            self._seen += len(chunk)
            if self._body_left >= 0:
                self._body_left -= len(chunk)

    def on_message_complete(self) -> None:
        raise NotImplementedError

    # === around the parser ===

    def feed(self, data: bytes) -> None:
        """Read what the connection brought. ProxyError: nothing more can be read from it."""
        body = self._body
        if self._body_left > 0:
            data = self._feed_direct(data)
        if data:
            self._feed_parser(data)
        if body is not None:
            body.wake()

    def _feed_parser(self, data: bytes) -> None:
        raise NotImplementedError

    def _feed_direct(self, data: bytes) -> bytes:
        """Count body bytes without the parser; what follows the body is returned for the next message."""
        body = self._body
        left = self._body_left
        if body is None:
            return data
        if len(data) < left:
            body.feed(data)
            self._body_left = left - len(data)
            return b""
        body.feed(data if len(data) == left else data[:left])
        # The old parser still waits for these bytes: a fresh one reads the next message.
        self._parser = self._new_parser()
        self.on_message_complete()
        return data[left:]

    def _open_stream(self) -> Stream | None:
        """The body that the framing fields announce; fields read from now on are trailers."""
        if self._marks & TRANSFER_ENCODING:
            self._body = Stream(self._source)
        elif self._length > 0:
            self._body = Stream(self._source, self._length)
            if self._length > DIRECT_BODY:
                self._body_left = self._length
        return self._body

    def _end_message(self) -> None:
        body, self._body = self._body, None
        if body is not None:
            trailers, self._fields = self._fields, []
            body.end(trailers or None)
        self._hop = None
        self._marks = 0
        self._length = -1
        self._values = None
        self._head_size = 0
        self._body_left = -1

    def fail(self, error: ProxyError) -> None:
        """The connection is gone: a body that is still open ends with `error`."""
        body, self._body = self._body, None
        if body is not None:
            body.fail(error)

    def _count(self, size: int) -> None:
        """Limit what a head, or what stands between pieces of a body, may take in however many pieces it comes."""
        self._head_size += size
        if self._head_size > self._limit:
            raise ProxyError(Kind.HEADERS_TOO_LARGE)

    def _check_size(self, start_line: int) -> None:
        """The exact size of a head that came with much else in one read."""
        size = start_line + 16
        for name, value in self._fields:
            size += len(name) + len(value) + 4
        if size > self._limit:
            raise ProxyError(Kind.HEADERS_TOO_LARGE)


class RequestDecoder(Decoder):
    """Bytes of a client's connection to Requests, in `ready`; their bodies go on being fed afterwards.

    `feed` raises ProxyError for what must be refused; the connection cannot be read any further then.
    """

    __slots__ = ("_current", "_is_large", "_is_over", "_url", "leftover", "ready")

    def __init__(self, source: Source, limit: int) -> None:
        super().__init__(source, limit)
        self.ready: deque[Request] = deque()
        self._url = b""
        self._current: Request | None = None
        self._is_over = False
        self._is_large = False
        # Bytes that followed a request to upgrade: the tunnel's, or the next request's if there is no tunnel.
        self.leftover = b""

    def _new_parser(self) -> Any:
        return httptools.HttpRequestParser(self)

    @property
    def is_idle(self) -> bool:
        """Whether no byte of a next message has arrived."""
        return self._head_size == 0 and self._body is None

    @property
    def is_reading_body(self) -> bool:
        return self._body is not None

    def _feed_parser(self, data: bytes) -> None:
        if self._is_over:
            # After the last request only the bytes of a tunnel may follow.
            if self._current is not None and self._current.upgrade is not None:
                self.leftover += data
            return
        size = len(data)
        before = len(self.ready)
        self._is_large = size + self._head_size > self._limit
        was_head = self._body is None
        self._seen = 0
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self.leftover = data[upgrade.args[0] :]
            self._is_over = True
            return
        except httptools.HttpParserCallbackError as error:
            raise error.__context__ if isinstance(error.__context__, ProxyError) else error from None
        except httptools.HttpParserError as error:
            self._refuse(str(error))
            return
        if len(self.ready) == before and self._seen == 0 and was_head is (self._body is None):
            self._count(size)

    def _refuse(self, text: str) -> None:
        # What follows the last request of a connection is nobody's business (RFC 9112 §9.6).
        if not self._is_over:
            raise _refusal(text) from None

    def resume_after_upgrade(self) -> None:
        """The server did not switch protocols: what follows is the next request."""
        self._is_over = False
        self._parser = self._new_parser()
        data, self.leftover = self.leftover, b""
        if data:
            self.feed(data)

    # === called by the parser ===

    def on_url(self, url: bytes) -> None:
        self._url = self._url + url if self._url else url

    def on_headers_complete(self) -> None:
        parser = self._parser
        url, self._url = self._url, b""
        if self._is_large:
            self._check_size(len(url))
        raw_path, mark, query = url.partition(b"?")
        request = Request(parser.get_method(), raw_path, query if mark else None, Headers(self._fields, self._hop))
        self._fields = []
        version = parser.get_http_version()
        if version != "1.1":
            if version != "1.0":
                raise ProxyError(Kind.BAD_REQUEST, "malformed request line")
            request.version = b"1.0"
            request.is_keep_alive = False
        request.marks = self._marks
        values = self._values
        if values is not None:
            host = values.get(HOST)
            if host is not None:
                request.authority = host
            if host is None or len(values) != 1:
                _apply(request, values)
        elif version == "1.1":
            raise ProxyError(Kind.BAD_REQUEST, "missing Host field")
        if self._marks & FRAMING:
            stream = self._open_stream()
            if stream is not None:
                request.body = stream
                stream.is_expected = request.is_expecting_continue
            elif self._length == 0:
                request.body = Bytes(b"")
        self._current = request
        self.ready.append(request)

    def on_message_complete(self) -> None:
        self._end_message()
        if self._current is not None and not self._current.is_keep_alive:
            self._is_over = True


def _refusal(text: str) -> ProxyError:
    """What llhttp's complaint means to the client."""
    if text == "Invalid HTTP version":
        return ProxyError(Kind.VERSION_NOT_SUPPORTED, text)
    if "Transfer-Encoding" in text and "Content-Length" not in text:
        # RFC 9112 §6.1: a transfer coding we do not understand.
        return ProxyError(Kind.NOT_IMPLEMENTED, text)
    return ProxyError(Kind.BAD_REQUEST, text)


def _apply(request: Request, values: dict[int, bytes]) -> None:
    """Take from the fields what decides about the connection and the body."""
    if HOST not in values and request.version == b"1.1":
        raise ProxyError(Kind.BAD_REQUEST, "missing Host field")
    coding = values.get(TRANSFER_ENCODING)
    if coding is not None and (coding.lower() != b"chunked" or request.version == b"1.0"):
        raise ProxyError(Kind.NOT_IMPLEMENTED, "unsupported transfer coding")
    connection = values.get(CONNECTION)
    if connection is not None:
        _apply_connection(request, connection.lower(), values)
    expect = values.get(EXPECT)
    if expect is not None and request.version == b"1.1":
        if expect.lower() != b"100-continue":
            raise ProxyError(Kind.EXPECTATION_FAILED)
        request.is_expecting_continue = True


def _apply_connection(request: Request, options: bytes, values: dict[int, bytes]) -> None:
    if options == b"keep-alive":
        request.is_keep_alive = True
        return
    tokens = [token.strip() for token in options.split(b",")]
    if b"close" in tokens:
        request.is_keep_alive = False
    elif b"keep-alive" in tokens:
        request.is_keep_alive = True
    if b"upgrade" in tokens and UPGRADE in values:
        request.upgrade = values[UPGRADE]
    # RFC 9110 §7.6.1: fields that the client names here end at this hop.
    request.connection_options = [token for token in tokens if token and not learn(token) & (HOP | FRAMING | HOST)]
