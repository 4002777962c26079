"""`replacePath`: one fixed path for every request; the old one goes along in a header."""

from __future__ import annotations

from collections.abc import Awaitable

from trafficcop.config.middlewares import ReplacePath as Configuration
from trafficcop.http.messages import Handler, Ready, Request, Response, text_response
from trafficcop.middleware.context import MiddlewareContext
from trafficcop.middleware.paths import encoded, unescape, with_leading_slash


class ReplacePath:
    __slots__ = ("next", "path")

    def __init__(self, path: bytes, next: Handler) -> None:
        self.path = path
        self.next = next

    def __call__(self, request: Request) -> Awaitable[Response]:
        request.headers.append(b"X-Replaced-Path", request.raw_path)
        request.raw_path = self.path
        return self.next(request)


class BadPath:
    """A path that cannot be decoded: every request is told so, as Traefik does."""

    __slots__ = ("text",)

    def __init__(self, text: bytes) -> None:
        self.text = text

    def __call__(self, request: Request) -> Awaitable[Response]:
        return Ready(text_response(500, self.text))


def build(config: Configuration, context: MiddlewareContext, next: Handler) -> Handler:
    raw = config.path.encode()
    try:
        path = unescape(raw)
    except ValueError as error:
        return BadPath(str(error).encode())
    return ReplacePath(with_leading_slash(encoded(path, raw)), next)
