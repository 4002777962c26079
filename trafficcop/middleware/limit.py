"""`limit`: request bodies up to a size, without keeping them (Traefik's `buffering` reads them whole). Ours."""

from __future__ import annotations

from collections.abc import Awaitable

from trafficcop.config.own import Limit as Configuration
from trafficcop.errors import Kind, ProxyError
from trafficcop.http.body import EMPTY, Body
from trafficcop.http.failure import failure_response
from trafficcop.http.messages import Handler, Ready, Request, Response
from trafficcop.middleware.context import MiddlewareContext


class LimitedBody(Body):
    """A body of unknown length that fails when it passes the limit."""

    __slots__ = ("_body", "_left")

    def __init__(self, body: Body, limit: int) -> None:
        super().__init__(body.length)
        self._body = body
        self._left = limit

    def _count(self, data: bytes) -> bytes:
        self._left -= len(data)
        if self._left < 0:
            raise ProxyError(Kind.BODY_TOO_LARGE)
        return data

    def take(self) -> bytes | None:
        data = self._body.take()
        if data is None:
            return None
        self.trailers = self._body.trailers
        return self._count(data)

    def take_available(self) -> bytes:
        return self._count(self._body.take_available())

    async def read(self) -> bytes:
        data = await self._body.read()
        if not data:
            self.trailers = self._body.trailers
        return self._count(data)

    def close(self) -> None:
        self._body.close()


class Limit:
    __slots__ = ("_most", "next")

    def __init__(self, most: int, next: Handler) -> None:
        self._most = most
        self.next = next

    def __call__(self, request: Request) -> Awaitable[Response]:
        body = request.body
        if body is EMPTY:
            return self.next(request)
        if body.length is None:
            return self._serve_stream(request)
        if body.length > self._most:
            return Ready(failure_response(ProxyError(Kind.BODY_TOO_LARGE)))
        return self.next(request)

    async def _serve_stream(self, request: Request) -> Response:
        request.body = LimitedBody(request.body, self._most)
        try:
            return await self.next(request)
        except ProxyError as error:
            if error.kind is Kind.BODY_TOO_LARGE:
                return failure_response(error)
            raise


def build(config: Configuration, context: MiddlewareContext, next: Handler) -> Handler:
    if config.max_request_body_bytes <= 0:
        raise ValueError(f"maxRequestBodyBytes should be > 0 got {config.max_request_body_bytes}")
    return Limit(config.max_request_body_bytes, next)
