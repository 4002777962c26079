"""What a request's cookies hold (RFC 6265)."""

from __future__ import annotations

from trafficcop.http.headers import Headers


def read_cookie(headers: Headers, name: bytes) -> bytes | None:
    """The value of the first cookie of that name (given with its "="), RFC 6265 §5.4."""
    for value in headers.values_with(b"cookie", name):
        for pair in value.split(b";"):
            pair = pair.strip()
            if pair.startswith(name):
                found = pair[len(name) :].strip()
                return found[1:-1] if len(found) > 1 and found[:1] == b'"' == found[-1:] else found
    return None
