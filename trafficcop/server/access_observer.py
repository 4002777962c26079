"""The access log's share of each request."""

from __future__ import annotations

import time

from trafficcop.http.body import EMPTY, Stream
from trafficcop.http.headers import MANAGED, Field
from trafficcop.http.messages import Origin, Request, Response
from trafficcop.telemetry.access import AccessLog
from trafficcop.telemetry.access_record import AccessRecord


class AccessObserver:
    """Fills an AccessRecord from the first sight of a request to the last byte of its answer."""

    __slots__ = ("_entry_point", "_log", "is_waiting")

    def __init__(self, log: AccessLog, entry_point: str) -> None:
        self.is_waiting = True
        self._log = log
        self._entry_point = entry_point

    def begin(self, request: Request) -> AccessRecord:
        log = self._log
        log.served += log.stride
        record = AccessRecord(request, time.time_ns(), self._entry_point, log.served)
        if request.body is not EMPTY:
            record.request_body = request.body
        return record

    def admitted(self, record: AccessRecord) -> None:
        request = record.request
        record.original_target = request.target
        record.original_authority = request.authority
        if request.marks & MANAGED:
            record.forwarded_for = request.headers.get(b"x-forwarded-for") or b""

    def end(self, record: AccessRecord, response: Response | None, size: int, is_whole: bool) -> None:
        record.is_whole = is_whole
        record.duration = time.time_ns() - record.started
        if self._log.needs_request_headers:
            request = record.request
            length = None if request.body is EMPTY else request.body.length
            record.request_headers = _with_length(request.headers.fields, length)
        tls = record.request.peer.tls
        if tls is not None and self._log.needs_tls:
            record.tls_version, record.tls_cipher = tls.version, tls.cipher
            record.tls_client_subject = tls.client_subject
        body = record.request_body
        if body is not EMPTY:
            record.request_size = body.received if isinstance(body, Stream) else body.length or 0
        notes = record.request.notes
        if notes is not None:
            record.retry_attempts = notes.get("RetryAttempts", 0)
        if response is not None:
            record.downstream_status = response.status
            record.downstream_size = size
            if self._log.needs_response_headers:
                length = response.body.length if response.status >= 200 and response.status not in (204, 304) else None
                record.downstream_headers = _with_length(response.headers.fields, length)
        else:
            record.downstream_status = 499
        origin = record.request.origin
        if origin is not None:
            _note_origin(record, origin, size)
        self._log.record(record)


def _with_length(fields: list[Field], length: int | None) -> list[Field]:
    """The fields of a message with its Content-Length, which is kept apart from them."""
    return fields if length is None else [*fields, (b"Content-Length", b"%d" % length)]


def _note_origin(record: AccessRecord, origin: Origin, size: int) -> None:
    """What the server said; if it said nothing, what was said in its place (Traefik `pkg/middlewares/accesslog`)."""
    record.origin_status = origin.status or record.downstream_status
    record.origin_size = size
    record.origin_headers = origin.headers and _with_length(origin.headers, origin.length)
    # A body that was still coming went on its way as it came: the server was at work until the end.
    ended = origin.answered if record.is_whole and origin.answered else record.started + record.duration
    record.origin_duration = max(ended - origin.started, 0)
