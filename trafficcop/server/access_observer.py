"""The access log's share of each request, and that of the metrics, where both are kept."""

from __future__ import annotations

from time import monotonic
from typing import Any

from trafficcop.http.answer import Answer
from trafficcop.http.body import EMPTY, received_of
from trafficcop.http.headers import KIND, MANAGED, Field
from trafficcop.http.messages import Request, Response, told_length
from trafficcop.http.meter import HTTP, WITHOUT_BODY, Meter, protocol_of
from trafficcop.server.metrics_observer import MetricsObserver
from trafficcop.telemetry.access import AccessLog
from trafficcop.telemetry.access_record import AccessRecord, Seen, record_of
from trafficcop.telemetry.access_text import NANOSECONDS
from trafficcop.telemetry.access_usual import USUAL_VERSIONS, client_json, entry_point_json
from trafficcop.telemetry.clock import Clock
from trafficcop.telemetry.meters import Meters


class AccessObserver(MetricsObserver):
    """Writes a line for each exchange: at one go if it is a usual one, else from a record of all there is."""

    __slots__ = (
        "_clock", "_entry_point", "_entry_point_json", "_has_origins", "_is_counting", "_log", "_logs_unrouted",
        "_takes_usual",
    )  # fmt: skip

    def __init__(
        self,
        log: AccessLog,
        entry_point: str,
        meters: Meters | None = None,
        unrouted: Meter | None = None,
        *,
        logs_unrouted: bool = True,
    ) -> None:
        super().__init__(meters, unrouted)
        self._is_counting = meters is not None
        self.keeps_all = True
        self._clock = Clock()
        self._log = log
        self._entry_point = entry_point
        self._logs_unrouted = logs_unrouted  # what no router took is logged if the entry point says so
        self._has_origins = log.needs_origins
        self._takes_usual = log.takes_usual
        self._entry_point_json = entry_point_json(entry_point)

    def begin(self, request: Request, is_admitted: bool) -> Any:
        started, marks = request.started, request.marks
        protocol = HTTP if request.upgrade is None and not marks & KIND else protocol_of(request)
        forwarded_for = b""
        if marks & MANAGED and is_admitted:
            forwarded_for = request.headers.get(b"x-forwarded-for") or b""
        log = self._log
        log.served = number = log.served + log.stride
        second = self._clock.second
        if not second.start <= started < second.end:
            second = self._clock.second_of(started)
        return (
            started, request, request.method, request.body, protocol,
            request.raw_path, request.query, request.authority, forwarded_for, number, second,
        )  # fmt: skip

    def end(self, seen: Any, answer: Answer | None, response: Response | None, size: int, is_whole: bool) -> None:
        (
            started, request, method, body, protocol, path, query, authority, forwarded_for, number, second,
        ) = seen  # fmt: skip
        now = monotonic()
        if size and is_whole and (method == b"HEAD" or (response is not None and response.status in WITHOUT_BODY)):
            size = 0
        if self._is_counting:
            if response is not None and is_whole and method == b"GET" and body is EMPTY and protocol is HTTP:
                self.count_usual(now, request, answer, response, size)
            else:
                self.count(now, request, method, body, protocol, answer, response, size)
        asked = _asked(answer, is_whole) if self._has_origins else 0.0
        route, server, peer, version = request.route, request.server, request.peer, request.version
        if (
            self._takes_usual
            and asked >= 0.0
            and route is not None
            and server is not None
            and response is not None
            and route.is_logged
            and not forwarded_for
            and request.notes is None
            and version in USUAL_VERSIONS
        ):
            if not peer.json and peer.tls is not None and self._has_origins:
                client_json(peer)  # asks the connection, which will be gone when the line is written
            self._log.note((
                peer, version, method, path, query, authority, number, started, second,
                0 if body is EMPTY else received_of(body), route, server,
                response.status, size, now - started, asked, self._entry_point_json,
            ))  # fmt: skip
        elif self._logs_unrouted if route is None else self._log.is_wanted(route):
            record = self._record(seen, int((now - started) * NANOSECONDS), response, size)
            _note_origin(record, answer, is_whole, now, size)
            self._log.record(record)

    def _record(self, seen: Seen, elapsed: int, response: Response | None, size: int) -> AccessRecord:
        log, request = self._log, seen[1]
        record = record_of(seen, self._entry_point)
        record.duration = elapsed
        if log.needs_request_headers:
            length = None if request.body is EMPTY else request.body.length
            record.request_headers = _with_length(request.headers.fields, length)
        tls = request.peer.tls
        if tls is not None and log.needs_tls:
            record.tls_version, record.tls_cipher = tls.version, tls.cipher
            record.tls_client_subject = tls.client_subject
        if request.notes is not None:
            record.retry_attempts = request.notes.get("RetryAttempts", 0)
        if response is None:
            record.downstream_status = 499
        else:
            record.downstream_status = response.status
            record.downstream_size = size
            if log.needs_response_headers:
                record.downstream_headers = _with_length(response.headers.fields, told_length(seen[2], response))
        return record


def _asked(answer: Answer | None, is_whole: bool) -> float:
    """How long the server took; -1 if it takes more to tell."""
    if answer is None or answer.observed is None or not is_whole or not answer.answered:
        return -1.0
    return answer.answered - answer.asked


def _with_length(fields: list[Field], length: int | None) -> list[Field]:
    """The fields of a message with its Content-Length, which is kept apart from them."""
    return fields if length is None else [*fields, (b"Content-Length", b"%d" % length)]


def _note_origin(record: AccessRecord, answer: Answer | None, is_whole: bool, now: float, size: int) -> None:
    """What the server said; if it said nothing, what was said in its place (Traefik `pkg/middlewares/accesslog`)."""
    origin = record.request.origin
    observed = None if answer is None else answer.observed
    if answer is not None and answer.answered and observed is not None and not observed.has_headers:
        asked, answered, status = answer.asked, answer.answered, record.downstream_status
    elif origin is not None:
        asked, answered, status = origin.asked, origin.answered, origin.status
        record.origin_headers = origin.headers and _with_length(origin.headers, origin.length)
        if answered:
            size = received_of(origin.body)  # what is between the server and the client may have packed it
    else:
        return
    record.origin_status = status or record.downstream_status
    record.origin_size = size
    # A body that was still coming went on its way as it came: the server was at work until the end.
    record.origin_duration = int(max((answered if is_whole and answered else now) - asked, 0.0) * NANOSECONDS)
