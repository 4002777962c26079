"""`stripPrefixRegex`: what the first expression finds at the start of the decoded path is taken off."""

from __future__ import annotations

from collections.abc import Awaitable

from trafficcop.config.middlewares import StripPrefixRegex as Configuration
from trafficcop.http.messages import Handler, Ready, Request, Response, bare_response
from trafficcop.middleware.context import MiddlewareContext
from trafficcop.middleware.fields import is_field_value
from trafficcop.middleware.paths import strip, unclean_path, unescape
from trafficcop.middleware.patterns import Pattern


class StripPrefixRegex:
    __slots__ = ("_patterns", "next")

    def __init__(self, patterns: tuple[Pattern, ...], next: Handler) -> None:
        self._patterns = patterns
        self.next = next

    def __call__(self, request: Request) -> Awaitable[Response]:
        path = unescape(request.raw_path)
        for pattern in self._patterns:
            match = pattern.search(path)
            # The leftmost match decides, even if it stands further on: there is no other that starts the path.
            if match is None or match.start() or not match.end():
                continue
            prefix = path[: match.end()]
            if not strip(request, path, prefix):
                return Ready(unclean_path())
            if not is_field_value(prefix):  # a decoded line break, say: the header could not be sent
                return Ready(bare_response(500, b"Internal Server Error"))
            request.headers.append(b"X-Forwarded-Prefix", prefix)
            break
        return self.next(request)


def build(config: Configuration, context: MiddlewareContext, next: Handler) -> Handler:
    return StripPrefixRegex(tuple(Pattern(text.strip()) for text in config.regex), next)
