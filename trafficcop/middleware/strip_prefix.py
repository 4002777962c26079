"""`stripPrefix`: the first listed prefix that the decoded path has is taken off."""

from __future__ import annotations

from collections.abc import Awaitable

from trafficcop.config.middlewares import StripPrefix as Configuration
from trafficcop.http.messages import Handler, Ready, Request, Response
from trafficcop.middleware.context import MiddlewareContext
from trafficcop.middleware.fields import field_value
from trafficcop.middleware.paths import strip, unclean_path, unescape


class StripPrefix:
    __slots__ = ("is_slash_forced", "lines", "next", "prefixes")

    def __init__(self, prefixes: tuple[bytes, ...], is_slash_forced: bool, next: Handler) -> None:
        self.prefixes = prefixes
        self.lines = {prefix: b"X-Forwarded-Prefix: " + prefix + b"\r\n" for prefix in prefixes}
        self.is_slash_forced = is_slash_forced
        self.next = next

    def __call__(self, request: Request) -> Awaitable[Response]:
        path = request.raw_path
        if 0x25 in path:  # "%"
            path = unescape(path)
        for prefix in self.prefixes:
            if path.startswith(prefix):
                if not strip(request, path, prefix, self.is_slash_forced):
                    return Ready(unclean_path())
                request.headers.append_lines(self.lines[prefix])
                break
        return self.next(request)


def build(config: Configuration, context: MiddlewareContext, next: Handler) -> Handler:
    prefixes = tuple(field_value(prefix.strip()) for prefix in config.prefixes)
    return StripPrefix(prefixes, bool(config.force_slash), next)
