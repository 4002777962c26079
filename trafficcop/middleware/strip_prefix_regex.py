"""`stripPrefixRegex`: what the first expression finds at the start of the decoded path is taken off."""

from __future__ import annotations

from collections.abc import Awaitable

from trafficcop.config.middlewares import StripPrefixRegex as Configuration
from trafficcop.http.messages import Handler, Ready, Request, Response, bare_response
from trafficcop.http.status import STATUS_TEXT
from trafficcop.middleware.context import MiddlewareContext
from trafficcop.middleware.fields import is_field_value
from trafficcop.middleware.paths import strip, unclean_path, unescape
from trafficcop.middleware.patterns import Outcomes, Pattern


class StripPrefixRegex:
    __slots__ = ("_known", "_match_start", "_patterns", "next")

    def __init__(self, patterns: tuple[Pattern, ...], next: Handler) -> None:
        self._patterns = patterns
        self._known = Outcomes()
        self._match_start = patterns[0].match_start if len(patterns) == 1 else None
        self.next = next

    def __call__(self, request: Request) -> Awaitable[Response]:
        path = request.raw_path
        if 0x25 in path:  # "%"
            path = unescape(path)
        elif self._match_start is not None:
            match = self._match_start(path)
            return self.next(request) if match is None else self._strip(request, path, match[0])
        prefix = self._known.of(path)
        if prefix is None:
            prefix = self._prefix_of(path)
            if not is_field_value(prefix):  # a decoded line break, say: the header could not be sent
                is_clean = strip(request, path, prefix)
                return Ready(bare_response(500, STATUS_TEXT[500]) if is_clean else unclean_path())
            self._known.keep(path, prefix)
        return self._strip(request, path, prefix)

    def _strip(self, request: Request, path: bytes, prefix: bytes) -> Awaitable[Response]:
        if prefix:
            if not strip(request, path, prefix):
                return Ready(unclean_path())
            request.headers.append_lines(b"X-Forwarded-Prefix: " + prefix + b"\r\n")
        return self.next(request)

    def _prefix_of(self, path: bytes) -> bytes:
        for pattern in self._patterns:
            # The leftmost match decides, even if it stands further on: there is no other that starts the path.
            length = pattern.length_at_start(path)
            if length:
                return path[:length]
        return b""


def build(config: Configuration, context: MiddlewareContext, next: Handler) -> Handler:
    return StripPrefixRegex(tuple(Pattern(text.strip()) for text in config.regex), next)
