"""The answer of the redirecting middlewares, and the URL that the client asked for."""

from __future__ import annotations

from trafficcop.http.body import Bytes
from trafficcop.http.headers import Headers
from trafficcop.http.messages import Request, Response
from trafficcop.http.status import STATUS_TEXT
from trafficcop.middleware.paths import encoded, unescape


def redirection(request: Request, location: bytes, *, is_permanent: bool) -> Response:
    """Only GET may keep its method by custom; every other one keeps it by the status (RFC 9110 §15.4)."""
    by_custom, by_status = (301, 308) if is_permanent else (302, 307)
    status = by_custom if request.method == b"GET" else by_status
    return Response(status, Headers([(b"Location", location)]), Bytes(STATUS_TEXT[status]))


def request_uri(request: Request) -> bytes:
    """Path and query as they stand now, encoded well; never empty."""
    raw = request.raw_path or b"/"
    path = encoded(unescape(raw), raw)
    return path if request.query is None else path + b"?" + request.query
