"""`addPrefix`: a prefix in front of the path."""

from __future__ import annotations

from collections.abc import Awaitable

from trafficcop.config.middlewares import AddPrefix as Configuration
from trafficcop.http.messages import Handler, Request, Response
from trafficcop.middleware.context import MiddlewareContext
from trafficcop.middleware.paths import encoded, escape, is_plain, unescape, with_leading_slash


class AddPrefix:
    __slots__ = ("next", "prefix")

    def __init__(self, prefix: bytes, next: Handler) -> None:
        self.prefix = prefix
        self.next = next

    def __call__(self, request: Request) -> Awaitable[Response]:
        request.raw_path = self.prefix + request.raw_path
        return self.next(request)


class AddUnsafePrefix:
    """A prefix that must be encoded itself, written decoded as Traefik takes it."""

    __slots__ = ("next", "prefix")

    def __init__(self, prefix: bytes, next: Handler) -> None:
        self.prefix = prefix
        self.next = next

    def __call__(self, request: Request) -> Awaitable[Response]:
        raw = request.raw_path
        path = unescape(raw)
        full = self.prefix + path
        if escape(path) == raw:  # Go keeps no encoded form of such a path: the default encoding is made anew
            request.raw_path = escape(full)
        else:
            request.raw_path = encoded(full, self.prefix + raw)
        return self.next(request)


def build(config: Configuration, context: MiddlewareContext, next: Handler) -> Handler:
    if not config.prefix:
        raise ValueError("prefix cannot be empty")
    prefix = with_leading_slash(config.prefix.encode())
    return AddPrefix(prefix, next) if is_plain(prefix) else AddUnsafePrefix(prefix, next)
