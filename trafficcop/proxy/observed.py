"""A handler whose exchanges are looked at one by one: a server, or a router behind another one.

The access log wants to know when a server was asked, and what it answered before any middleware touched that; the
metrics count each attempt.
"""

from __future__ import annotations

from collections.abc import Awaitable
from time import time_ns

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
    """Stands before a handler whose exchanges are counted: by `meter`, when their last byte has passed."""

    __slots__ = ("_handler", "_meter")

    def __init__(self, handler: Handler, meter: Meter | None) -> None:
        self._handler = handler
        self._meter = meter

    def __call__(self, request: Request) -> Awaitable[Response]:
        started = time_ns()
        coming = self._handler(request)
        if isinstance(coming, Answer):
            coming.watch(self, request, started)
            return coming
        return self._awaited(coming, request, started)

    async def _awaited(self, coming: Awaitable[Response], request: Request, started: int) -> Response:
        try:
            response = await coming
        except BaseException as error:
            self._settle(request, started, None, error)
            raise
        self._settle(request, started, response, None)
        return response

    def on_settled(self, answer: Answer) -> None:
        request, response, meter = answer.request, answer.response, self._meter
        if request is None or meter is None:
            return
        if response is not None and request.body is EMPTY and request.method == b"GET":
            # The usual exchange, without a call more than it needs.
            body, status, route = response.body, response.status, request.route
            if (
                body.length is not None
                and not isinstance(body, Stream)
                and not request.marks & KIND
                and request.upgrade is None
                and status not in _WITHOUT_BODY
                and route is not None
                and route.is_measured
            ):
                meter.count(request, b"GET", HTTP, status, time_ns() - answer.started, 0, body.length)
                return
        self._settle(request, answer.started, response, answer.error)

    def _settle(self, request: Request, started: int, response: Response | None, error: BaseException | None) -> None:
        meter, route = self._meter, request.route
        if meter is None or (route is not None and not route.is_measured):
            return
        if response is None:
            code = error.status if isinstance(error, ProxyError) else CLIENT_GONE
            # Traefik's forwarder answers this itself; here it is said further out, if no other server is tried.
            _count(meter, request, code, started, len(reason_of(code)))
            return
        body, status = response.body, response.status
        if request.marks & KIND or request.upgrade is not None or isinstance(body, Stream):
            watch(response, _End(meter, request, response, started).count)
            return
        size = body.length or 0
        if size and (request.method == b"HEAD" or status in _WITHOUT_BODY):
            size = 0
        sent = request.body
        received = 0 if sent is EMPTY else _received(sent)
        meter.count(request, request.method, HTTP, status, time_ns() - started, received, size)


class Logged(Observed):
    """The same where an access log is kept, which wants the fields of the answer, too, if it `has_headers`."""

    __slots__ = ("_has_headers",)

    def __init__(self, handler: Handler, meter: Meter | None, *, has_headers: bool) -> None:
        super().__init__(handler, meter)
        self._has_headers = has_headers

    def __call__(self, request: Request) -> Awaitable[Response]:
        started = time_ns()
        request.origin = Origin(started)
        coming = self._handler(request)
        if isinstance(coming, Answer):
            coming.watch(self, request, started)
            return coming
        return self._awaited(coming, request, started)

    def _settle(self, request: Request, started: int, response: Response | None, error: BaseException | None) -> None:
        origin = request.origin
        if response is not None and origin is not None:
            origin.answered = time_ns()
            origin.status = response.status
            if self._has_headers:
                origin.headers = response.headers.fields.copy()
                origin.length = response.body.length
        if self._meter is not None:
            super()._settle(request, started, response, error)


def _count(meter: Meter, request: Request, code: int, started: int, size: int) -> None:
    body = request.body
    received = 0 if body is EMPTY else _received(body)
    meter.count(request, request.method, protocol_of(request), code, time_ns() - started, received, size)


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
