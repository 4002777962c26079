"""`redirectRegex`: the whole URL rewritten by an expression; a redirection if that changes it."""

from __future__ import annotations

from collections.abc import Awaitable

from trafficcop.config.middlewares import RedirectRegex as Configuration
from trafficcop.http.messages import Handler, Ready, Request, Response, bare_response
from trafficcop.http.status import STATUS_TEXT
from trafficcop.middleware.context import MiddlewareContext
from trafficcop.middleware.paths import is_plain
from trafficcop.middleware.patterns import Outcomes, Pattern, Replacement
from trafficcop.middleware.redirects import location_of, redirected_uri, redirection


class RedirectRegex:
    __slots__ = ("_is_permanent", "_known", "_replacement", "next")

    def __init__(self, replacement: Replacement, is_permanent: bool, next: Handler) -> None:
        self._replacement = replacement
        self._is_permanent = is_permanent
        self._known = Outcomes()  # b"": it passes
        self.next = next

    def __call__(self, request: Request) -> Awaitable[Response]:
        scheme = b"https://" if request.peer.is_tls else b"http://"
        url = scheme + request.authority + (request.target if request.asked_query is None else redirected_uri(request))
        location = self._known.of(url)
        if location is None:
            # What is plain is encoded well as it came.
            old = url if request.raw_path and is_plain(request.raw_path) else None
            try:
                location = self._location(old or scheme + request.authority + redirected_uri(request))
            except ValueError:
                return Ready(bare_response(502, STATUS_TEXT[502]))
            self._known.keep(url, location)
        if not location:
            return self.next(request)
        return Ready(redirection(request, location, is_permanent=self._is_permanent))

    def _location(self, old: bytes) -> bytes:
        """Where a URL is redirected to, b"" if it stays; ValueError when that is no URL."""
        new = self._replacement.in_all(old)
        if new is None:
            return b""
        location = location_of(new)
        return b"" if new == old else location


def build(config: Configuration, context: MiddlewareContext, next: Handler) -> Handler:
    pattern = Pattern(config.regex)
    return RedirectRegex(Replacement(pattern, config.replacement), config.permanent, next)
