"""What the pipeline counts of each request, for the metrics of its entry point and its router."""

from __future__ import annotations

from time import perf_counter_ns

from trafficcop.http.body import EMPTY, Body, Stream
from trafficcop.http.headers import KIND
from trafficcop.http.messages import Request, Response
from trafficcop.http.meter import CLIENT_GONE, GRPC, GRPC_WEB, HTTP, Meter, grpc_code, protocol_of
from trafficcop.telemetry.meters import Meters

# When the request came, what it was before anybody changed it, and what is spoken.
Begun = tuple[int, Request, bytes, Body, str]


class MetricsObserver:
    """Counts requests with the Meter of their router, or with `unrouted` (if any) when there is none."""

    __slots__ = ("_meters", "_unrouted", "is_waiting")

    def __init__(self, meters: Meters, unrouted: Meter | None) -> None:
        self.is_waiting = False
        self._meters = meters
        self._unrouted = unrouted

    def begin(self, request: Request) -> Begun:
        is_plain = request.upgrade is None and not request.marks & KIND
        return perf_counter_ns(), request, request.method, request.body, HTTP if is_plain else protocol_of(request)

    def admitted(self, begun: Begun) -> None:
        """Nothing that counts has changed."""

    def end(self, begun: Begun, response: Response | None, size: int, is_whole: bool) -> None:
        started, request, method, body, protocol = begun
        route = request.route
        meter = self._unrouted if route is None else route.meter
        if meter is None:
            return
        if request.notes is not None and route is not None and "RetryAttempts" in request.notes:
            self._meters.count_retries(route.service, request.notes["RetryAttempts"])
        code = CLIENT_GONE if response is None else response.status
        if protocol is GRPC or protocol is GRPC_WEB:
            code = grpc_code(response)
        elapsed = perf_counter_ns() - started
        if body is EMPTY:
            meter.count(request, method, protocol, code, elapsed, 0, size)
        else:
            received = body.received if isinstance(body, Stream) else body.length or 0
            meter.count(request, method, protocol, code, elapsed, received, size)
