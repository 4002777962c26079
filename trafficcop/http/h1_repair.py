"""Heads of answers that llhttp refuses and that can be understood in one way only, put into the form it takes.

RFC 9112 asks a proxy to take blanks off the end of a name (§5.1), to unfold lines (§5.2), to take one length that is
said several times (§6.3) and to drop a length beside chunks (§6.1); Traefik's `net/http` does much the same. Requests
are never repaired.
"""

from __future__ import annotations

import re
from typing import Final

from trafficcop.errors import Kind, ProxyError

_COMPLAINTS: Final = frozenset(
    (
        "Invalid header token",  # blanks within a name, or behind it
        "Unexpected whitespace after header value",
        "Invalid header value char",  # also: a line that is empty and goes on in the next
        "Duplicate Content-Length",
        "Invalid character in Content-Length",
        "Content-Length can't be present with Transfer-Encoding",
        "Transfer-Encoding can't be present with Content-Length",
    )
)
# From where a blank begins, never from within: a value may hold many.
_FOLD: Final = re.compile(rb"(?<![ \t])[ \t]*+(?:\r?\n[ \t]+)+")
_LINE_BREAK: Final = re.compile(rb"\r?\n")


def is_repairable(complaint: str) -> bool:
    """Whether `repaired` may help against what llhttp says."""
    return complaint in _COMPLAINTS


def _without_blanks(lines: list[bytes]) -> list[bytes]:
    """Names without blanks at their end; a field whose name has some within is left out, as Traefik does."""
    kept = lines[:1]
    for line in lines[1:]:
        name, colon, value = line.partition(b":")
        name = name.rstrip(b" \t")
        if b" " not in name and b"\t" not in name:
            kept.append(name + colon + value)
    return kept


def repaired(head: bytes) -> bytes:
    """A whole head that means the same; the parser judges it again. ProxyError: it says two lengths."""
    lines = _without_blanks(_LINE_BREAK.split(_FOLD.sub(b" ", head)))
    names = [line.partition(b":")[0].lower() for line in lines]
    is_chunked = b"transfer-encoding" in names
    lengths = {
        value.strip(b" \t")
        for line, name in zip(lines, names, strict=True)
        if name == b"content-length"
        for value in line.partition(b":")[2].split(b",")
    }
    if len(lengths) > 1:
        raise ProxyError(Kind.BAD_RESPONSE, "more than one Content-Length")
    kept = [line for line, name in zip(lines, names, strict=True) if name != b"content-length"]
    if lengths and not is_chunked:
        kept.insert(1, b"Content-Length: " + lengths.pop())
    return b"\r\n".join(kept)
