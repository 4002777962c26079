"""The access log: formats, fields, modes, filters, escaping, and lines that several processes write."""

import json
import logging
import multiprocessing
import os
import re
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trafficcop.config.observability import (
    AccessLog,
    AccessLogFieldHeaders,
    AccessLogFields,
    AccessLogFilters,
    AccessLogQueryParameters,
)
from trafficcop.config.scalars import Duration
from trafficcop.http.headers import Headers
from trafficcop.http.messages import Peer, Request, Route, Target
from trafficcop.telemetry import access
from trafficcop.telemetry.access_format import FieldModes, canonical, clf, json_line
from trafficcop.telemetry.access_record import AccessRecord

START = 1_700_000_000_123_456_000  # 2023-11-14T22:13:20.123456Z
BROWSER = [(b"user-agent", b"curl/8"), (b"Referer", b"http://example.com/"), (b"X-Token", b"secret")]


@pytest.fixture(autouse=True)
def zone(monkeypatch):
    from trafficcop.telemetry import access_text

    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    access_text.clf_local.cache_clear()
    access_text.iso_local.cache_clear()
    yield
    monkeypatch.undo()
    time.tzset()
    access_text.clf_local.cache_clear()
    access_text.iso_local.cache_clear()


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


@pytest.mark.parametrize(
    ("record", "fields", "line"),
    [
        (exchange(), {}, COMMON + ' 7 "web@file" "http://127.0.0.1:9000" 2ms'),
        (
            exchange(is_routed=False, downstream_status=404, downstream_size=19),
            {},
            '192.0.2.1 - - [14/Nov/2023:22:13:20 +0000] "GET /a?b=1 HTTP/1.1" 404 19 "-" "-" 7 "-" "-" 2ms',
        ),
        (
            exchange(),
            {"headers": KEPT},
            (
                '192.0.2.1 - - [14/Nov/2023:22:13:20 +0000] "GET /a?b=1 HTTP/1.1" 200 70 "http://example.com/" "curl/8"'
                ' 7 "web@file" "http://127.0.0.1:9000" 2ms'
            ),
        ),
        (
            exchange(),
            {"headers": AccessLogFieldHeaders(names={"user-agent": "redact"})},
            (
                '192.0.2.1 - - [14/Nov/2023:22:13:20 +0000] "GET /a?b=1 HTTP/1.1" 200 70 "-" "REDACTED"'
                ' 7 "web@file" "http://127.0.0.1:9000" 2ms'
            ),
        ),
        (
            exchange(),
            {"default_mode": "drop"},
            '- - - [-] "- - -" - - "-" "-" - "-" "-" 0ms',
        ),
        (
            exchange(),
            {"default_mode": "drop", "names": {"downstreamSTATUS": "keep", "startlocal": "keep"}},
            '- - - [15/Nov/2023:03:43:20 +0530] "- - -" 200 - "-" "-" - "-" "-" 0ms',
        ),
        (
            exchange(),
            {"names": {"ClientHost": "drop", "Duration": "nonsense"}},
            "-" + COMMON.removeprefix("192.0.2.1") + ' 7 "web@file" "http://127.0.0.1:9000" 2ms',
        ),
        (
            exchange(),
            {"query_parameters": AccessLogQueryParameters(default_mode="drop")},
            COMMON.replace("?b=1", "") + ' 7 "web@file" "http://127.0.0.1:9000" 2ms',
        ),
        (
            exchange(notes={"ClientUsername": "ann"}, forwarded_for=b"203.0.113.9, 10.0.0.1", version=b"2"),
            {},
            (
                '203.0.113.9,10.0.0.1 - ann [14/Nov/2023:22:13:20 +0000] "GET /a?b=1 HTTP/2.0" 200 70 "-" "-"'
                ' 7 "web@file" "http://127.0.0.1:9000" 2ms'
            ),
        ),
        (exchange(notes={"ClientUsername": ""}), {}, COMMON + ' 7 "web@file" "http://127.0.0.1:9000" 2ms'),
    ],
)
def test_common(record, fields, line):
    assert line_of(record, **fields) == line


def test_generic_clf_ends_with_the_user_agent():
    assert line_of(exchange(), "genericCLF") == COMMON


def test_what_came_in_is_logged_not_what_it_was_rewritten_to():
    record = exchange()
    record.request.raw_path, record.request.method, record.request.authority = b"/rewritten", b"PUT", b"other"
    event = json.loads(line_of(record, "json"))
    assert (event["RequestPath"], event["RequestMethod"], event["RequestAddr"]) == ("/a?b=1", "GET", "example.com:8080")


WHOLE = {
    "ClientAddr": "192.0.2.1:5000",
    "ClientHost": "192.0.2.1",
    "ClientPort": "5000",
    "ClientUsername": "-",
    "DownstreamContentSize": 70,
    "DownstreamStatus": 200,
    "Duration": 2_500_000,
    "OriginContentSize": 70,
    "OriginDuration": 2_000_000,
    "OriginStatus": 200,
    "Overhead": 500_000,
    "RequestAddr": "example.com:8080",
    "RequestContentSize": 0,
    "RequestCount": 7,
    "RequestHost": "example.com",
    "RequestMethod": "GET",
    "RequestPath": "/a?b=1",
    "RequestPort": "8080",
    "RequestProtocol": "HTTP/1.1",
    "RequestScheme": "http",
    "RetryAttempts": 0,
    "RouterName": "web@file",
    "ServiceAddr": "127.0.0.1:9000",
    "ServiceName": "app@file",
    "ServiceURL": "http://127.0.0.1:9000",
    "StartLocal": "2023-11-15T03:43:20.123456+05:30",
    "StartUTC": "2023-11-14T22:13:20.123456Z",
    "entryPointName": "web",
    "level": "info",
    "msg": "",
    "time": "2023-11-15T03:43:20+05:30",
}


def test_json_has_every_field_in_order():
    event = json.loads(line_of(exchange(), "json"))
    assert event == WHOLE
    assert list(event) == sorted(event)


def test_json_without_a_router():
    event = json.loads(line_of(exchange(is_routed=False, downstream_size=19), "json"))
    gone = {"RouterName", "ServiceAddr", "ServiceName", "ServiceURL"}
    assert set(WHOLE) - set(event) == gone
    assert (event["OriginStatus"], event["OriginDuration"], event["Overhead"]) == (0, 0, 2_500_000)
    assert event["GzipRatio"] == 0


def test_json_with_everything_there_can_be():
    record = exchange(
        peer=Peer("2001:db8::1", 443, is_tls=True),
        downstream_size=35,
        tls_version="1.3",
        tls_cipher="TLS_AES_128_GCM_SHA256",
        tls_client_subject="CN=ann",
        trace_id="0af7",
        span_id="b7ad",
        notes={"KubernetesIngressName": "in", "ClientUsername": "ann"},
        downstream_headers=[(b"content-type", b"text/html")],
        origin_headers=[(b"Server", b"x"), (b"server", b"y")],
    )
    line = line_of(record, "json", headers=KEPT)
    event = json.loads(line)
    assert list(event) == sorted(event)
    assert (
        event
        | {
            "ClientAddr": "[2001:db8::1]:443",
            "RequestScheme": "https",
            "GzipRatio": 2,
            "TLSVersion": "1.3",
            "TLSCipher": "TLS_AES_128_GCM_SHA256",
            "TLSClientSubject": "CN=ann",
            "TraceId": "0af7",
            "trace_id": "0af7",
            "SpanId": "b7ad",
            "span_id": "b7ad",
            "KubernetesIngressName": "in",
            "ClientUsername": "ann",
            "downstream_Content-Type": "text/html",
            "origin_Server": "x,y",
            "request_User-Agent": "curl/8",
            "request_X-Token": "secret",
        }
        == event
    )


@pytest.mark.parametrize("name", sorted(set(WHOLE) - {"level", "msg", "time"}))
def test_each_json_field_can_be_dropped_and_kept_alone(name):
    dropped = json.loads(line_of(exchange(), "json", names={name.upper(): "drop"}))
    assert dropped == {key: value for key, value in WHOLE.items() if key != name}
    alone = json.loads(line_of(exchange(), "json", default_mode="drop", names={name.lower(): "keep"}))
    assert alone == {key: WHOLE[key] for key in (name, "level", "msg", "time")}


@pytest.mark.parametrize("name", ["trace_id", "SpanId", "GzipRatio"])
def test_a_line_of_one_optional_field_parses(name):
    record = exchange(trace_id="1", span_id="2", downstream_size=35)
    alone = json.loads(line_of(record, "json", default_mode="drop", names={name: "keep"}))
    assert set(alone) == {name, "level", "msg", "time"}


@pytest.mark.parametrize(
    ("modes", "kept"),
    [
        (headers("drop"), {}),
        (headers("keep"), {"Referer": "http://example.com/", "User-Agent": "curl/8", "X-Token": "secret"}),
        (headers("redact"), {"Referer": "REDACTED", "User-Agent": "REDACTED", "X-Token": "REDACTED"}),
        (
            AccessLogFieldHeaders(default_mode="keep", names={"x-token": "redact", "referer": "drop"}),
            {"User-Agent": "curl/8", "X-Token": "REDACTED"},
        ),
        (AccessLogFieldHeaders(default_mode="drop", names={"X-TOKEN": "keep"}), {"X-Token": "secret"}),
        (
            AccessLogFieldHeaders(default_mode="nonsense", names={"x-token": "nonsense", "referer": "drop"}),
            {"User-Agent": "curl/8", "X-Token": "secret"},
        ),
    ],
)
def test_header_modes(modes, kept):
    event = json.loads(line_of(exchange(), "json", headers=modes))
    assert {key.removeprefix("request_"): event[key] for key in event if key.startswith("request_")} == kept


def test_host_and_framing_are_no_headers():
    record = exchange(request_headers=[(b"Host", b"x"), (b"transfer-encoding", b"chunked"), (b"Content-Length", b"1")])
    event = json.loads(line_of(record, "json", headers=KEPT))
    assert [key for key in event if key.startswith("request_")] == ["request_Content-Length"]


def test_query_is_dropped_from_json_too():
    dropped = AccessLogQueryParameters(default_mode="drop")
    assert json.loads(line_of(exchange(), "json", query_parameters=dropped))["RequestPath"] == "/a"


@pytest.mark.parametrize(
    ("authority", "parts"),
    [
        (b"example.com", ("example.com", "example.com", "-")),
        (b"[::1]:80", ("[::1]:80", "::1", "80")),
        (b"[::1]", ("[::1]", "[::1]", "-")),
        (b"a:b:c", ("a:b:c", "a:b:c", "-")),
        (b":80", (":80", "", "80")),
        (b"", (None, None, None)),
    ],
)
def test_request_address(authority, parts):
    event = json.loads(line_of(exchange(authority=authority), "json"))
    assert (event.get("RequestAddr"), event.get("RequestHost"), event.get("RequestPort")) == parts


@pytest.mark.parametrize(
    ("name", "spelled"),
    [("user-agent", "User-Agent"), ("X-FORWARDED-FOR", "X-Forwarded-For"), ("etag", "Etag"), ("a b", "a b")],
)
def test_canonical_header_names(name, spelled):
    assert canonical(name) == spelled


# === injection ===


@pytest.mark.parametrize(
    ("agent", "shown"),
    [
        (b'a" 200 "b', r"a\" 200 \"b"),
        (b"a\\", r"a\\"),
        (b"a\r\nb\x00\x1b[2J", r"a\x0d\x0ab\x00\x1b[2J"),
        (b"\xff\xfe", r"\xff\xfe"),
        ("žluťoučký".encode(), "žluťoučký"),
        ("a\u2028b\x85".encode(), r"a\u2028b\x85"),
    ],
)
def test_quoted_words_cannot_be_left(agent, shown):
    line = line_of(exchange(request_headers=[(b"User-Agent", agent)]), "genericCLF", headers=KEPT)
    assert line.endswith(f' "-" "{shown}"')


def test_target_is_percent_encoded_where_it_could_break_the_line():
    record = exchange(original_target=b'/a b"\x7f\xff\\?x=\n', original_method=b"G T")
    assert '"G%20T /a%20b%22%7F%FF%5C?x=%0A HTTP/1.1"' in line_of(record)


CLF = re.compile(
    r'\S+ - \S+ \[[^\]]+\] "\S+ \S+ \S+" \d+ \d+ "(?:[^"\\]|\\.)*" "(?:[^"\\]|\\.)*" \d+ "(?:[^"\\]|\\.)*" '
    r'"(?:[^"\\]|\\.)*" \d+ms'
)
FOREIGN = st.binary(max_size=30)


@given(FOREIGN, FOREIGN, FOREIGN, FOREIGN, st.text(max_size=9), st.text(max_size=9))
def test_every_line_parses_whatever_was_sent(target, agent, forwarded, authority, user, router):
    record = exchange(
        original_target=b"/" + target,
        original_authority=authority,
        forwarded_for=forwarded,
        request_headers=[(b"User-Agent", agent), (agent or b"x", target)],
        notes={"ClientUsername": user},
    )
    record.request.route = Route(router, "s")
    common = line_of(record, headers=KEPT)
    assert CLF.fullmatch(common)
    assert common.isprintable() or all(char.isprintable() or ord(char) >= 0xA0 for char in common)
    line = line_of(record, "json", headers=KEPT)
    assert len(line.splitlines()) == 1
    assert not set("<>&") & set(line)
    assert json.loads(line)["RouterName" if router else "level"] == (router or "info")


# === filters ===


@pytest.mark.parametrize(
    ("filters", "changes", "is_kept"),
    [
        ({}, {}, True),
        ({"status_codes": ("404",)}, {}, False),
        ({"status_codes": ("200-299",)}, {}, True),
        ({"status_codes": ("500-599", "200")}, {}, True),
        ({"status_codes": ("500-599",)}, {"downstream_status": 599}, True),
        ({"min_duration": Duration.of("2ms")}, {}, True),
        ({"min_duration": Duration.of("2500us")}, {}, False),
        ({"retry_attempts": True}, {}, False),
        ({"retry_attempts": True}, {"retry_attempts": 1}, True),
        ({"retry_attempts": True, "status_codes": ("200",)}, {}, True),
        ({"status_codes": ("abc",)}, {}, True),
    ],
)
def test_filters(tmp_path, filters, changes, is_kept):
    path = tmp_path / "access.log"
    log = access.AccessLog(AccessLog(file_path=str(path), filters=AccessLogFilters(**filters)))
    log.record(exchange(**changes))
    log.close()
    assert bool(path.read_bytes()) is is_kept


def test_bad_filter_and_format_are_told(tmp_path, caplog):
    with caplog.at_level(logging.ERROR):
        log = access.AccessLog(
            AccessLog(file_path=str(tmp_path / "x"), format="xml", filters=AccessLogFilters(status_codes=("4xx",)))
        )
    log.record(exchange())
    log.close()
    assert {record.message for record in caplog.records} == {
        "unknown access log format, using common",
        "invalid status codes in the access log filters",
    }
    assert (tmp_path / "x").read_text().startswith(COMMON)


@pytest.mark.parametrize(("add_internals", "count"), [(False, 0), (True, 1)])
def test_internal_services(tmp_path, add_internals, count):
    log = access.AccessLog(AccessLog(file_path=str(tmp_path / "x"), add_internals=add_internals))
    record = exchange()
    record.request.route = Route("ping@internal", "ping@internal")
    log.record(record)
    log.close()
    assert len((tmp_path / "x").read_bytes().splitlines()) == count


@pytest.mark.parametrize(
    ("format_", "modes", "request_", "response"),
    [
        ("common", headers("drop"), False, False),
        ("common", AccessLogFieldHeaders(names={"X-Other": "keep"}), False, False),
        ("common", AccessLogFieldHeaders(names={"referer": "keep"}), True, False),
        ("genericCLF", headers("redact"), True, False),
        ("json", headers("drop"), False, False),
        ("json", AccessLogFieldHeaders(names={"X-Other": "redact"}), True, True),
    ],
)
def test_headers_are_asked_for_only_when_they_can_be_shown(tmp_path, format_, modes, request_, response):
    config = AccessLog(file_path=str(tmp_path / "x"), format=format_, fields=AccessLogFields(headers=modes))
    log = access.AccessLog(config)
    assert (log.needs_request_headers, log.needs_response_headers, log.needs_headers) == (request_, response, request_)
    log.close()


# === writing ===


def test_lines_wait_for_the_buffer_or_the_timer(tmp_path):
    path = tmp_path / "deep" / "access.log"
    timers = []
    config = AccessLog(file_path=str(path), buffering_size=3)
    log = access.AccessLog(config, schedule=lambda seconds, call: timers.append((seconds, call)))
    log.record(exchange())
    log.record(exchange())
    assert path.read_bytes() == b""
    log.record(exchange())
    assert len(path.read_bytes().splitlines()) == 3
    log.record(exchange())
    assert [seconds for seconds, _ in timers] == [1.0, 1.0]
    timers[-1][1]()
    assert len(path.read_bytes().splitlines()) == 4
    log.record(exchange())
    log.close()
    assert len(path.read_bytes().splitlines()) == 5


def test_reopen_splits_between_two_lines(tmp_path):
    path = tmp_path / "access.log"
    log = access.AccessLog(AccessLog(file_path=str(path), buffering_size=10))
    log.record(exchange())
    path.rename(tmp_path / "old.log")
    log.reopen()
    log.record(exchange(original_method=b"POST"))
    log.close()
    assert "GET" in (tmp_path / "old.log").read_text()
    assert "POST" in path.read_text()


def test_reopen_that_fails_goes_on_with_the_old_file(tmp_path, caplog):
    path = tmp_path / "logs" / "access.log"
    log = access.AccessLog(AccessLog(file_path=str(path)))
    (tmp_path / "logs").rename(tmp_path / "moved")
    (tmp_path / "logs").write_text("in the way")
    with caplog.at_level(logging.ERROR):
        log.reopen()
    log.record(exchange())
    log.close()
    assert "GET" in (tmp_path / "moved" / "access.log").read_text()
    assert caplog.records[0].message == "cannot open the access log again"


def test_file_that_cannot_be_opened(tmp_path):
    (tmp_path / "x").write_text("")
    with pytest.raises(OSError):
        access.AccessLog(AccessLog(file_path=str(tmp_path / "x" / "y.log")))


def test_full_disk_is_told_once_and_counted(caplog):
    descriptor = os.open("/dev/full", os.O_WRONLY)
    log = access.AccessLog(AccessLog(), stdout=descriptor)
    with caplog.at_level(logging.ERROR):
        log.record(exchange())
        log.record(exchange())
    os.close(descriptor)
    assert log.lost == 2
    assert [record.message for record in caplog.records] == ["cannot write the access log"]


def test_full_pipe_is_waited_for():
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    received = []

    def read():
        while data := os.read(reading, 3000):
            received.append(data)

    log = access.AccessLog(AccessLog(buffering_size=1000), stdout=writing)
    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(3000):
        log.record(exchange())
    log.close()
    os.close(writing)
    reader.join()
    os.close(reading)
    assert log.lost == 0
    lines = b"".join(received).splitlines()
    assert len(lines) == 3000
    assert set(lines) == {COMMON.encode() + b' 7 "web@file" "http://127.0.0.1:9000" 2ms'}


def _record_many(config, mark, descriptor):
    log = access.AccessLog(config, stdout=descriptor)
    record = exchange(original_target=b"/" + mark * 40)
    for count in range(10_000):
        record.request_count = count
        log.record(record)
    log.close()


@pytest.mark.parametrize("buffering", [0, 64])
def test_two_processes_write_whole_lines(tmp_path, buffering):
    path = tmp_path / "access.log"
    config = AccessLog(file_path=str(path), buffering_size=buffering)
    fork = multiprocessing.get_context("fork")
    workers = [fork.Process(target=_record_many, args=(config, mark, 1)) for mark in (b"a", b"b")]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert_every_line_is_there(path.read_text().splitlines())


def assert_every_line_is_there(lines):
    assert len(lines) == 20_000
    shape = re.compile(r'192\.0\.2\.1 .* "GET /(a{40}|b{40}) HTTP/1\.1" 200 70 "-" "-" (\d+) "web@file" ".*" 2ms')
    seen = {(match[1], int(match[2])) for match in map(shape.fullmatch, lines) if match}
    assert len(seen) == 20_000


def test_two_processes_share_a_pipe(tmp_path):
    reading, writing = os.pipe()
    fork = multiprocessing.get_context("fork")
    config = AccessLog(buffering_size=256)
    workers = [fork.Process(target=_record_many, args=(config, mark, writing)) for mark in (b"a", b"b")]
    for worker in workers:
        worker.start()
    os.close(writing)
    with os.fdopen(reading, "rb") as source:
        lines = source.read().decode().splitlines()
    for worker in workers:
        worker.join()
    assert_every_line_is_there(lines)
