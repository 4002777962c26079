"""What the pipeline notes of one exchange for the access log."""

from __future__ import annotations

from trafficcop.http.body import EMPTY, Body
from trafficcop.http.headers import Field
from trafficcop.http.messages import Request


class AccessRecord:
    """Filled while a request is served, read once when it is over.

    Middlewares rewrite the request, so what came in is kept here. `request` is the Request after the exchange: its
    `route`, `server`, `peer` and `notes` are read. Times are nanoseconds. The `…_headers` are there only when
    `AccessLog.needs_request_headers` or `.needs_response_headers` say so.
    """

    __slots__ = (
        "downstream_headers",
        "downstream_size",
        "downstream_status",
        "duration",
        "entry_point",
        "forwarded_for",
        "is_whole",
        "origin_duration",
        "origin_headers",
        "origin_size",
        "origin_status",
        "original_authority",
        "original_method",
        "original_target",
        "request",
        "request_body",
        "request_count",
        "request_headers",
        "request_size",
        "retry_attempts",
        "span_id",
        "started",
        "tls_cipher",
        "tls_client_subject",
        "tls_version",
        "trace_id",
    )

    def __init__(self, request: Request, started: int, entry_point: str, request_count: int) -> None:
        self.request = request
        self.started = started  # time.time_ns()
        self.entry_point = entry_point
        self.request_count = request_count
        self.original_method: bytes = request.method
        self.original_target: bytes = request.target
        self.original_authority: bytes = request.authority
        self.forwarded_for = b""  # X-Forwarded-For as it came, when its sender is trusted
        self.request_body: Body = EMPTY  # as it came
        self.request_size = 0  # of what has come of it
        self.request_headers: list[Field] | None = None
        self.duration = 0
        self.downstream_status = 0
        self.downstream_size = 0
        self.downstream_headers: list[Field] | None = None
        self.is_whole = False  # the answer was all here when it was sent
        self.origin_duration = 0  # these stay 0 when no server was asked
        self.origin_status = 0
        self.origin_size = 0
        self.origin_headers: list[Field] | None = None
        self.retry_attempts = 0
        self.tls_version = ""
        self.tls_cipher = ""
        self.tls_client_subject = ""
        self.trace_id = ""
        self.span_id = ""
