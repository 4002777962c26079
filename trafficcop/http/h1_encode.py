"""HTTP/1.1 heads and chunks to bytes (RFC 9112). Each field is touched once; one join makes the head."""

from __future__ import annotations

import time
from typing import Final

from trafficcop.http.body import EMPTY
from trafficcop.http.headers import DATE, Field, Headers
from trafficcop.http.messages import Request, Response
from trafficcop.http.status import STATUS_TEXT

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
CHUNKED: Final = b"Transfer-Encoding: chunked\r\n"
CLOSE: Final = b"Connection: close\r\n"
KEEP_ALIVE: Final = b"Connection: keep-alive\r\n"
LAST_CHUNK: Final = b"0\r\n\r\n"

# 499 is nobody's standard: Traefik has it from nginx.
_REASONS: Final = STATUS_TEXT | {499: b"Client Closed Request"}
_STATUS_LINES: Final[dict[int, bytes]] = {}


def reason_of(status: int) -> bytes:
    """The reason phrase, whatever the server said; `status code N` for numbers without one, as Go writes it."""
    return _REASONS.get(status) or b"status code %d" % status


def status_line(status: int) -> bytes:
    line = _STATUS_LINES.get(status)
    if line is None:
        line = _STATUS_LINES[status] = b"HTTP/1.1 %d %b\r\n" % (status, reason_of(status))
    return line


class Clock:
    """The Date line, made once a second."""

    __slots__ = ("_line", "_second")

    def __init__(self) -> None:
        self._second = 0
        self._line = b""

    def line(self) -> bytes:
        second = int(time.time())
        if second != self._second:
            self._second = second
            self._line = time.strftime("Date: %a, %d %b %Y %H:%M:%S GMT\r\n", time.gmtime(second)).encode()
        return self._line


_clock = Clock()


def encode_response_head(response: Response, framing: bytes, connection: bytes, first: bytes) -> bytes:
    """The head and the first bytes of the body. `framing`: the Content-Length or Transfer-Encoding line, or nothing;
    `connection`: the Connection line, or nothing."""
    return b"".join(
        (
            status_line(response.status),
            response.headers.encode(),
            b"" if response.marks & DATE else _clock.line(),
            framing,
            connection,
            b"\r\n",
            first,
        )
    )


def encode_informational(status: int, headers: Headers) -> bytes:
    return status_line(status) + headers.encode() + b"\r\n"


def encode_switch(headers: Headers) -> bytes:
    """101, with the fields that say to what (RFC 9110 §7.8)."""
    hop = [b"%b: %b\r\n" % field for field in headers.hop or () if field[0].lower() in (b"upgrade", b"connection")]
    return b"HTTP/1.1 101 Switching Protocols\r\n%b%b\r\n" % (headers.encode(), b"".join(hop))


def encode_refusal(status: int) -> bytes:
    """What Go's server answers to what it cannot read, before it closes."""
    text = b"%d %b" % (status, reason_of(status))
    return b"HTTP/1.1 %b\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n%b" % (text, text)


def encode_chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def encode_last_chunk(trailers: list[Field] | None) -> bytes:
    if not trailers:
        return LAST_CHUNK
    return b"0\r\n%b\r\n" % b"".join([b"%b: %b\r\n" % field for field in trailers])


def open_framing(request: Request, response: Response) -> bytes:
    """The framing of an answer whose length nobody knows: chunks, with the trailers that are announced (RFC 9110
    §6.6.2); nothing for HTTP/1.0, where it ends with the connection."""
    if request.version != b"1.1":
        return b""
    hop = response.headers.hop
    if hop is None:
        return CHUNKED
    return CHUNKED + b"".join([b"Trailer: %b\r\n" % value for name, value in hop if name.lower() == b"trailer"])


def bodiless_framing(request: Request, response: Response, first: bytes) -> bytes:
    """The framing of an answer that has no body, though it may say how long it would have been (RFC 9110 §8.6)."""
    if request.method != b"HEAD" or response.status in (204, 304) or response.status < 200:
        return b""
    length = response.body.length if not first else len(first)
    return b"" if length is None or response.body is EMPTY else b"Content-Length: %d\r\n" % length
