"""What the pipeline counts of each request, for the metrics of its entry point and its router."""

from __future__ import annotations

from time import perf_counter_ns
from typing import Any

from trafficcop.http.answer import Answer
from trafficcop.http.body import EMPTY, Body, received_of
from trafficcop.http.headers import KIND
from trafficcop.http.messages import Request, Response
from trafficcop.http.meter import (
    BUCKETS,
    CLIENT_GONE,
    GRPC,
    GRPC_WEB,
    HTTP,
    SENT,
    SUM,
    Meter,
    grpc_code,
    protocol_of,
)
from trafficcop.telemetry.meters import Meters


class MetricsObserver:
    """Counts requests with the Meter of their router, or with `unrouted` (if any) when there is none."""

    __slots__ = ("_meters", "_unrouted")

    def __init__(self, meters: Meters | None, unrouted: Meter | None) -> None:
        self._meters = meters
        self._unrouted = unrouted

    def begin(self, request: Request, started: int, is_admitted: bool) -> Any:
        """What it was before anybody changed it, and what is spoken."""
        is_plain = request.upgrade is None and not request.marks & KIND
        return started, request, request.method, request.body, HTTP if is_plain else protocol_of(request)

    def end(self, seen: Any, answer: Answer | None, response: Response | None, size: int, is_whole: bool) -> None:
        started, request, method, body, protocol = seen
        elapsed = perf_counter_ns() - started
        route = request.route
        meter = self._unrouted if route is None else route.meter
        if meter is None:
            return
        if (
            response is not None
            and method == b"GET"
            and body is EMPTY
            and protocol is HTTP
            and request.notes is None
            and request.peer.tls is None
        ):
            # The usual exchange, without a call more than it needs.
            cell = meter.usual.get(response.status)
            if cell is not None and elapsed <= meter.first_bound:
                cell[SUM] += elapsed
                cell[BUCKETS] += 1
                cell[SENT] += size
            else:
                meter.count_usual(request, response.status, elapsed, size)
            return
        self.count(meter, request, method, body, protocol, elapsed, response, size)

    def count(
        self,
        meter: Meter,
        request: Request,
        method: bytes,
        body: Body,
        protocol: str,
        elapsed: int,
        response: Response | None,
        size: int,
    ) -> None:
        """Any exchange."""
        route, notes = request.route, request.notes
        if notes is not None and route is not None and self._meters is not None and "RetryAttempts" in notes:
            self._meters.count_retries(route.service, notes["RetryAttempts"])
        code = CLIENT_GONE if response is None else response.status
        if protocol is GRPC or protocol is GRPC_WEB:
            code = grpc_code(response)
        meter.count(request, method, protocol, code, elapsed, received_of(body), size)
