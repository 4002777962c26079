"""Paths as Go's `net/url` sees them: a decoded path, and the encoded one that goes out on the wire."""

from __future__ import annotations

import re
from posixpath import normpath
from typing import Final
from urllib.parse import unquote_to_bytes

from trafficcop.http.messages import Request, Response, text_response

# What Go leaves alone when it encodes a path (net/url: shouldEscape, encodePath).
_SAFE: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~$&+,/:;=@"
_ESCAPES: Final = [bytes((code,)) if code in _SAFE else b"%%%02X" % code for code in range(256)]
# What it accepts as encoded already (net/url: validEncoded); "%" counts as good here.
_VALID: Final = re.compile(rb"[A-Za-z0-9\-_.~$&+,/:;=@!'()*\[\]%]*").fullmatch
_PLAIN: Final = _SAFE + b"!'()*[]"
# One byte is looked for as a number, more of them with `find`: `in` takes five times as long to see what is asked for.
_PERCENT: Final = 0x25
_SLASH: Final = 0x2F
# What most paths are: the same in encoded and decoded form, and clean at first sight.
_SEGMENT: Final = re.escape(_PLAIN.replace(b"/", b""))
is_usual = re.compile(b"(?:/[" + re.escape(_PLAIN.translate(None, b"/.")) + b"][" + _SEGMENT + b"]*+)*+/?").fullmatch
_OTHER: Final = re.compile(b"[^" + re.escape(_PLAIN) + b"]").search
_BAD_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2}).{0,2}", re.DOTALL).search


def unescape(raw: bytes) -> bytes:
    """The decoded path; ValueError with Go's text for a bad escape."""
    if _PERCENT not in raw:
        return raw
    bad = _BAD_ESCAPE(raw)
    if bad is not None:
        raise ValueError(f'invalid URL escape "{bad[0].decode(errors="backslashreplace")}"')
    return unquote_to_bytes(raw)


def escape(path: bytes) -> bytes:
    """The default encoding of a decoded path."""
    return b"".join([_ESCAPES[code] for code in path])


def encoded(path: bytes, raw: bytes) -> bytes:
    """`raw` if it is a valid encoding of `path`, else the default encoding of that (Go: URL.EscapedPath)."""
    if _VALID(raw) and (_BAD_ESCAPE(raw) is None) and unquote_to_bytes(raw) == path:
        return raw
    return escape(path)


def is_plain(text: bytes) -> bool:
    """Whether a path is the same in encoded and decoded form."""
    return _OTHER(text) is None


def is_clean(raw: bytes) -> bool:
    """Whether a path has no dot segments and no empty ones, so that normalising leaves it as it is."""
    if raw.find(b"//") < 0 and raw.find(b"/.") < 0:
        return True
    cleaned = normpath(raw)
    if cleaned.startswith(b"//"):
        cleaned = cleaned[1:]  # POSIX gives two leading slashes a meaning of their own
    if raw.endswith(b"/") and not cleaned.endswith(b"/"):
        cleaned += b"/"
    return cleaned == raw


def with_leading_slash(path: bytes) -> bytes:
    """An empty path stays empty: a prefix may still come before it; it is sent as `/`."""
    return path if not path or path.startswith(b"/") else b"/" + path


def encoded_length(raw: bytes, decoded_length: int) -> int:
    """How many bytes of `raw` stand for that many decoded ones."""
    index = 0
    for _ in range(decoded_length):
        if index >= len(raw):
            break
        index += 3 if raw[index] == _PERCENT and index + 2 < len(raw) else 1
    return index


def strip(request: Request, path: bytes, prefix: bytes, is_slash_forced: bool = False) -> bool:
    """Take a prefix of the decoded `path` off the request's; False when what is left is not clean."""
    raw = request.raw_path
    if raw is path or raw == path:
        raw = path[len(prefix) :]
        if is_slash_forced or (raw and raw[0] != _SLASH):
            raw = b"/" + raw.removeprefix(b"/")
    else:
        rest = _rest(path, len(prefix), is_slash_forced)
        raw = encoded(rest, _rest(raw, encoded_length(raw, len(prefix)), is_slash_forced))
    request.raw_path = raw
    return (raw.find(b"//") < 0 and raw.find(b"/.") < 0) or is_clean(raw)


def _rest(path: bytes, length: int, is_slash_forced: bool) -> bytes:
    if is_slash_forced:
        return b"/" + path[length:].removeprefix(b"/")
    return with_leading_slash(path[length:])


def unclean_path() -> Response:
    return text_response(400, b"Bad Request")
