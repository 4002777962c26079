"""`redirectRegex`: the whole URL rewritten by an expression; a redirection if that changes it."""

from __future__ import annotations

from collections.abc import Awaitable

from trafficcop.config.middlewares import RedirectRegex as Configuration
from trafficcop.http.messages import Handler, Ready, Request, Response, bare_response
from trafficcop.middleware.context import MiddlewareContext
from trafficcop.middleware.patterns import Pattern, Replacement
from trafficcop.middleware.redirects import location_of, redirection, request_uri


class RedirectRegex:
    __slots__ = ("_is_permanent", "_replacement", "next")

    def __init__(self, replacement: Replacement, is_permanent: bool, next: Handler) -> None:
        self._replacement = replacement
        self._is_permanent = is_permanent
        self.next = next

    def __call__(self, request: Request) -> Awaitable[Response]:
        scheme = b"https://" if request.peer.is_tls else b"http://"
        old = scheme + request.authority + request_uri(request)
        new = self._replacement.in_all(old)
        if new is None:
            return self.next(request)
        try:
            location = location_of(new)
        except ValueError:
            return Ready(bare_response(500, b"Internal Server Error"))
        if new == old:
            return self.next(request)
        return Ready(redirection(request, location, is_permanent=self._is_permanent))


def build(config: Configuration, context: MiddlewareContext, next: Handler) -> Handler:
    pattern = Pattern(config.regex)
    return RedirectRegex(Replacement(pattern, config.replacement), config.permanent, next)
