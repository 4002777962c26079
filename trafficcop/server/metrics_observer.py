"""What the pipeline counts of each request, for the metrics of its entry point, its router and its server."""

from __future__ import annotations

from time import monotonic
from typing import Any

from trafficcop.http.answer import Answer
from trafficcop.http.body import EMPTY, Body, received_of
from trafficcop.http.messages import Request, Response
from trafficcop.http.meter import (
    CLIENT_GONE,
    GRPC,
    GRPC_WEB,
    HTTP,
    WITHOUT_BODY,
    Meter,
    grpc_code,
    protocol_of,
)
from trafficcop.telemetry.meters import Meters


class MetricsObserver:
    """Counts requests with the Meter of their router, or with `unrouted` (if any) when there is none.

    Of those with a body or with more than HTTP it keeps what they were before anybody changed them.
    """

    __slots__ = ("_meters", "_unrouted", "keeps_all")

    def __init__(self, meters: Meters | None, unrouted: Meter | None) -> None:
        self._meters = meters
        self._unrouted = unrouted
        self.keeps_all = False

    def begin(self, request: Request, is_admitted: bool) -> Any:
        return request, request.body, protocol_of(request)

    def end(self, seen: Any, answer: Answer | None, response: Response | None, size: int, is_whole: bool) -> None:
        body: Body
        now = answer.answered if is_whole and answer is not None else 0.0
        if type(seen) is tuple:
            request, body, protocol = seen
        elif response is not None and is_whole and seen.method == b"GET":
            self.count_usual(now or monotonic(), seen, answer, response, size)
            return
        else:
            request, body, protocol = seen, EMPTY, HTTP
        self.count(now or monotonic(), request, request.method, body, protocol, answer, response, size)

    def count_usual(self, now: float, request: Request, answer: Answer | None, response: Response, size: int) -> None:
        """A GET without a body over HTTP, and a whole answer."""
        route, tls, status = request.route, request.peer.tls, response.status
        if status == 204 or status == 304:
            size = 0
        if request.notes is not None:
            self._count_retries(request)
        meter = self._unrouted if route is None else route.meter
        if meter is not None:
            meter.add(request, tls, status, now - request.started, size)
        if answer is not None and answer.observed is not None and route is not None and route.is_measured:
            meter = answer.observed.meter
            if meter is not None:
                meter.add(request, tls, status, now - answer.asked, size)

    def _count_retries(self, request: Request) -> None:
        """Of a request that is measured: other servers were tried for it."""
        route, notes = request.route, request.notes
        if notes is None or route is None or route.meter is None or self._meters is None:
            return
        if "RetryAttempts" in notes:
            self._meters.count_retries(route.service, notes["RetryAttempts"])

    def count(
        self,
        now: float,
        request: Request,
        method: bytes,
        body: Body,
        protocol: str,
        answer: Answer | None,
        response: Response | None,
        size: int,
    ) -> None:
        """Any exchange."""
        route = request.route
        if answer is not None and answer.observed is not None and response is not None:
            answer.observed.count(request, response, now - answer.asked)
        meter = self._unrouted if route is None else route.meter
        if meter is None:
            return
        self._count_retries(request)
        code = CLIENT_GONE if response is None else response.status
        if method == b"HEAD" or code in WITHOUT_BODY:
            size = 0
        if protocol is GRPC or protocol is GRPC_WEB:
            code = grpc_code(response)
        meter.count(request, method, protocol, code, now - request.started, received_of(body), size)
