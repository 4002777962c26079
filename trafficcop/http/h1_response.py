"""HTTP/1.1 answers of servers, sans-io (RFC 9112)."""

from __future__ import annotations

import re
from typing import Any, Final

import httptools

from trafficcop.errors import Kind, ProxyError
from trafficcop.http.body import EMPTY, Body, Bytes
from trafficcop.http.h1_decoder import UNHEARD, Decoder
from trafficcop.http.h1_fields import FieldBlock, read_fields
from trafficcop.http.h1_memo import known_response, remember_response
from trafficcop.http.h1_repair import is_repairable, repaired
from trafficcop.http.headers import CONNECTION, FRAMING, Field, Headers, is_option
from trafficcop.http.messages import Response

_LINE_BREAK: Final = re.compile(rb"\r?\n")


class ResponseDecoder(Decoder):
    """Bytes of a server's connection to one Response at a time, in `response` (and 1xx answers in `informational`)."""

    response: Response | None = None
    informational: list[Response] | None = None
    is_head: bool = False
    is_complete: bool = True  # nobody has asked yet: see `expect`
    _is_over: bool = True
    is_reusable: bool = False
    tunnel_bytes: bytes | None = None
    _is_broken: bool = False  # the head being read is one that must be repaired
    _too_large: Kind = Kind.BAD_RESPONSE
    _malformed: Kind = Kind.BAD_RESPONSE

    def _new_parser(self) -> Any:
        parser = httptools.HttpResponseParser(UNHEARD)
        # What servers in the field do, and what cannot make an answer mean two things: our clients get our own framing.
        parser.set_dangerous_leniencies(lenient_version=True, lenient_optional_cr_before_lf=self._has_bare_lf)
        return parser

    @property
    def is_in_head(self) -> bool:
        """Whether some bytes of an answer have come, but not its whole head."""
        return self.response is None and self._partial is not None

    def expect(self, is_head: bool) -> None:
        """Prepare for the answer to the next request."""
        self.response = None
        self.is_complete = self._is_over = False
        self.is_reusable = False
        self.is_head = is_head

    def feed(self, data: bytes) -> None:
        """As `Decoder.feed`; an answer as it has come before is not read again."""
        if self._partial is None and not self._is_in_body and not self._is_over and not self.is_head:
            end = data.find(b"\r\n\r\n") + 4
            known = known_response(data[:end])
            if known is not None and known.length == len(data) - end:
                self.response = known.make(data[end:])
                self.is_reusable = self.is_complete = self._is_over = True
                return
        super().feed(data)

    def _refusal(self, text: str) -> ProxyError:
        return ProxyError(Kind.BAD_RESPONSE, text)

    def _after_end(self, data: bytes) -> bytes:
        if self.tunnel_bytes is not None:
            self.tunnel_bytes += data
        else:
            # Nobody asked: a server that talks out of turn cannot be trusted with the next request.
            self.is_reusable = False
        return b""

    def _is_patient(self, complaint: str, head: bytes) -> bool:
        if not self._is_broken and is_repairable(complaint):
            self._is_broken = self._is_spent = True
            return True
        if self._has_bare_lf or "CR" not in complaint:
            return False
        # Some old servers end their lines with a bare LF: from here on this connection is read so.
        self._has_bare_lf = self._is_spent = True
        return True

    def _judge(self, piece: bytes, before: list[bytes]) -> None:
        if not self._is_broken:
            super()._judge(piece, before)

    def _take_late_head(self, head: bytes) -> None:
        if not self._is_broken:
            self._take_head(head)
            return
        head = repaired(head)
        super()._judge(head, [])  # with no more patience
        self._is_broken = False
        self._take_head(head)
        self.is_reusable = False  # RFC 9112 §6.3: who says such things may mean something else by them

    def _take_head(self, head: bytes) -> None:
        if self._has_bare_lf:
            head = _LINE_BREAK.sub(b"\r\n", head)
        status_line, _, raw = head.partition(b"\r\n")
        if status_line[:5] != b"HTTP/" or not status_line[9:12].isdigit() or status_line[9:10] == b"0":
            raise ProxyError(Kind.BAD_RESPONSE, "malformed status line")
        known = self._known = read_fields(raw)
        status = int(status_line[9:12])
        hop: list[Field] | None = known.hop
        response = Response(status, Headers.of_block(known.block, hop if hop is None else hop.copy()))
        marks = response.marks = known.marks
        if status < 200 and status != 101:
            if self.informational is None:
                self.informational = []
            self.informational.append(response)
            self._end_message()
            return
        self.response = response
        connection = known.connection.lower()
        if status_line[7:8] == b"0":
            self.is_reusable = b"keep-alive" in connection
        else:
            self.is_reusable = b"close" not in connection
        if marks & CONNECTION and connection != b"keep-alive" and connection != b"close":
            _drop_connection_fields(response, connection)
        self._begin(head, response, known)

    def _begin(self, head: bytes, response: Response, known: FieldBlock) -> None:
        """What follows the head (RFC 9112 §6.3)."""
        status = response.status
        if self.is_head or status in (204, 304):
            # Content-Length says what the body would have been.
            response.body = Bytes(b"", known.length) if known.length >= 0 else EMPTY
            self._is_spent = self._is_spent or self.is_head
            self._end_message()
        elif status == 101:
            self.is_reusable = False
            self.tunnel_bytes = b""
            self._end_message()
        elif response.marks & FRAMING:
            if known.coding and known.coding.lower() != b"chunked":
                # RFC 9112 §7: it would have to be undone here, since our client is told of chunks only.
                raise ProxyError(Kind.BAD_RESPONSE, "unsupported transfer coding")
            if self.is_reusable and not self._has_bare_lf:
                remember_response(head, status, known)
            if not self._begin_body():
                response.body = Bytes(b"")
                self._end_message()
        else:
            # The body ends with the connection.
            self._is_in_body = self._is_spent = True
            self.is_reusable = False

    def _attach(self, body: Body) -> None:
        if self.response is not None:
            self.response.body = body

    def _end_message(self) -> None:
        if self.response is not None:
            self.is_complete = self._is_over = True

    def end_of_stream(self) -> None:
        """The server closed: that ends a body without framing, and cuts off any other."""
        body = self.body
        if self._is_in_body and not self._known.marks & FRAMING:
            self._end_body(None if body is not None else Bytes(b""))
            if body is not None:
                body.wake()


def _drop_connection_fields(response: Response, connection: bytes) -> None:
    """RFC 9110 §7.6.1: fields that the server names in Connection end here."""
    for token in connection.split(b","):
        name = token.strip()
        if is_option(name):
            response.headers.remove(name)
