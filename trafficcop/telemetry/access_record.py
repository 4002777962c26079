"""What the pipeline notes of one exchange for the access log."""

from __future__ import annotations

from trafficcop.http.body import EMPTY, Body, received_of
from trafficcop.http.headers import Field
from trafficcop.http.messages import Request
from trafficcop.telemetry.clock import Second

# What is kept of a request as it came in, for middlewares rewrite it: the Request, its method, its body; path, query
# and authority as routers saw them; its number. And of few: what is spoken over HTTP, and X-Forwarded-For when its
# sender is trusted. A tuple, because there is one for every request.
Seen = tuple[Request, bytes, Body, bytes, bytes | None, bytes, int, tuple[str, bytes] | None]


class AccessRecord:
    """All that may be asked about an exchange, when it is over.

    `request` is the Request after the exchange: its `route`, `server`, `peer` and `notes` are read. Times are
    nanoseconds. The `…_headers` are there only when `AccessLog.needs_request_headers` or `.needs_response_headers` say
    so. What most exchanges leave alone are defaults of the class.
    """

    forwarded_for: bytes = b""  # X-Forwarded-For as it came, when its sender is trusted
    request_size: int = 0  # of what has come of its body
    request_headers: list[Field] | None = None
    duration: int = 0
    downstream_status: int = 0
    downstream_size: int = 0
    downstream_headers: list[Field] | None = None
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
        self.started = started  # since 1970
        self.entry_point = entry_point
        self.request_count = request_count
        self.original_method: bytes = request.method
        self.original_target: bytes = request.target
        self.original_authority: bytes = request.authority


def record_of(seen: Seen, second: Second, entry_point: str) -> AccessRecord:
    """The beginning of a record: what came in, in that second."""
    request, method, body, path, query, authority, number, more = seen
    record = AccessRecord(request, second.number * 10**9 + second.into(request.started), entry_point, number)
    record.original_method = method
    record.original_target = path if query is None else b"%b?%b" % (path, query)
    record.original_authority = authority
    record.forwarded_for = b"" if more is None else more[1]
    if body is not EMPTY:
        record.request_size = received_of(body)
    return record
