"""The access log's share of each request, and that of the metrics, where both are kept."""

from __future__ import annotations

from time import monotonic
from typing import Final

from trafficcop.http.answer import Answer
from trafficcop.http.body import EMPTY, received_of
from trafficcop.http.headers import KIND, MANAGED, UPGRADE, Field
from trafficcop.http.messages import Request, Response, told_length
from trafficcop.http.meter import HTTP, WITHOUT_BODY, Meter, protocol_of
from trafficcop.server.metrics_observer import MetricsObserver
from trafficcop.telemetry.access import AccessLog
from trafficcop.telemetry.access_record import AccessRecord, Seen, record_of
from trafficcop.telemetry.access_text import NANOSECONDS
from trafficcop.telemetry.access_usual import client_json
from trafficcop.telemetry.meters import Meters

_TELLS_MORE: Final = MANAGED | KIND | UPGRADE  # marks of what a line or the metrics may have to say


class AccessObserver(MetricsObserver):
    """Writes a line for each exchange: at one go if it is a usual one, else from a record of all there is."""

    __slots__ = (
        "_entry_point", "_has_origins", "_is_counting", "_log", "_logs_unrouted", "_takes_usual",
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
        self._log = log
        self._entry_point = entry_point
        self._logs_unrouted = logs_unrouted  # what no router took is logged if the entry point says so
        self._has_origins = log.needs_origins
        self._takes_usual = log.takes_usual

    def begin(self, request: Request, is_admitted: bool) -> Seen:
        marks = request.marks
        more: tuple[str, bytes] | None = None
        if marks & _TELLS_MORE:
            forwarded_for = b""
            if marks & MANAGED and is_admitted:
                forwarded_for = request.headers.get(b"x-forwarded-for") or b""
            more = protocol_of(request), forwarded_for
        log = self._log
        log.served = number = log.served + log.stride
        return (
            request, request.method, request.body, request.raw_path, request.query, request.authority, number, more,
        )  # fmt: skip

    def end_whole(self, answer: Answer, response: Response, size: int) -> None:
        request, method, body, path, query, authority, number, more = answer.record
        answered, observed, log = answer.answered, answer.observed, self._log
        now = answered or monotonic()
        if self._is_counting:
            if method == b"GET" and body is EMPTY and (more is None or more[0] is HTTP):
                self.end_usual(request, answer, response.status, size)
            else:
                self.count(now, request, method, body, HTTP if more is None else more[0], answer, response, size)
        route, server, peer = request.route, request.server, request.peer
        if (
            self._takes_usual
            and route is not None
            and server is not None
            and route.is_logged
            and request.notes is None
            and (more is None or not more[1])
            and ((observed is not None and answered) or not self._has_origins)
        ):
            if self._has_origins and not peer.json:
                client_json(peer, self._entry_point)  # asks the connection, which may be gone when the line is written
            exchanges = log.exchanges
            exchanges.append((
                peer, request.version, method, path, query, authority, number,
                0 if body is EMPTY else received_of(body), route, server,
                response.status, size, request.started, answer.asked, now,
            ))  # fmt: skip
            if len(exchanges) >= log.row or len(exchanges) == 1:
                log.see_to_exchanges()
        else:
            if method == b"HEAD" or response.status in WITHOUT_BODY:
                size = 0
            self._write_record(answer, response, size, now, is_whole=True)

    def end(self, answer: Answer, response: Response | None, size: int) -> None:
        now = monotonic()
        if self._is_counting:
            request, method, body, _, _, _, _, more = answer.record
            self.count(now, request, method, body, HTTP if more is None else more[0], answer, response, size)
        self._write_record(answer, response, size, now, is_whole=False)

    def _write_record(
        self, answer: Answer, response: Response | None, size: int, now: float, *, is_whole: bool
    ) -> None:
        request: Request = answer.record[0]
        if self._logs_unrouted if request.route is None else self._log.is_wanted(request.route):
            record = self._record(answer.record, int((now - request.started) * NANOSECONDS), response, size)
            _note_origin(record, answer, is_whole, now, size)
            self._log.record(record)

    def _record(self, seen: Seen, elapsed: int, response: Response | None, size: int) -> AccessRecord:
        log, request = self._log, seen[0]
        record = record_of(seen, log.clock.second_of(request.started), self._entry_point)
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
                record.downstream_headers = _with_length(response.headers.fields, told_length(seen[1], response))
        return record


def _with_length(fields: list[Field], length: int | None) -> list[Field]:
    """The fields of a message with its Content-Length, which is kept apart from them."""
    return fields if length is None else [*fields, (b"Content-Length", b"%d" % length)]


def _note_origin(record: AccessRecord, answer: Answer, is_whole: bool, now: float, size: int) -> None:
    """What the server said; if it said nothing, what was said in its place (Traefik `pkg/middlewares/accesslog`)."""
    origin = record.request.origin
    observed = answer.observed
    if answer.answered and observed is not None and not observed.has_headers:
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
