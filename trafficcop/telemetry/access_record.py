"""What the pipeline notes of one exchange for the access log."""

from __future__ import annotations

from trafficcop.http.body import EMPTY, Body
from trafficcop.http.headers import Field
from trafficcop.http.messages import Request


class AccessRecord:
    """Filled while a request is served, read once when it is over.

    Middlewares rewrite the request, so what came in is kept here. `request` is the Request after the exchange: its
    `route`, `server`, `peer` and `notes` are read. Times are nanoseconds. The `…_headers` are there only when
    `AccessLog.needs_request_headers` or `.needs_response_headers` say so. What most exchanges leave alone are defaults
    of the class.
    """

    forwarded_for: bytes = b""  # X-Forwarded-For as it came, when its sender is trusted
    request_body: Body = EMPTY  # as it came
    request_size: int = 0  # of what has come of it
    request_headers: list[Field] | None = None
    duration: int = 0
    downstream_status: int = 0
    downstream_size: int = 0
    downstream_headers: list[Field] | None = None
    is_whole: bool = False  # the answer was all here when it was sent
    origin_duration: int = 0  # these stay 0 when no server was asked
    origin_status: int = 0
    origin_size: int = 0
    origin_headers: list[Field] | None = None
    retry_attempts: int = 0
    tls_version: str = ""
    tls_cipher: str = ""
    tls_client_subject: str = ""
    trace_id: str = ""
    span_id: str = ""

    def __init__(self, request: Request, started: int, entry_point: str, request_count: int) -> None:
        self.request = request
        self.started = started  # time.time_ns()
        self.entry_point = entry_point
        self.request_count = request_count
        self.original_method: bytes = request.method
        self.original_target: bytes = request.target
        self.original_authority: bytes = request.authority
