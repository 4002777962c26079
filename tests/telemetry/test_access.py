"""The access log: filters, and lines that several processes write."""

import logging
import multiprocessing
import os
import re
import threading

import pytest

from tests.telemetry.exchanges import COMMON, exchange, headers, note
from trafficcop.config.observability import AccessLog, AccessLogFieldHeaders, AccessLogFields, AccessLogFilters
from trafficcop.config.scalars import Duration
from trafficcop.http.messages import Route
from trafficcop.telemetry import access

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


@pytest.mark.parametrize("add_internals", [False, True])
def test_internal_services(tmp_path, add_internals):
    log = access.AccessLog(AccessLog(file_path=str(tmp_path / "x"), add_internals=add_internals))
    assert log.is_wanted(Route("ping@internal", "ping@internal")) == add_internals
    assert log.is_wanted(Route("app@file", "app@file"))
    assert not log.is_wanted(Route("app@file", "app@file", is_logged=False))
    log.close()


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
    assert (log.needs_request_headers, log.needs_response_headers) == (request_, response)
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
    assert [seconds for seconds, _ in timers] == [1.0]
    timers[-1][1]()
    assert len(path.read_bytes().splitlines()) == 4
    log.record(exchange())
    assert [seconds for seconds, _ in timers] == [1.0, 1.0]
    log.close()
    assert len(path.read_bytes().splitlines()) == 5


@pytest.mark.parametrize("buffering", [0, 1, 3, 64, 100, 1000])
def test_lines_are_in_order_whatever_wrote_them(tmp_path, buffering):
    path = tmp_path / "access.log"
    log = access.AccessLog(AccessLog(file_path=str(path), buffering_size=buffering))
    for number in range(300):
        if number % 7:
            note(log, exchange(request_count=number))
        else:
            log.record(exchange(request_count=number))
    written = len(path.read_bytes().splitlines())
    assert 300 - max(buffering, 1) < written <= 300
    log.close()
    numbers = [int(line.split(b'"-" "-" ')[1].split()[0]) for line in path.read_bytes().splitlines()]
    assert numbers == list(range(300))


def test_no_row_is_longer_than_it_may_be(tmp_path, monkeypatch):
    rows = []
    monkeypatch.setattr(
        access, "usual_lines", lambda *_: lambda exchanges, _: ["x"] * (rows.append(len(exchanges)) or 1)
    )
    log = access.AccessLog(AccessLog(file_path=str(tmp_path / "log"), buffering_size=10_000))
    for _ in range(500):
        note(log, exchange())
    log.close()
    assert sum(rows) == 500
    assert max(rows) <= 64


def test_usual_exchanges_wait_for_the_timer_too(tmp_path):
    path, timers = tmp_path / "access.log", []
    config = AccessLog(file_path=str(path), buffering_size=100)
    log = access.AccessLog(config, schedule=lambda seconds, call: timers.append((seconds, call)))
    note(log, exchange())
    assert path.read_bytes() == b""
    [(seconds, call)] = timers
    assert seconds == 1.0
    call()
    assert len(path.read_bytes().splitlines()) == 1
    log.close()


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
    assert caplog.records[0].message.startswith("cannot open the access log /")


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
    assert [record.message for record in caplog.records] == [
        "cannot write the access log on stdout: No space left on device"
    ]


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


def test_processes_that_share_a_log_complain_once(tmp_path, caplog):
    chosen = AccessLog(file_path=str(tmp_path / "log"), format="xml", filters=AccessLogFilters(status_codes=("ok",)))
    for place in range(2):
        access.AccessLog(chosen, place=place, places=2).close()
    errors = [record for record in caplog.records if record.levelname == "ERROR"]
    assert [record.message for record in errors] == [
        "unknown access log format, using common",
        "invalid status codes in the access log filters",
    ]
    assert errors[1].fields["error"] == "'ok' is neither a status nor a range such as 400-499"
