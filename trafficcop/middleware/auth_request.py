"""The question that `forwardAuth` asks: the client's request without its body, told in header fields."""

from __future__ import annotations

import base64
from typing import Final
from urllib.parse import unquote, urlsplit

from trafficcop.config.middlewares import ForwardAuth as Configuration
from trafficcop.http.body import Body
from trafficcop.http.headers import MANAGED_NAMES, Field, Headers
from trafficcop.http.messages import Peer, Request
from trafficcop.middleware.redirects import location_of, request_uri

# Nobody: the router asks for itself, so that no X-Forwarded-For is added on the way.
_ROUTER: Final = Peer("")
_ROUTER.forwarded_for = b""

_TOLD: Final = (
    b"x-forwarded-for",
    b"x-forwarded-proto",
    b"x-forwarded-method",
    b"x-forwarded-host",
    b"x-forwarded-uri",
)


class AuthRequests:
    """Makes the requests to one auth server."""

    __slots__ = (
        "_authority",
        "_authorization",
        "_is_method_kept",
        "_is_trusting",
        "_names",
        "_path",
        "_query",
    )

    def __init__(self, config: Configuration) -> None:
        parts = urlsplit(location_of(config.address.encode()).decode("latin-1"))
        user, _, authority = parts.netloc.rpartition("@")
        self._authority = authority.encode()
        self._authorization: Field | None = None
        if user:
            self._authorization = (b"Authorization", b"Basic " + base64.b64encode(unquote(user).encode()))
        self._path = parts.path.encode("latin-1") or b"/"
        self._query = parts.query.encode("latin-1") if parts.query else None
        self._is_method_kept = config.preserve_request_method
        self._is_trusting = config.trust_forward_header
        names = frozenset(name.lower().encode() for name in config.auth_request_headers)
        if names and self._is_trusting:
            names |= MANAGED_NAMES
        self._names = names  # of the fields that are told; empty: all

    def make(self, request: Request, body: Body) -> Request:
        fields = self._copied(request)
        if self._is_trusting is None:
            fields = [field for field in fields if field[0].lower() not in _TOLD]
            fields += _told(request, b"https" if request.peer.is_tls else b"http")
        else:
            _complete(fields, request)
        if self._authorization is not None and not any(field[0].lower() == b"authorization" for field in fields):
            fields.append(self._authorization)
        method = request.method if self._is_method_kept else b"GET"
        question = Request(method, self._path, self._query, Headers(fields), body, _ROUTER)
        question.authority = self._authority
        question.exchange = None
        return question

    def _copied(self, request: Request) -> list[Field]:
        headers = request.headers
        fields = list(headers.fields)
        # Of what is meant for the next hop only, the one field that an auth server must see (RFC 9110 §11.7.1).
        fields += [field for field in headers.hop or () if field[0].lower() == b"proxy-authorization"]
        if self._is_trusting is False:
            fields = [field for field in fields if field[0].lower().replace(b"_", b"-") not in MANAGED_NAMES]
        names = self._names
        if names:
            fields = [field for field in fields if field[0].lower() in names]
        return fields


def _told(request: Request, proto: bytes) -> list[Field]:
    return [
        (b"X-Forwarded-For", request.peer.ip),
        (b"X-Forwarded-Proto", proto),
        (b"X-Forwarded-Method", request.method),
        (b"X-Forwarded-Host", request.authority),
        (b"X-Forwarded-Uri", request_uri(request)),
    ]


def _complete(fields: list[Field], request: Request) -> None:
    """Tell what a proxy before us has not told, and the client after those before it."""
    there = {name.lower(): value for name, value in fields if name.lower() in MANAGED_NAMES}
    prior = [value for name, value in fields if name.lower() == b"x-forwarded-for"]
    if prior:
        fields[:] = [field for field in fields if field[0].lower() != b"x-forwarded-for"]
    fields.append((b"X-Forwarded-For", b", ".join([*prior, request.peer.ip])))
    proto = there.get(b"x-forwarded-proto")
    if proto is None:
        proto = b"https" if request.peer.is_tls else b"http"
    fields += [field for field in _told(request, proto)[1:] if field[0].lower() not in there]
    if b"x-forwarded-port" not in there:
        fields.append((b"X-Forwarded-Port", _port(request, proto)))


def _port(request: Request, proto: bytes) -> bytes:
    authority = request.authority
    host, colon, port = authority.rpartition(b":")
    if colon and port and (b":" not in host or host.endswith(b"]")):
        return port
    return b"443" if proto in (b"https", b"wss") or request.peer.is_tls else b"80"
