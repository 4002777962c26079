"""Requests that llhttp refuses but that are served: methods nobody has heard of, 8-bit bytes in a target.

h11 reads the head, and llhttp gets one that means the same: `GET`, and a target with escapes. Nothing here runs for
any other request.
"""

from __future__ import annotations

import re
from typing import Final

from trafficcop.errors import Kind, ProxyError

# What llhttp says to such a request; and to some that h11 refuses as well.
_COMPLAINTS: Final = frozenset(
    (
        "Invalid method encountered",
        "Expected space after method",
        "Invalid method for HTTP/x.x request",
        "Invalid char in url path",
        "Invalid char in url query",
    )
)
# The first line as far as it has come. Garbage is refused at once: nobody waits for the end of what is no head.
# Not compiled before it is needed: that takes as long as a whole module.
_BEGINNING: Final = (
    rb"(?s)[\r\n]*[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}(?: (?:[/Hh][^\x00-\x20\x7f]*(?: [HTP/10.]{0,8}(?:\r\n?.*)?)?)?)?"
)
# So much is looked at again with each piece that comes; what is wrong further on is found when the head is whole.
WATCHED_SIZE: Final = 4096
_TARGETS: Final = (b"/", b"http://", b"https://")
_HIGH: Final = re.compile(rb"[\x80-\xff]")


def is_odd(complaint: str, head: bytes) -> bool:
    """Whether a head that llhttp refused may be read in another way; `head` is as much of it as has come."""
    return complaint in _COMPLAINTS and is_hopeful(head)


def is_hopeful(head: bytes) -> bool:
    """Whether an odd request may begin like this."""
    return re.fullmatch(_BEGINNING, head[:WATCHED_SIZE]) is not None


def read_odd(head: bytes) -> tuple[bytes, bytes]:
    """The method of a whole head, and one that means the same with another method. ProxyError: h11 refuses it, too."""
    start, line_end, rest = head.lstrip(b"\r\n").partition(b"\r\n")
    import h11  # nearly no process ever needs it

    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 31)
    escaped = _HIGH.sub(_escape, start)
    connection.receive_data(escaped + line_end + rest)
    try:
        request = connection.next_event()
    except h11.RemoteProtocolError as error:
        raise ProxyError(Kind.BAD_REQUEST, str(error)) from None
    if not isinstance(request, h11.Request) or request.method == b"CONNECT":
        raise ProxyError(Kind.BAD_REQUEST, "malformed request line")
    if not request.target[:8].lower().startswith(_TARGETS):
        raise ProxyError(Kind.BAD_REQUEST, "malformed request line")
    version = escaped.rpartition(b" ")[2]
    return request.method, b"GET %b %b\r\n%b" % (request.target, version, rest)


def _escape(found: re.Match[bytes]) -> bytes:
    return b"%%%02X" % found[0][0]
