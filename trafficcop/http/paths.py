"""Paths of request targets: normalised, sanitised, and the routing path that matchers see. Pure functions over bytes.

Each returns its argument itself when there is nothing to change, which is nearly always. None stands for an escape
that is cut short or not hexadecimal: the request is malformed. Traefik does this in
`pkg/server/server_entrypoint_tcp.go` and `pkg/muxer/http/mux.go`.
"""

from __future__ import annotations

import re
from typing import Final

_UNRESERVED: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
_RESERVED: Final = b":/?#[]@!$&'()*+,;="  # RFC 3986 §2.2
# What may stand in a path unescaped: pchar and "/" (RFC 3986 §3.3), and brackets, which Go lets through.
PLAIN: Final = _UNRESERVED + b"/:@!$&'()*+,;=[]"

_ESCAPE: Final = re.compile(rb"%(..)?", re.DOTALL)
_BAD_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_ODD: Final = re.compile(rb"%..|[^%]", re.DOTALL)


def _normal_form(octet: int, escape: bytes) -> bytes:
    return bytes([octet]) if octet in _UNRESERVED else escape.upper()


def _routing_form(octet: int, escape: bytes) -> bytes:
    # A decoded "%" would change what the other escapes mean (RFC 3986 §2.4).
    return escape.upper() if octet in _RESERVED or octet == 0x25 else bytes([octet])


def _spellings(octet: int) -> set[bytes]:
    upper = b"%%%02X" % octet
    digits = (upper[1:2], upper[1:2].lower()), (upper[2:3], upper[2:3].lower())
    return {b"%" + high + low for high in digits[0] for low in digits[1]}


_NORMAL = {escape: _normal_form(octet, escape) for octet in range(256) for escape in _spellings(octet)}
_NORMAL |= {bytes([octet]): b"%%%02X" % octet for octet in range(256) if octet not in PLAIN and octet != 0x25}
_NORMAL |= {bytes([octet]): bytes([octet]) for octet in PLAIN}
_ROUTING: Final = {escape: _routing_form(octet, escape) for octet in range(256) for escape in _spellings(octet)}


def normalize(raw_path: bytes) -> bytes | None:
    """Escapes of unreserved characters are decoded, the others upper-cased, and what needs an escape gets one."""
    if not raw_path.translate(None, PLAIN):
        return raw_path
    if _BAD_ESCAPE.search(raw_path) is not None:
        return None
    return _ODD.sub(_normal, raw_path)


def _normal(match: re.Match[bytes]) -> bytes:
    return _NORMAL[match[0]]


def sanitize(raw_path: bytes) -> bytes:
    """Dot segments and empty segments are removed (RFC 3986 §6.2.2.3); a slash at the end stays."""
    if b"/." not in raw_path and b"//" not in raw_path:
        return raw_path
    kept: list[bytes] = []
    for segment in raw_path.split(b"/"):
        if segment == b"..":
            if kept:
                kept.pop()
        elif segment and segment != b".":
            kept.append(segment)
    path = b"/" + b"/".join(kept)
    return path + b"/" if kept and raw_path.endswith(b"/") else path


def routing_path(raw_path: bytes) -> bytes | None:
    """The path as rules see it: decoded, but for escapes of reserved characters and of "%" itself."""
    if b"%" not in raw_path:
        return raw_path
    if _BAD_ESCAPE.search(raw_path) is not None:
        return None
    return _ESCAPE.sub(_routing, raw_path)


def _routing(match: re.Match[bytes]) -> bytes:
    return _ROUTING[match[0]]
