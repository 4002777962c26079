"""A handler whose exchanges are looked at one by one: a server, or a router behind another one.

The access log wants to know when a server was asked, and what it answered before any middleware touched that; the
metrics count each attempt.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable

from trafficcop.errors import ProxyError
from trafficcop.http.answer import Answer
from trafficcop.http.body import EMPTY, Body, Stream
from trafficcop.http.h1_encode import reason_of
from trafficcop.http.headers import KIND
from trafficcop.http.messages import Handler, Origin, Request, Response
from trafficcop.http.meter import CLIENT_GONE, GRPC, GRPC_WEB, HTTP, Meter, grpc_code, protocol_of
from trafficcop.http.watched import watch

_WITHOUT_BODY = frozenset((204, 304))


class Observed:
    """Stands before a handler where somebody wants to know, nowhere else.

    `meter`: counts its exchanges when their last byte has passed. `is_logged`: the access log is told of them, with
    the fields of the answers if it `has_headers`.
    """

    __slots__ = ("_handler", "_has_headers", "_is_logged", "_meter")

    def __init__(
        self, handler: Handler, meter: Meter | None = None, *, is_logged: bool = False, has_headers: bool = False
    ) -> None:
        self._handler = handler
        self._meter = meter
        self._is_logged = is_logged
        self._has_headers = has_headers

    def __call__(self, request: Request) -> Awaitable[Response]:
        started = time.time_ns()
        if self._is_logged:
            request.origin = Origin(started)
        coming = self._handler(request)
        if isinstance(coming, Answer):
            coming.watch(self, request, started)
            return coming
        return self._awaited(coming, request, started)

    async def _awaited(self, coming: Awaitable[Response], request: Request, started: int) -> Response:
        try:
            response = await coming
        except BaseException as error:
            self._fail(request, started, error)
            raise
        self._succeed(request, started, response)
        return response

    def on_settled(self, answer: Answer) -> None:
        request, response = answer.request, answer.response
        if request is None:
            return
        if response is not None:
            self._succeed(request, answer.started, response)
        else:
            self._fail(request, answer.started, answer.error)

    def _fail(self, request: Request, started: int, error: BaseException | None) -> None:
        meter = self._meter
        if meter is None or not _is_measured(request):
            return
        code = error.status if isinstance(error, ProxyError) else CLIENT_GONE
        # Traefik's forwarder answers this itself; here it is said further out, if no other server is tried.
        _count(meter, request, code, started, len(reason_of(code)))

    def _succeed(self, request: Request, started: int, response: Response) -> None:
        if self._is_logged:
            origin = request.origin
            if origin is not None:
                origin.answered = time.time_ns()
                origin.status = response.status
                if self._has_headers:
                    origin.headers = response.headers.fields.copy()
                    origin.length = response.body.length
        meter = self._meter
        if meter is None or not _is_measured(request):
            return
        body = response.body
        if response.tunnel is not None or isinstance(body, Stream) or request.marks & KIND:
            watch(response, _End(meter, request, response, started).count)
            return
        size = body.length or 0
        if size and (request.method == b"HEAD" or response.status in _WITHOUT_BODY):
            size = 0
        _count(meter, request, response.status, started, size)


def _is_measured(request: Request) -> bool:
    route = request.route
    return route is None or route.is_measured


def _count(meter: Meter, request: Request, code: int, started: int, size: int) -> None:
    is_plain = request.upgrade is None and not request.marks & KIND
    body = request.body
    meter.count(
        request,
        request.method,
        HTTP if is_plain else protocol_of(request),
        code,
        time.time_ns() - started,
        0 if body is EMPTY else _received(body),
        size,
    )


def _received(body: Body) -> int:
    return body.received if isinstance(body, Stream) else body.length or 0


class _End:
    """What is still to be counted of an answer that is on its way."""

    __slots__ = ("_body", "_meter", "_request", "_response", "_started")

    def __init__(self, meter: Meter, request: Request, response: Response, started: int) -> None:
        self._meter = meter
        self._request = request
        self._response = response
        self._body = response.body
        self._started = started

    def count(self) -> None:
        request, response = self._request, self._response
        code = response.status
        if request.marks & KIND and protocol_of(request) in (GRPC, GRPC_WEB):
            code = grpc_code(response)
        _count(self._meter, request, code, self._started, _received(self._body))
