"""What the pipeline counts of each request, for the metrics of its entry point, its router and its server."""

from __future__ import annotations

from time import monotonic
from typing import Any

from trafficcop.http.answer import Answer
from trafficcop.http.body import EMPTY, Body, received_of
from trafficcop.http.messages import Request, Response
from trafficcop.http.meter import (
    CLIENT_GONE,
    EXCHANGES,
    GRPC,
    GRPC_WEB,
    HTTP,
    INNER_SUM,
    OUTER_SUM,
    PAIR_SENT,
    WITHOUT_BODY,
    Meter,
    grpc_code,
    protocol_of,
)
from trafficcop.telemetry.meters import Meters
from trafficcop.tls.facts import TLSFacts


class MetricsObserver:
    """Counts requests with the Meter of their router, or with `unrouted` (if any) when there is none.

    Of those with a body or with more than HTTP it keeps what they were before anybody changed them.
    """

    __slots__ = ("_longest_paired", "_meters", "_unrouted", "keeps_all")

    def __init__(self, meters: Meters | None, unrouted: Meter | None) -> None:
        self._meters = meters
        self._unrouted = unrouted
        self._longest_paired = -1.0 if meters is None else meters.longest_paired
        self.keeps_all = False

    def begin(self, request: Request, is_admitted: bool) -> Any:
        return request, request.body, protocol_of(request)

    def end_usual(self, request: Request, answer: Answer, status: int, size: int) -> None:
        observed, route, now = answer.observed, request.route, answer.answered
        if observed is not None and route is not None and now:
            elapsed, outer = now - request.started, route.meter
            if outer is not None and elapsed <= self._longest_paired:
                try:
                    cell = observed.pairs[outer][status]
                except KeyError:
                    observed.pair(route, outer, status)  # for the next one
                else:
                    cell[OUTER_SUM] += elapsed
                    cell[INNER_SUM] += now - answer.asked
                    cell[EXCHANGES] += 1
                    cell[PAIR_SENT] += size
                    if request.peer.tls is not None:
                        _count_tls(request.peer.tls, outer, observed.meter)
                    return
        self._count_singly(now or monotonic(), request, answer, status, size)

    def end_whole(self, answer: Answer, response: Response, size: int) -> None:
        self._end(answer, answer.answered or monotonic(), response, size)

    def end(self, answer: Answer, response: Response | None, size: int) -> None:
        self._end(answer, monotonic(), response, size)

    def _end(self, answer: Answer, now: float, response: Response | None, size: int) -> None:
        if isinstance(answer.record, Request):
            request, body, protocol = answer.record, EMPTY, HTTP
        else:
            request, body, protocol = answer.record
        self.count(now, request, request.method, body, protocol, answer, response, size)

    def _count_singly(self, now: float, request: Request, answer: Answer, status: int, size: int) -> None:
        """A usual request, if there is no router or no server to be counted, or it took long."""
        route, tls = request.route, request.peer.tls
        if status in WITHOUT_BODY:
            size = 0
        self._count_retries(request)
        meter = self._unrouted if route is None else route.meter
        if meter is not None:
            meter.add(request, tls, status, now - request.started, size)
        if answer.observed is not None and route is not None and route.is_measured:
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
        answer: Answer,
        response: Response | None,
        size: int,
    ) -> None:
        """Any exchange."""
        route = request.route
        if answer.observed is not None and response is not None:
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


def _count_tls(tls: TLSFacts, *meters: Meter | None) -> None:
    for meter in meters:
        if meter is not None:
            meter.count_tls(tls)
