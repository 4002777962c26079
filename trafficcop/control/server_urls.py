"""What Go's `url.Parse` refuses in the URL of a server and in the path of its health check, in its words.

The rest is a matter of the first request.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

# The usual form, decided at one glance: thousands of servers pass here at every reload.
_PLAIN = re.compile(r"(?:https?|h2c)://[A-Za-z0-9._-]+(?::\d{1,5})?(?:/[A-Za-z0-9._~/-]*)?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2}).{0,2}")
_BAD_HOST_ESCAPE = re.compile(r"%(?!25|[89A-Fa-f][0-9A-Fa-f]).{0,2}")  # of a zone's sign, and of letters beyond ASCII
_BAD_HOST = re.compile(r"[\x00-\x20\x7f#/?@\\^`{|}]")


def url_error(url: str) -> str:
    """The error of a URL that cannot be parsed, "" for one that can."""
    if _PLAIN.fullmatch(url):
        return ""
    reason = _reason(url) or _unread(url)
    return f'parse "{url}": {reason}' if reason else ""


def path_error(path: str) -> str:
    """Why a server cannot be asked for this path, "" when it can."""
    error = url_error(path)
    if error:
        return f"parsing health check path: {error}"
    head = path.partition("?")[0].partition("#")[0]
    if head.startswith("//") or ":" in head.partition("/")[0]:
        return f'health check path must be a relative URL, got: "{path}"'
    return ""


def _reason(url: str) -> str:
    if _CONTROL.search(url):
        return "net/url: invalid control character in URL"
    rest = url.partition("#")[0].partition("?")[0]
    scheme = _SCHEME.match(rest)
    if scheme is None:
        if rest.startswith(":"):
            return "missing protocol scheme"
        if ":" in rest.partition("/")[0]:
            return "first path segment in URL cannot contain colon"
    else:
        rest = rest[scheme.end() :]
    path = rest
    if rest.startswith("//"):
        authority, slash, path = rest[2:].partition("/")
        path = slash + path
        reason = _authority_reason(authority.rpartition("@")[2])
        if reason:
            return reason
    elif scheme is not None and not rest.startswith("/"):
        return ""  # opaque, as in `mailto:`: never unescaped
    bad = _BAD_ESCAPE.search(path)
    return f'invalid URL escape "{bad[0]}"' if bad else ""


def _unread(url: str) -> str:
    """Go takes more for an address in brackets than can be one, and letters that stand for others in a name."""
    try:
        urlsplit(url)
    except ValueError:
        return "invalid host"
    return ""


def _authority_reason(host: str) -> str:
    bad = _BAD_HOST.search(host)
    if bad:
        return f'invalid character "{bad[0]}" in host name'
    bad = _BAD_HOST_ESCAPE.search(host)
    if bad:
        return f'invalid URL escape "{bad[0]}"'
    if host.startswith("["):
        if "]" not in host:
            return "missing ']' in host"
        port = host.rpartition("]")[2]
    else:
        port = host[host.index(":") :] if ":" in host else ""
    if port and not re.fullmatch(r":\d*", port):
        return f'invalid port "{port}" after host'
    return ""
