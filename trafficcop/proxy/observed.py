"""A handler whose exchanges are looked at one by one: a server, or a router behind another one.

The access log wants to know when a server was asked, and what it answered before any middleware touched that; the
metrics count each attempt.
"""

from __future__ import annotations

from collections.abc import Awaitable
from time import perf_counter_ns
from typing import Final

from trafficcop.errors import ProxyError
from trafficcop.http.answer import Answer
from trafficcop.http.body import EMPTY, Bytes, Stream, received_of
from trafficcop.http.h1_encode import reason_of
from trafficcop.http.headers import KIND
from trafficcop.http.messages import Handler, Origin, Request, Response, told_length
from trafficcop.http.meter import BUCKETS, CLIENT_GONE, GRPC, GRPC_WEB, HTTP, SENT, SUM, Meter, grpc_code, protocol_of
from trafficcop.http.watched import watch

_WITHOUT_BODY: Final = frozenset((204, 304))


class Observed:
    """Stands before a handler whose exchanges are counted: by `meter`, when their last byte has passed."""

    __slots__ = ("_handler", "_meter")

    def __init__(self, handler: Handler, meter: Meter | None) -> None:
        self._handler = handler
        self._meter = meter

    def __call__(self, request: Request) -> Awaitable[Response]:
        started = perf_counter_ns()
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
        route = request.route
        if (
            response is not None
            and request.body is EMPTY
            and request.method == b"GET"
            and type(response.body) is Bytes
            and not request.marks & KIND
            and request.upgrade is None
            and route is not None
            and route.is_measured
            and request.peer.tls is None
        ):
            # The usual exchange, without a call more than it needs.
            cell = meter.usual.get(response.status)
            elapsed = perf_counter_ns() - answer.started
            if cell is not None and elapsed <= meter.first_bound:
                cell[SUM] += elapsed
                cell[BUCKETS] += 1
                cell[SENT] += response.body.length or 0
                return
            if response.status not in _WITHOUT_BODY:
                meter.count_usual(request, response.status, elapsed, response.body.length or 0)
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
        size = received_of(body)
        if size and (request.method == b"HEAD" or status in _WITHOUT_BODY):
            size = 0
        sent = request.body
        received = received_of(sent)
        meter.count(request, request.method, HTTP, status, perf_counter_ns() - started, received, size)


class Logged(Observed):
    """The same for an access log that tells servers' answers from ours, and wants their fields if it `has_headers`.

    Who follows the Answer itself finds there when it came; for all others it is noted in the request.
    """

    __slots__ = ("_has_headers",)

    def __init__(self, handler: Handler, meter: Meter | None, *, has_headers: bool) -> None:
        super().__init__(handler, meter)
        self._has_headers = has_headers

    def __call__(self, request: Request) -> Awaitable[Response]:
        started = perf_counter_ns()
        try:
            coming = self._handler(request)
        except ProxyError:
            request.origin = Origin(started)
            raise
        if isinstance(coming, Answer):
            coming.watch(self, request, started)
            return coming
        return self._awaited(coming, request, started)

    def on_settled(self, answer: Answer) -> None:
        request = answer.request
        if request is None:
            return
        now = perf_counter_ns()
        if answer.response is not None and answer.record is not None and not self._has_headers:
            answer.answered = now
        else:
            self._note(request, answer.started, answer.response, now)
        if self._meter is not None:
            super().on_settled(answer)

    async def _awaited(self, coming: Awaitable[Response], request: Request, started: int) -> Response:
        request.origin = Origin(started)
        try:
            response = await coming
        except BaseException as error:
            self._settle(request, started, None, error)
            raise
        self._note(request, started, response, perf_counter_ns())  # first, for the meter may wrap the body
        self._settle(request, started, response, None)
        return response

    def _note(self, request: Request, started: int, response: Response | None, now: int) -> None:
        request.origin = origin = Origin(started)
        if response is not None:
            origin.answered = now
            origin.status = response.status
            if request.method != b"HEAD":
                origin.body = response.body
            if self._has_headers:
                origin.headers = response.headers.fields.copy()
                origin.length = told_length(request.method, response)


def _count(meter: Meter, request: Request, code: int, started: int, size: int) -> None:
    body = request.body
    received = received_of(body)
    meter.count(request, request.method, protocol_of(request), code, perf_counter_ns() - started, received, size)


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
        _count(self._meter, request, code, self._started, received_of(self._body))
