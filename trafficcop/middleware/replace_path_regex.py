"""`replacePathRegex`: the encoded path rewritten by an expression; the old one goes along in a header."""

from __future__ import annotations

from collections.abc import Awaitable

from trafficcop.config.middlewares import ReplacePathRegex as Configuration
from trafficcop.http.messages import Handler, Ready, Request, Response, text_response
from trafficcop.middleware.context import MiddlewareContext
from trafficcop.middleware.paths import encoded, is_clean, is_usual, unclean_path, unescape
from trafficcop.middleware.patterns import Outcomes, Pattern, Replacement


class ReplacePathRegex:
    __slots__ = ("_known", "_replacement", "next")

    def __init__(self, replacement: Replacement, next: Handler) -> None:
        self._replacement = replacement
        self._known = Outcomes()
        self.next = next

    def __call__(self, request: Request) -> Awaitable[Response]:
        old = request.raw_path
        new = self._known.of(old)
        if new is not None:
            request.headers.append(b"X-Replaced-Path", old)
            request.raw_path = new
            return self.next(request)
        return self._replace(request, old)

    def _replace(self, request: Request, old: bytes) -> Awaitable[Response]:
        """The same for a path that was not met before."""
        new = self._replacement.in_all(old)
        if new is None:
            return self.next(request)
        request.headers.append(b"X-Replaced-Path", old)
        if not is_usual(new):
            try:
                new = encoded(unescape(new), new)
            except ValueError as error:
                return Ready(text_response(500, str(error).encode()))
            if new and (not new.startswith(b"/") or not is_clean(new)):
                return Ready(unclean_path())
        request.raw_path = self._known.keep(old, new)
        return self.next(request)


def build(config: Configuration, context: MiddlewareContext, next: Handler) -> Handler:
    try:
        pattern = Pattern(config.regex.strip())
    except ValueError as error:
        raise ValueError(f"error compiling regular expression {config.regex}: {error}") from None
    return ReplacePathRegex(Replacement(pattern, config.replacement.strip()), next)
