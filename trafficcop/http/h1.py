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
from trafficcop.http.body import Body, Bytes, Source, Stream
from trafficcop.http.h1_refusal import apply_version, refusal
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
    is_option,
    learn,
)
from trafficcop.http.messages import Request

# Go's server allows this much above maxHeaderBytes before it answers 431 (net/http `initialReadLimitSize`).
HEADER_SLACK = 4096
# A longer body of known length is counted here instead of being copied through the parser.
DIRECT_BODY = 64 * 1024


class Decoder:
    """What reading requests and responses has in common: fields, body, trailers, limits.

    A body that has come whole by the end of the read that brought its head is made `Bytes`; any other is a `Stream`,
    in `body` while it is open.
    """

    _marks: int = 0
    _length: int = -1
    _hop: list[Field] | None = None
    _host: bytes | None = None
    _connection: bytes = b""
    _expect: bytes = b""
    _upgrade: bytes = b""
    _coding: bytes = b""
    _is_in_body: bool = False
    _first: bytes | None = None  # the first piece of a body that has no object yet
    _body_left: int = -1
    _head_size: int = 0
    _carried: int = 0  # at most this much of a head came at the end of a read that brought something else too
    _seen: int = 0
    _too_large: Kind = Kind.HEADERS_TOO_LARGE

    def __init__(self, source: Source, limit: int) -> None:
        self._source = source
        self._limit = limit + HEADER_SLACK
        self._parser: Any = self._new_parser()
        self._fields: list[Field] = []
        self.body: Stream | None = None

    def _new_parser(self) -> Any:
        raise NotImplementedError

    # === called by the parser ===

    def on_header(self, name: bytes, value: bytes) -> None:
        bits = bits_of(name)
        if bits is None:
            bits = learn(name)
        if bits == 0:
            self._fields.append((name, value))
        elif self._is_in_body:
            # RFC 9110 §6.5.1: fields about framing, routing or the connection must not come as trailers.
            if not bits & (HOP | FRAMING | HOST):
                self._fields.append((name, value))
        else:
            self._marks |= bits
            if bits & (FRAMING | HOST | HOP):
                self._on_special(name, value, bits)
            else:
                self._fields.append((name, value))
                if bits & EXPECT:
                    self._expect = value

    def _on_special(self, name: bytes, value: bytes, bits: int) -> None:
        if bits & CONTENT_LENGTH:
            self._length = int(value)
        elif bits & HOST:
            if self._host is not None:
                self._refuse_second_host()
            self._host = value
        else:
            if bits & CONNECTION:
                self._connection = self._connection + b", " + value if self._connection else value
                if value == b"keep-alive" or value == b"close":
                    return
            elif bits & UPGRADE:
                self._upgrade = self._upgrade + b", " + value if self._upgrade else value
            elif bits & TRANSFER_ENCODING:
                self._coding = self._coding + b", " + value if self._coding else value
            if self._hop is None:
                self._hop = []
            self._hop.append((name, value))

    def _refuse_second_host(self) -> None:
        raise NotImplementedError

    def on_body(self, chunk: bytes) -> None:
        self._seen += len(chunk)
        if self._body_left >= 0:
            self._body_left -= len(chunk)
        body = self.body
        if body is not None:
            body.feed(chunk)
        elif self._first is None and len(chunk) == self._length:
            self._first = chunk
        else:
            self._open_stream().feed(chunk)

    def on_message_complete(self) -> None:
        raise NotImplementedError

    # === around the parser ===

    def feed(self, data: bytes) -> None:
        """Read what the connection brought. ProxyError: nothing more can be read from it."""
        body = self.body
        if self._body_left > 0 and body is not None:
            data = self._feed_direct(data, body)
        if data:
            while data:
                data = self._feed_parser(data)
            if self._is_in_body and self.body is None:
                self._open_stream()
        if body is not None:
            body.wake()

    def _feed_parser(self, data: bytes) -> bytes:
        """What is left is for the parser that took this one's place."""
        raise NotImplementedError

    def _feed_direct(self, data: bytes, body: Stream) -> bytes:
        """Count body bytes without the parser; what follows the body is returned for the next message."""
        left = self._body_left
        if len(data) < left:
            body.feed(data)
            self._body_left = left - len(data)
            return b""
        body.feed(data if len(data) == left else data[:left])
        # The old parser still waits for these bytes: a fresh one reads the next message.
        self._parser = self._new_parser()
        self.on_message_complete()
        return data[left:]

    def _begin_body(self) -> bool:
        """Whether the framing fields announce a body; fields read from now on are trailers."""
        if self._marks & TRANSFER_ENCODING or self._length > 0:
            self._is_in_body = True
            if self._length > DIRECT_BODY:
                self._body_left = self._length
        return self._is_in_body

    def _open_stream(self) -> Stream:
        """The body object of a body that comes in more than one read, or without a length."""
        stream = self.body = Stream(self._source, self._length if self._length >= 0 else None)
        self._attach(stream)
        return stream

    def _attach(self, body: Body) -> None:
        """Give the message its body."""
        raise NotImplementedError

    def _end_message(self) -> None:
        if self._is_in_body:
            if self._fields:
                self._check_size(0)
            self._is_in_body = False
            body, self.body = self.body, None
            first = self._first
            if body is not None:
                body.end(self._fields or None)
            elif first is not None:
                self._first = None
                self._attach(Bytes(first))
            else:  # chunked, and without a byte
                empty = Bytes(b"")
                empty.trailers = self._fields or None
                self._attach(empty)
            self._fields = []
            self._body_left = -1
        if self._marks & (HOP | EXPECT):
            self._hop = None
            self._connection = self._expect = self._upgrade = self._coding = b""
        self._marks = 0
        self._length = -1
        self._host = None
        self._head_size = 0

    def fail(self, error: ProxyError) -> None:
        """The connection is gone: a body that is still open ends with `error`."""
        body, self.body = self.body, None
        if body is not None:
            body.fail(error)

    def _count(self, size: int) -> None:
        """Limit what a head, or what stands between pieces of a body, may take in however many pieces it comes."""
        self._head_size += size
        if self._head_size > self._limit:
            raise ProxyError(self._too_large)

    def _check_size(self, start_line: int) -> None:
        """The size of a head, or of trailers, that came with much else in one read."""
        size = start_line + 16
        for fields in (self._fields, self._hop or ()):
            for name, value in fields:
                size += len(name) + len(value) + 4
        if size > self._limit:
            raise ProxyError(self._too_large)


class RequestDecoder(Decoder):
    """Bytes of a client's connection to Requests, in `ready`; their bodies go on being fed afterwards.

    `feed` raises ProxyError for what must be refused; the connection cannot be read any further then.
    """

    _url: bytes = b""
    _current: Request | None = None
    _is_over: bool = False
    _is_large: bool = False
    _is_resuming: bool = False  # reading the body of a request to upgrade, at which the parser stops
    _is_begun: bool = False  # a byte of a request has come that is not complete yet
    # Bytes that followed a request to upgrade: the tunnel's, or the next request's if there is no tunnel.
    leftover: bytes = b""

    def __init__(self, source: Source, limit: int) -> None:
        super().__init__(source, limit)
        self.ready: deque[Request] = deque()

    def _new_parser(self) -> Any:
        parser = httptools.HttpRequestParser(self)
        # HTTP/1.2 is served as 1.1 (RFC 9110 §2.5); which other versions are not is decided below.
        parser.set_dangerous_leniencies(lenient_version=True)
        return parser

    @property
    def is_idle(self) -> bool:
        """Whether no byte of a next message has arrived."""
        return not self._is_begun

    def _feed_parser(self, data: bytes) -> bytes:
        if self._is_over:
            # After the last request only the bytes of a tunnel may follow.
            if self._current is not None and self._current.upgrade is not None:
                self.leftover += data
            return b""
        size = len(data)
        before = len(self.ready)
        self._is_large = size + self._head_size + self._carried > self._limit
        was_head = not self._is_in_body
        self._seen = 0
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            return self._on_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserCallbackError as error:
            raise error.__context__ if isinstance(error.__context__, ProxyError) else error from None
        except httptools.HttpParserError as error:
            self._refuse(str(error))
            return b""
        if len(self.ready) == before and self._seen == 0 and was_head is not self._is_in_body:
            self._count(size)
        else:
            self._head_size = 0
            self._carried = size
        return b""

    def _on_upgrade(self, rest: bytes) -> bytes:
        """The parser stops at the end of a head that asks for an upgrade, or of CONNECT, and leaves the rest to us."""
        self._is_over = True
        if not self._is_resuming:
            self.leftover = rest
            return b""
        # A body comes first: a fresh parser reads it, told of its framing by a head that nobody else sees.
        self._is_over = False
        self._parser = self._new_parser()
        framing = b"Content-Length: %d" % self._length if self._length >= 0 else b"Transfer-Encoding: chunked"
        self._parser.feed_data(b"POST / HTTP/1.1\r\n" + framing + b"\r\n\r\n")
        self._is_resuming = False
        return rest

    def fail(self, error: ProxyError) -> None:
        super().fail(error)
        # A request whose body turned out to be malformed before anybody saw its head must never reach a server.
        if self._is_in_body and self.ready and self.ready[-1] is self._current:
            self.ready.pop()

    def _refuse_second_host(self) -> None:
        raise ProxyError(Kind.BAD_REQUEST, "more than one Host field")

    def _refuse(self, text: str) -> None:
        # What follows the last request of a connection is nobody's business (RFC 9112 §9.6).
        if not self._is_over:
            raise refusal(text) from None

    def resume_after_upgrade(self) -> bytes:
        """The server did not switch protocols: what follows is the next request, to be fed again."""
        self._is_over = False
        self._parser = self._new_parser()
        data, self.leftover = self.leftover, b""
        return data

    # === called by the parser ===

    def on_message_begin(self) -> None:
        self._is_begun = True

    def on_url(self, url: bytes) -> None:
        self._url = self._url + url if self._url else url

    def on_headers_complete(self) -> None:
        if self._is_resuming:
            self._url = b""
            return
        parser = self._parser
        url, self._url = self._url, b""
        if self._is_large:
            self._check_size(len(url))
        raw_path, mark, query = url.partition(b"?")
        request = Request(parser.get_method(), raw_path, query if mark else None, Headers(self._fields, self._hop))
        self._fields = []
        marks = request.marks = self._marks
        host = self._host
        if parser.get_http_version() != "1.1":
            apply_version(request, parser.get_http_version(), marks)
        if host is not None:
            request.authority = host.strip()
        elif request.version == b"1.1":
            raise ProxyError(Kind.BAD_REQUEST, "missing Host field")
        if marks & (HOP | EXPECT):
            self._apply(request, marks)
        if marks & FRAMING:
            if not self._begin_body():
                request.body = Bytes(b"")
            elif request.upgrade is not None:
                # RFC 9110 §7.8: a server may ignore Upgrade. A tunnel after a body is more than anybody asks for.
                request.upgrade = None
                self._is_resuming = True
        if request.method == b"CONNECT":
            request.is_keep_alive = False  # it is refused, and what follows might be meant for a tunnel
        self._current = request
        self.ready.append(request)

    def _apply(self, request: Request, marks: int) -> None:
        """Take from the fields what decides about the connection and the body."""
        if marks & TRANSFER_ENCODING and self._coding.strip().lower() != b"chunked":
            raise ProxyError(Kind.NOT_IMPLEMENTED, "unsupported transfer coding")
        if marks & CONNECTION:
            self._apply_connection(request, self._connection.lower())
        if marks & EXPECT and request.version == b"1.1":
            if self._expect.strip().lower() != b"100-continue":
                raise ProxyError(Kind.EXPECTATION_FAILED)
            request.is_expecting_continue = True

    def _apply_connection(self, request: Request, options: bytes) -> None:
        if options == b"keep-alive":
            request.is_keep_alive = True
            return
        tokens = [token.strip() for token in options.split(b",")]
        if b"close" in tokens:
            request.is_keep_alive = False
        elif b"keep-alive" in tokens:
            request.is_keep_alive = True
        if b"upgrade" in tokens and self._upgrade:
            request.upgrade = self._upgrade.strip()
        request.connection_options = [token for token in tokens if is_option(token)]

    def _attach(self, body: Body) -> None:
        if self._current is not None:
            self._current.body = body
            if isinstance(body, Stream):
                body.is_expected = self._current.is_expecting_continue

    def on_message_complete(self) -> None:
        if self._is_resuming:
            return
        self._is_begun = False
        self._end_message()
        if self._current is not None and not self._current.is_keep_alive:
            self._is_over = True
