"""How the exchanges with one server are looked at.

The access log wants to know when a server was asked, and what it answered before any middleware touched that; the
metrics count each attempt. Where the pipeline follows a server's Answer itself, as it mostly does, nobody needs to be
told of that: what the Answer says is counted in the end, together with all else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from time import monotonic

from trafficcop.errors import ProxyError
from trafficcop.http.answer import Answer
from trafficcop.http.body import Bytes, received_of
from trafficcop.http.h1_encode import reason_of
from trafficcop.http.headers import KIND, UPGRADE
from trafficcop.http.messages import Origin, Request, Response, Route, told_length
from trafficcop.http.meter import CLIENT_GONE, GRPC, GRPC_WEB, Meter, Pair, grpc_code, protocol_of
from trafficcop.http.watched import watch


class Observed:
    """A server whose exchanges are counted by `meter`, and noted for an access log that `has_origins`.

    `has_headers`: that log shows fields of servers' answers. `pairs`: where it counts together with routers.
    """

    __slots__ = ("has_headers", "has_origins", "meter", "pairs")

    def __init__(self, meter: Meter | None, *, has_origins: bool = False, has_headers: bool = False) -> None:
        self.meter = meter
        self.pairs: Mapping[Meter, Pair] = {} if meter is None else meter.pairs
        self.has_origins = has_origins
        self.has_headers = has_headers

    def on_settled(self, answer: Answer) -> None:
        """An Answer of the server that carries this is settled, and there is more to do than to see when it was."""
        request, response = answer.request, answer.response
        if request is None:
            return
        if self.has_origins:
            self._note(request, answer.asked, response, monotonic())
        if answer.record is None or response is None:  # the pipeline does not follow it, or nothing came
            answer.observed = None
            self.settle(request, answer.asked, response, answer.error)

    def pair(self, route: Route, outer: Meter, code: int) -> None:
        """Let usual requests be counted at one go from now on, for a router and the server, if they are at all."""
        if self.meter is not None and route.is_measured:
            self.meter.pair(outer, code)

    async def awaited(self, coming: Awaitable[Response], request: Request, asked: float) -> Response:
        """The response of the server, noted and counted."""
        if self.has_origins:
            request.origin = Origin(asked)
        try:
            response = await coming
        except BaseException as error:
            self.settle(request, asked, None, error)
            raise
        if self.has_origins:
            self._note(request, asked, response, monotonic())  # first, for the meter may wrap the body
        self.settle(request, asked, response, None)
        return response

    def settle(self, request: Request, asked: float, response: Response | None, error: BaseException | None) -> None:
        """Count an exchange, when its last byte has passed."""
        meter, route = self.meter, request.route
        if meter is None or (route is not None and not route.is_measured):
            return
        if response is None:
            code = error.status if isinstance(error, ProxyError) else CLIENT_GONE
            # Traefik's forwarder answers this itself; here it is said further out, if no other server is tried.
            size = len(reason_of(code))
            received = received_of(request.body)
            meter.count(request, request.method, protocol_of(request), code, monotonic() - asked, received, size)
        elif is_plain(request) and isinstance(response.body, Bytes):
            meter.count_answer(request, response, monotonic() - asked)
        else:
            watch(response, _End(self, request, response, asked).count)

    def count(self, request: Request, response: Response, elapsed: float) -> None:
        """An exchange whose last byte has passed."""
        meter, route = self.meter, request.route
        if meter is None or (route is not None and not route.is_measured):
            return
        if is_plain(request):
            meter.count_answer(request, response, elapsed)
            return
        protocol = protocol_of(request)
        code = grpc_code(response) if protocol in (GRPC, GRPC_WEB) else response.status
        received = received_of(request.body)
        meter.count(request, request.method, protocol, code, elapsed, received, received_of(response.body))

    def _note(self, request: Request, asked: float, response: Response | None, now: float) -> None:
        request.origin = origin = Origin(asked)
        if response is not None:
            origin.answered = now
            origin.status = response.status
            if request.method != b"HEAD":
                origin.body = response.body
            if self.has_headers:
                origin.headers = response.headers.fields.copy()
                origin.length = told_length(request.method, response)


def is_plain(request: Request) -> bool:
    """Whether nothing but HTTP is spoken."""
    return not request.marks & (KIND | UPGRADE)


class _End:
    """What is still to be counted of an answer that is on its way."""

    __slots__ = ("_asked", "_observed", "_request", "_response")

    def __init__(self, observed: Observed, request: Request, response: Response, asked: float) -> None:
        self._observed = observed
        self._request = request
        self._response = response
        self._asked = asked

    def count(self) -> None:
        self._observed.count(self._request, self._response, monotonic() - self._asked)
