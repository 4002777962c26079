"""What the pipeline notes of each request for the access log; not in the way when nobody keeps one."""

from __future__ import annotations

import time

from trafficcop.http.headers import MANAGED
from trafficcop.http.messages import Origin, Request, Response
from trafficcop.telemetry.access import AccessLog
from trafficcop.telemetry.access_record import AccessRecord


class AccessObserver:
    """Fills an AccessRecord from the first sight of a request to the last byte of its answer."""

    __slots__ = ("_entry_point", "_log", "_served")

    def __init__(self, log: AccessLog, entry_point: str) -> None:
        self._log = log
        self._entry_point = entry_point
        self._served = 0

    def begin(self, request: Request) -> AccessRecord:
        self._served += 1
        record = AccessRecord(request, time.time_ns(), self._entry_point, self._served)
        record.request_size = request.body.length or 0
        if self._log.needs_request_headers:
            record.request_headers = request.headers.fields.copy()
        if request.marks & MANAGED:
            record.forwarded_for = request.headers.get(b"x-forwarded-for") or b""
        return record

    def end(self, record: AccessRecord, response: Response | None, size: int) -> None:
        record.duration = time.time_ns() - record.started
        notes = record.request.notes
        if notes is not None:
            record.retry_attempts = notes.get("RetryAttempts", 0)
        if record.request.peer.is_trusted is False:
            record.forwarded_for = b""
        if response is not None:
            record.downstream_status = response.status
            record.downstream_size = size
            if self._log.needs_response_headers:
                record.downstream_headers = response.headers.fields.copy()
        else:
            record.downstream_status = 499
        origin = record.request.origin
        if origin is not None:
            _note_origin(record, origin, size)
        self._log.record(record)


def _note_origin(record: AccessRecord, origin: Origin, size: int) -> None:
    """What the server said; if it said nothing, what was said in its place (Traefik `pkg/middlewares/accesslog`)."""
    record.origin_status = origin.status or record.downstream_status
    record.origin_size = size
    record.origin_headers = origin.headers
    # A body that was still coming went on its way as it came: the server was at work until the end.
    ended = origin.answered if record.is_whole and origin.answered else record.started + record.duration
    record.origin_duration = max(ended - origin.started, 0)
