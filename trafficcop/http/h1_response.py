"""HTTP/1.1 answers of servers, sans-io (RFC 9112)."""

from __future__ import annotations

from typing import Any

import httptools

from trafficcop.errors import Kind, ProxyError
from trafficcop.http.body import EMPTY, Body, Bytes
from trafficcop.http.h1 import Decoder
from trafficcop.http.headers import CONNECTION, FRAMING, HOP, HOST, TRANSFER_ENCODING, Headers, learn
from trafficcop.http.messages import Response


class _HeadOnly(Exception):
    """Stops the parser after the head of an answer that has no body although its fields announce one."""


class ResponseDecoder(Decoder):
    """Bytes of a server's connection to one Response at a time, in `response` (and 1xx answers in `informational`)."""

    response: Response | None = None
    informational: list[Response] | None = None
    is_head: bool = False
    is_complete: bool = True  # nobody has asked yet: see `expect`
    is_reusable: bool = False
    tunnel_bytes: bytes | None = None
    _too_large: Kind = Kind.BAD_RESPONSE

    def _new_parser(self) -> Any:
        parser = httptools.HttpResponseParser(self)
        # What servers in the field do, and what cannot make an answer mean two things: our clients get our own framing.
        parser.set_dangerous_leniencies(lenient_version=True, lenient_optional_cr_before_lf=True)
        return parser

    @property
    def is_in_head(self) -> bool:
        """Whether some bytes of an answer have come, but not its whole head."""
        return self.response is None and self._head_size > 0

    def expect(self, is_head: bool) -> None:
        """Prepare for the answer to the next request."""
        self.response = None
        self.is_complete = False
        self.is_reusable = False
        self.is_head = is_head

    def _feed_parser(self, data: bytes) -> bytes:
        if self.tunnel_bytes is not None:
            self.tunnel_bytes += data
            return b""
        if self.is_complete:
            # Nobody asked: a server that talks out of turn cannot be trusted with the next request.
            self.is_reusable = False
            return b""
        had_head = self.response is not None
        self._seen = 0
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self.tunnel_bytes = data[upgrade.args[0] :]
            return b""
        except httptools.HttpParserCallbackError as error:
            if isinstance(error.__context__, _HeadOnly):
                self._parser = self._new_parser()
                # Whatever else came may go on in the next read, as if it were the next answer.
                if data.count(b"\r\n\r\n") > 1 or not b"\r\n\r\n".endswith(data[-4:]):
                    self.is_reusable = False
                return b""
            raise error.__context__ if isinstance(error.__context__, ProxyError) else error from None
        except httptools.HttpParserError as error:
            self._distrust(str(error))
            return b""
        if had_head is (self.response is not None) and self._seen == 0:
            self._count(len(data))
        elif self._seen:
            self._head_size = 0
        return b""

    def _distrust(self, text: str) -> None:
        # Garbage after a complete answer does that answer no harm, but the connection is not used again.
        self.is_reusable = False
        if not self.is_complete:
            raise ProxyError(Kind.BAD_RESPONSE, text) from None

    # === called by the parser ===

    def on_headers_complete(self) -> None:
        parser = self._parser
        status = parser.get_status_code()
        response = Response(status, Headers(self._fields, self._hop))
        marks = response.marks = self._marks
        self._fields = []
        if self.response is not None or self.is_complete:
            raise ProxyError(Kind.BAD_RESPONSE, "a second answer to one request")
        if status < 100:
            raise ProxyError(Kind.BAD_RESPONSE, "a status below 100")
        if status < 200 and status != 101:
            if self.informational is None:
                self.informational = []
            self.informational.append(response)
            return
        self.response = response
        self._head_size = 0
        self.is_reusable = parser.should_keep_alive()
        if marks & CONNECTION:
            self._drop_connection_fields(response)
        if self.is_head or status in (204, 304):
            self._end_bodiless(response)
        elif marks & FRAMING:
            if not self._begin_body():
                response.body = Bytes(b"")
        elif status != 101:
            # RFC 9112 §6.3: the body ends with the connection.
            self._is_in_body = True
            self.is_reusable = False
        else:
            self.is_reusable = False

    def _end_bodiless(self, response: Response) -> None:
        """An answer to HEAD, or 204 or 304: Content-Length says what the body would have been."""
        response.body = Bytes(b"", self._length) if self._length >= 0 else EMPTY
        if self.is_head:
            if self._parser.get_http_version() == "1.1":
                # The parser takes an answer without framing for one that ends with the connection.
                self.is_reusable = b"close" not in self._connection.lower()
            self.on_message_complete()
            raise _HeadOnly

    def _drop_connection_fields(self, response: Response) -> None:
        connection = self._connection.lower()
        if connection != b"keep-alive" and connection != b"close":
            for token in connection.split(b","):
                name = token.strip()
                if name and not learn(name) & (HOP | FRAMING | HOST):
                    response.headers.remove(name)

    def _refuse_second_host(self) -> None:
        """Host means nothing in an answer."""

    def _attach(self, body: Body) -> None:
        if self.response is not None:
            self.response.body = body

    def on_message_complete(self) -> None:
        self._end_message()
        if self.response is not None:
            self.is_complete = True

    def end_of_stream(self) -> None:
        """The server closed: that ends a body without framing, and cuts off any other."""
        body = self.body
        if self._is_in_body and self._length < 0 and not self._marks & TRANSFER_ENCODING:
            self.on_message_complete()
            if body is not None:
                body.wake()
