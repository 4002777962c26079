"""HTTP/1.1 requests of clients, sans-io (RFC 9112).

What llhttp leaves open is decided here: versions, Host, and requests that are served though it refuses them.
"""

from __future__ import annotations

from typing import Any

import httptools

from trafficcop.errors import Kind, ProxyError
from trafficcop.http.body import Body, Bytes, Source, Stream
from trafficcop.http.h1_decoder import UNHEARD, Decoder
from trafficcop.http.h1_fields import NO_FIELDS, FieldBlock, read_fields
from trafficcop.http.h1_memo import known_request, remember_request
from trafficcop.http.h1_odd import WATCHED_SIZE, is_hopeful, is_odd, read_odd
from trafficcop.http.h1_refusal import apply_fields, apply_version, is_line_malformed, refusal
from trafficcop.http.headers import EXPECT, FRAMING, HOP, Field, Headers
from trafficcop.http.messages import Request


class RequestDecoder(Decoder):
    """Bytes of a client's connection to Requests, in `ready`; their bodies go on being fed afterwards.

    `feed` raises ProxyError for what must be refused; the connection cannot be read any further then.
    """

    _current: Request | None = None
    _empty: int = 0
    _is_odd: bool = False  # the head being read is one that h11 must judge
    # Bytes that followed a request to upgrade: the tunnel's, or the next request's if there is no tunnel.
    leftover: bytes = b""

    def __init__(self, source: Source, limit: int) -> None:
        super().__init__(source, limit)
        self.ready: list[Request] = []  # hardly ever two: a deque alone takes 700 bytes of each idle connection

    def _new_parser(self) -> Any:
        parser = httptools.HttpRequestParser(UNHEARD)
        # HTTP/1.2 is served as 1.1 (RFC 9110 §2.5); which other versions are not is decided by `apply_version`.
        parser.set_dangerous_leniencies(lenient_version=True)
        return parser

    @property
    def is_idle(self) -> bool:
        """Whether no byte of a next message has arrived."""
        return self._partial is None and not self._is_in_body

    @property
    def is_cut_within_line(self) -> bool:
        """Whether what has come of a head ends in what is no line of one."""
        return self._partial is not None and is_line_malformed(b"".join(self._partial))

    def is_reading(self, request: Request) -> bool:
        """Whether the body of this request still comes, not that of one behind it."""
        return self.body is not None and request is self._current

    def recall(self, data: bytes) -> Request | None:
        """The request, if `data` is one as it has come before; None when it must be fed."""
        if self._partial is not None or self._is_in_body or self._is_over or self._empty:
            return None
        known = known_request(data)
        return None if known is None else known.make()

    def _refusal(self, text: str) -> ProxyError:
        return refusal(text)

    def _is_patient(self, complaint: str, head: bytes) -> bool:
        self._is_odd = self._is_spent = not self._is_odd and is_odd(complaint, head)
        return self._is_odd

    def _judge(self, piece: bytes, before: list[bytes]) -> None:
        if not self._is_odd:
            super()._judge(piece, before)
        elif self._head_size - len(piece) < WATCHED_SIZE and not is_hopeful(b"".join(before) + piece):
            raise ProxyError(Kind.BAD_REQUEST, "malformed request line")

    def _take_late_head(self, head: bytes) -> None:
        if not self._is_odd:
            self._take_head(head)
            return
        method, same = read_odd(head)
        super()._judge(same, [])
        self._is_odd = False
        self._take_head(same)
        self.ready[-1].method = method

    def _after_end(self, data: bytes) -> bytes:
        # After the last request of a connection only the bytes of a tunnel may follow (RFC 9112 §9.6).
        if self._current is not None and self._current.upgrade is not None:
            self.leftover += data
        return b""

    def _take_head(self, head: bytes) -> None:
        if head[0] < 33:  # an empty line, which the parser lets pass
            head = self._skip_empty(head)
            if not head:
                return
        start, _, raw = head.partition(b"\r\n")
        host: bytes | None = None
        if raw[:6] == b"Host: ":
            # Where it usually stands. What follows is the same for every host that a client asks.
            line, _, raw = raw.partition(b"\r\n")
            host = line[6:].strip(b" \t")
        known = self._known = read_fields(raw)
        method, _, rest = start.partition(b" ")
        target, _, version = rest.partition(b" ")
        raw_path, mark, query = target.partition(b"?")
        hop: list[Field] | None = known.hop
        headers = Headers.of_block(known.block, hop if hop is None else hop.copy())
        request = Request(method, raw_path, query if mark else None, headers)
        marks = request.marks = known.marks
        if version != b"HTTP/1.1":
            apply_version(request, version, marks)
        self._take_host(request, host, known)
        if marks & (HOP | EXPECT):
            apply_fields(request, known)
        self._current = request
        self.ready.append(request)
        if marks & FRAMING:
            if self._begin_body():
                # RFC 9110 §7.8: a server may ignore Upgrade. A tunnel after a body is more than anybody asks for.
                request.upgrade = None
                return
            request.body = Bytes(b"")
        self._end_message()
        remember_request(head, request, known)

    def _take_host(self, request: Request, host: bytes | None, known: FieldBlock) -> None:
        """RFC 9112 §3.2: exactly one Host, but for HTTP/1.0. `host`: of the first line, the others are in `known`."""
        other = known.host
        if other is not None:
            if host is not None or known.has_two_hosts:
                raise ProxyError(Kind.BAD_REQUEST, "more than one Host field")
            host = other
        if host is not None:
            request.authority = host
        elif request.version == b"1.1":
            raise ProxyError(Kind.BAD_REQUEST, "missing Host field")

    def _skip_empty(self, head: bytes) -> bytes:
        """RFC 9112 §2.2: empty lines before a request are nothing, but not without end."""
        rest = head.lstrip(b"\r\n")
        self._empty += len(head) - len(rest)
        if self._empty > self._limit:
            raise ProxyError(self._too_large)
        return rest

    def _attach(self, body: Body) -> None:
        if self._current is not None:
            self._current.body = body
            if isinstance(body, Stream):
                body.is_expected = self._current.is_expecting_continue

    def _end_message(self) -> None:
        self._empty = 0
        self._known = NO_FIELDS
        request = self._current
        if request is not None:
            if request.method == b"CONNECT":
                request.is_keep_alive = False  # it is refused, and what follows might be meant for a tunnel
            if not request.is_keep_alive or request.upgrade is not None:
                self._is_over = True
            if request.upgrade is None:
                self._current = None  # an idle connection need not remember it

    def fail(self, error: ProxyError) -> None:
        super().fail(error)
        # A request whose body turned out to be malformed before anybody saw its head must never reach a server.
        if self._is_in_body and self.ready and self.ready[-1] is self._current:
            self.ready.pop()

    def resume_after_upgrade(self) -> bytes:
        """The server did not switch protocols: what followed is the next request, to be fed again."""
        self._is_over = False
        data, self.leftover = self.leftover, b""
        return data
