"""The answer of the redirecting middlewares, and the URL that the client asked for."""

from __future__ import annotations

import posixpath
import re
from typing import Final
from urllib.parse import urlsplit

from trafficcop.http.body import Bytes
from trafficcop.http.headers import Headers
from trafficcop.http.messages import Request, Response
from trafficcop.http.status import STATUS_TEXT
from trafficcop.middleware.paths import encoded, escape, is_plain, unescape

_CONTROLS: Final = re.compile(rb"[\x00-\x1f\x7f]").search
_URL: Final = re.compile(
    rb"(?:([A-Za-z][A-Za-z0-9+.\-]*):)?(?://([^/?#]*))?([^?#]*)(\?[^#]*)?(?:#(.*))?", re.DOTALL
).fullmatch
# User information, then a name, an address or a bracketed IPv6 address, then a port of digits.
_AUTHORITY: Final = re.compile(
    rb"(?:[^\s@]*@)?(?:\[[0-9A-Fa-f:.%\w]+\]|[A-Za-z0-9\-_.~!$&'()*+,;=<>\"\x80-\xff]*)(?::[0-9]*)?"
).fullmatch
_NO_ASCII: Final = re.compile(rb"[\x80-\xff]+")
_NO_FRAGMENT: Final = re.compile(rb"[^!-~]+|[\"<>\\^`{|}]+")


def redirection(request: Request, location: bytes, *, is_permanent: bool) -> Response:
    """Only GET may keep its method by custom; every other one keeps it by the status (RFC 9110 §15.4)."""
    by_custom, by_status = (301, 308) if is_permanent else (302, 307)
    status = by_custom if request.method == b"GET" else by_status
    return Response(status, Headers([(b"Location", location)]), Bytes(STATUS_TEXT[status]))


def request_uri(request: Request) -> bytes:
    """Path and query as they stand now, encoded well; never empty."""
    return _path(request) if request.query is None else _path(request) + b"?" + request.query


def redirected_uri(request: Request) -> bytes:
    """The same for a redirection: a client that is sent elsewhere takes along the query that it has asked for."""
    return request_uri(request) if request.asked_query is None else _path(request) + b"?" + request.asked_query


def _path(request: Request) -> bytes:
    raw = request.raw_path or b"/"
    return raw if is_plain(raw) else encoded(unescape(raw), raw)


def location_of(url: bytes) -> bytes:
    """A URL made by a user's template, encoded well; ValueError for what is none (Go: url.Parse, URL.String)."""
    if _CONTROLS(url):
        raise ValueError("invalid control character in URL")
    parts = _URL(url)
    assert parts is not None  # noqa: S101 -- every part of the expression may be empty
    scheme, authority, path, query, fragment = parts.groups()
    if authority is not None and not _AUTHORITY(authority):
        raise ValueError("invalid host in URL")
    if scheme is None and authority is None and 0x3A in path.partition(b"/")[0]:
        raise ValueError("first path segment in URL cannot contain colon")
    result = [] if scheme is None else [scheme.lower(), b":"]
    if authority is not None:
        result += [b"//", _NO_ASCII.sub(_escape_match, authority)]
    is_opaque = scheme is not None and authority is None and not path.startswith(b"/")  # `mailto:somebody`
    result += [path if is_opaque else encoded(unescape(path), path), query or b""]
    if fragment:
        result += [b"#", _NO_FRAGMENT.sub(_escape_match, fragment)]
    return b"".join(result)


def _escape_match(match: re.Match[bytes]) -> bytes:
    return b"".join([b"%%%02X" % octet for octet in match[0]])


def found(request: Request, url: str) -> Response:
    """302 to a URL from a configuration; a path is joined and cleaned, as Go's `http.Redirect` does."""
    parts = urlsplit(url)
    if not parts.scheme and not parts.netloc:
        if not url.startswith("/"):
            # Beside the path as the middlewares before have left it.
            url = escape(unescape(request.raw_path).rpartition(b"/")[0]).decode() + "/" + url
        path, mark, query = url.partition("?")
        cleaned = posixpath.normpath("/" + path.lstrip("/"))
        url = (cleaned + "/" if path.endswith("/") and cleaned != "/" else cleaned) + mark + query
    location = _NO_ASCII.sub(_escape_match, url.encode())
    return Response(302, Headers([(b"Location", location)]))
