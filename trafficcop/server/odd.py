"""Requests that llhttp refuses but that are served: methods nobody has heard of, 8-bit bytes in a target.

h11 reads the head, and the fast parser gets one that means the same: `GET`, and a target with escapes. Nothing here
runs for any other request. A head that comes in pieces, or behind another request in one read, stays refused.
"""

from __future__ import annotations

import re

from trafficcop.errors import Kind, ProxyError
from trafficcop.http.body import Source
from trafficcop.http.h1 import RequestDecoder

# What llhttp says to such a request; and to some that h11 refuses as well.
_DETAILS = frozenset(
    (
        "Invalid method encountered",
        "Expected space after method",
        "Invalid method for HTTP/x.x request",
        "Invalid char in url path",
        "Invalid char in url query",
    )
)
_HIGH = re.compile(rb"[\x80-\xff]")


def read_odd(error: ProxyError, data: bytes, source: Source, limit: int) -> RequestDecoder | None:
    """A decoder that has read `data`, which begins with the request refused by `error`. None: it stays refused."""
    found = _read_head(error, data)
    if found is None:
        return None
    method, same = found
    decoder = RequestDecoder(source, limit)
    try:
        decoder.feed(same)
    except ProxyError:
        return None
    decoder.ready[0].method = method
    return decoder


def _read_head(error: ProxyError, data: bytes) -> tuple[bytes, bytes] | None:
    """The method, and bytes that mean the same with another one."""
    start, line_end, rest = data.lstrip(b"\r\n").partition(b"\r\n")
    if error.kind is not Kind.BAD_REQUEST or error.detail not in _DETAILS or b"\r\n\r\n" not in line_end + rest:
        return None
    import h11  # nearly no process ever needs it

    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 31)
    escaped = _HIGH.sub(_escape, start)
    head, end, _ = (line_end + rest).partition(b"\r\n\r\n")
    connection.receive_data(escaped + head + end)
    try:
        request = connection.next_event()
    except h11.RemoteProtocolError:
        return None
    if not isinstance(request, h11.Request) or request.target[:1] != b"/" or request.method == b"CONNECT":
        return None
    version = escaped.rpartition(b" ")[2]
    return request.method, b"GET %b %b\r\n%b" % (request.target, version, rest)


def _escape(found: re.Match[bytes]) -> bytes:
    return b"%%%02X" % found[0][0]
