"""`contentType`: answers without a Content-Type get one, guessed from their first bytes."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine
from typing import Any

from trafficcop.config.middlewares import ContentType as Configuration
from trafficcop.errors import ProxyError
from trafficcop.http.answer import changed
from trafficcop.http.body import Bytes
from trafficcop.http.failure import failure_response
from trafficcop.http.messages import Handler, Ready, Request, Response
from trafficcop.http.prefixed import Prefixed
from trafficcop.middleware.context import MiddlewareContext
from trafficcop.middleware.sniff import detect


class ContentType:
    __slots__ = ("next",)

    def __init__(self, next: Handler) -> None:
        self.next = next

    def __call__(self, request: Request) -> Awaitable[Response]:
        try:
            coming = self.next(request)
        except ProxyError as error:
            coming = Ready(failure_response(error))
        return changed(self, request, coming)

    def change(self, request: Request, response: Response) -> Coroutine[Any, Any, Response] | None:
        headers = response.headers
        if response.status < 200 or response.status in (204, 304) or b"Content-Type" in headers:
            return None
        if headers.get(b"Content-Encoding"):  # what is encoded says nothing about its type
            return None
        return _guess(response)


async def _guess(response: Response) -> Response:
    first = await _first_bytes(response)
    if first:
        response.headers.add(b"Content-Type", detect(first))
    return response


async def _first_bytes(response: Response) -> bytes:
    """The beginning of the body, which stays readable from there."""
    body = response.body
    whole = body.take()
    if whole is not None:
        rest = Bytes(whole, body.length)
        rest.trailers = body.trailers
        response.body = rest
        return whole
    first = await body.read()
    response.body = Prefixed(first, body)
    return first


def build(config: Configuration, context: MiddlewareContext, next: Handler) -> Handler:
    return next if config.auto_detect is False else ContentType(next)
