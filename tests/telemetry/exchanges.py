"""Finished exchanges to be logged, and their lines."""

from trafficcop.config.observability import AccessLogFieldHeaders, AccessLogFields
from trafficcop.http.headers import Headers
from trafficcop.http.messages import Peer, Request, Route, Target
from trafficcop.telemetry.access import AccessLog
from trafficcop.telemetry.access_format import FieldModes, clf, json_line
from trafficcop.telemetry.access_record import AccessRecord
from trafficcop.telemetry.access_usual import Finished, client_json
from trafficcop.telemetry.clock import Clock, Second

START = 1_700_000_000_123_456_000  # 2023-11-14T22:13:20.123456Z
BROWSER = [(b"user-agent", b"curl/8"), (b"Referer", b"http://example.com/"), (b"X-Token", b"secret")]


def exchange(method=b"GET", path=b"/a", query=b"b=1", *, is_routed=True, peer=None, **changes):
    request = Request(method, path, query, Headers(list(BROWSER)))
    request.authority = changes.pop("authority", b"example.com:8080")
    request.peer = peer or Peer("192.0.2.1", 5000)
    request.version = changes.pop("version", b"1.1")
    request.notes = changes.pop("notes", None)
    if is_routed:
        request.route = Route("web@file", "app@file")
        request.server = Target("app@file", "http://127.0.0.1:9000")
    record = AccessRecord(request, START, "web", 7)
    record.request_headers = request.headers.fields
    record.duration = 2_500_000
    record.downstream_status = 200
    record.downstream_size = 70
    if is_routed:
        record.origin_duration, record.origin_status, record.origin_size = 2_000_000, 200, 70
    for name, value in changes.items():
        setattr(record, name, value)
    return record


def line_of(record, format_="common", **fields):
    modes = FieldModes(AccessLogFields(**fields))
    make = json_line(modes) if format_ == "json" else clf(modes, is_generic=format_ == "genericCLF")
    line = make(record).decode()
    assert line.endswith("\n")
    assert line.count("\n") == 1
    return line[:-1]


def headers(default="drop", **names):
    return AccessLogFieldHeaders(default_mode=default, names=names)


KEPT = headers("keep")
COMMON = '192.0.2.1 - - [14/Nov/2023:22:13:20 +0000] "GET /a?b=1 HTTP/1.1" 200 70 "-" "-"'


class FixedClock(Clock):
    """Knows the seconds that it is told; each exchange of a record is in one of its own."""

    def __init__(self) -> None:
        self.seconds: list[Second] = []

    def second_of(self, moment: float) -> Second:
        return next(second for second in self.seconds if second.start <= moment < second.end)

    def finished(self, record: AccessRecord) -> Finished:
        """What the observer would have kept of it; the record has its times as exactly as they are kept there."""
        request, started = record.request, 5.25 + 10 * len(self.seconds)
        into, number = record.started % 10**9, record.started // 10**9
        second = Second(started - into / 1e9, number)
        self.seconds.append(second)
        ended = started + record.duration / 1e9
        asked = ended - record.origin_duration / 1e9
        record.started = number * 10**9 + second.into(started)
        record.duration, record.origin_duration = int((ended - started) * 1e9), int((ended - asked) * 1e9)
        path, mark, query = record.original_target.partition(b"?")
        assert request.route is not None
        assert request.server is not None
        client_json(request.peer, record.entry_point)
        return (
            request.peer, request.version, record.original_method, path, query if mark else None,
            record.original_authority, record.request_count, record.request_size,
            request.route, request.server, record.downstream_status, record.downstream_size, started, asked, ended,
        )  # fmt: skip


def note(log: AccessLog, record: AccessRecord) -> None:
    """As the observer does with a usual exchange."""
    log.exchanges.append(FixedClock().finished(record))
    if len(log.exchanges) in (1, log.row):
        log.see_to_exchanges()
