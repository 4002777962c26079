"""`redirectScheme`: the same URL under another scheme, and port."""

from __future__ import annotations

import re
from collections.abc import Awaitable
from typing import Final

from trafficcop.config.middlewares import RedirectScheme as Configuration
from trafficcop.http.messages import Handler, Ready, Request, Response, bare_response
from trafficcop.http.status import STATUS_TEXT
from trafficcop.middleware.context import MiddlewareContext
from trafficcop.middleware.redirects import location_of, redirected_uri, redirection

_AUTHORITY: Final = re.compile(rb"(\[[\w:.]+\]|[\w._-]+)?(:\d+)?(.*)", re.DOTALL).fullmatch
_SCHEMES: Final = {b"http": b"http", b"ws": b"http", b"https": b"https", b"wss": b"https"}
_DEFAULT_PORTS: Final = {b"http": b":80", b"https": b":443"}


class RedirectScheme:
    __slots__ = ("beginning", "is_permanent", "next", "port", "scheme")

    def __init__(self, scheme: bytes, port: bytes, is_permanent: bool, next: Handler) -> None:
        self.scheme = scheme
        self.beginning = _beginning(scheme, port)
        self.port = port  # with its colon, or empty
        self.is_permanent = is_permanent
        self.next = next

    def __call__(self, request: Request) -> Awaitable[Response]:
        scheme = _scheme_of(request)
        if scheme == self.scheme and not self.port and 0x3A not in request.authority:  # ":"
            return self.next(request)
        authority = _AUTHORITY(request.authority)
        assert authority is not None  # noqa: S101 -- every part of the expression may be empty
        host, port, rest = authority[1] or b"", authority[2] or b"", authority[3]
        if port == _DEFAULT_PORTS[scheme]:
            port = b""
        if scheme == self.scheme and port == self.port:
            return self.next(request)
        if not self.beginning:
            return Ready(bare_response(502, STATUS_TEXT[502]))
        location = self.beginning + host + self.port + rest + redirected_uri(request)
        if rest and not _is_url(location):
            return Ready(bare_response(502, STATUS_TEXT[502]))
        return Ready(redirection(request, location, is_permanent=self.is_permanent))


def _beginning(scheme: bytes, port: bytes) -> bytes:
    """What every location starts with; b"" if scheme and port make no URL, which Traefik finds at each request."""
    try:
        return location_of(scheme + b"://" + port).removesuffix(port)
    except ValueError:
        return b""


def _is_url(location: bytes) -> bool:
    """A host of other letters than usual stands behind the port, as in Traefik; then it is hardly ever one."""
    try:
        location_of(location)
    except ValueError:
        return False
    return True


def _scheme_of(request: Request) -> bytes:
    forwarded = request.headers.get(b"X-Forwarded-Proto")
    if forwarded:
        scheme = _SCHEMES.get(forwarded) or _SCHEMES.get(forwarded.lower())
        if scheme is not None:
            return scheme
    return b"https" if request.peer.is_tls else b"http"


def build(config: Configuration, context: MiddlewareContext, next: Handler) -> Handler:
    if not config.scheme:
        raise ValueError("you must provide a target scheme")
    scheme = config.scheme.encode()
    port = b":" + config.port.encode() if config.port else b""
    if port == _DEFAULT_PORTS.get(scheme):
        port = b""
    return RedirectScheme(scheme, port, config.permanent, next)
