"""The general log: levels, formats, escaping, files shared and rotated."""

import gzip
import io
import json
import logging
import multiprocessing
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trafficcop.config.observability import Log
from trafficcop.telemetry import log as general
from trafficcop.telemetry import log_file
from trafficcop.telemetry.log_file import LogFile
from trafficcop.telemetry.log_format import CommonFormatter, JSONFormatter


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def restored():
    level = logging.getLogger().level
    yield
    general.close()
    logging.getLogger().setLevel(level)


def written(log, *events, stream=None):
    stream = stream or io.StringIO()
    general.configure(log, stream)
    logger = general.get_logger("trafficcop.test")
    for level, message, values in events:
        logger.log(level, message, extra=general.fields(**values))
    return stream.getvalue().splitlines()


LINE = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d) "


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        ("trace", ["TRC", "DBG", "INF", "WRN", "ERR", "FTL", "PNC"]),
        ("DEBUG", ["DBG", "INF", "WRN", "ERR", "FTL", "PNC"]),
        ("Info", ["INF", "WRN", "ERR", "FTL", "PNC"]),
        ("warn", ["WRN", "ERR", "FTL", "PNC"]),
        ("ERROR", ["ERR", "FTL", "PNC"]),
        ("", ["ERR", "FTL", "PNC"]),
        ("fatal", ["FTL", "PNC"]),
        ("PANIC", ["PNC"]),
        ("disabled", []),
    ],
)
def test_levels(level, shown):
    numbers = [general.TRACE, general.DEBUG, general.INFO, general.WARN, general.ERROR, general.FATAL, general.PANIC]
    lines = written(Log(level=level), *[(number, "m", {}) for number in numbers])
    assert [line.split()[1] for line in lines] == shown


def test_no_section_means_errors_in_common():
    (line,) = written(None, (general.WARN, "hidden", {}), (general.ERROR, "cannot bind", {"entryPointName": "web"}))
    assert re.fullmatch(LINE + "ERR cannot bind entryPointName=web", line)


def test_unknown_level_is_told_and_means_error():
    lines = written(Log(level="loud"), (general.WARN, "hidden", {}), (general.ERROR, "shown", {}))
    assert len(lines) == 2
    assert "ERR invalid log level, using ERROR logLevel=loud" in lines[0]
    assert lines[1].endswith("ERR shown")


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"b": 1, "a": "x", "error": "no"}, "error=no a=x b=1"),
        ({"a": "two words"}, 'a="two words"'),
        ({"a": ""}, 'a=""'),
        ({"a": 'say "x"'}, r'a="say \"x\""'),
        ({"a": "line\nbreak"}, r'a="line\nbreak"'),
        ({"a": "\x1b[31m"}, r'a="\u001b[31m"'),
        ({"a": ["x", "y"]}, 'a=["x", "y"]'),
        ({"a": True, "b": None, "c": 1.5}, "a=true b=null c=1.5"),
    ],
)
def test_common_values(values, text):
    (line,) = written(Log(level="info"), (general.INFO, "message", values))
    assert line.split(" INF message ", 1)[1] == text


def test_message_with_line_breaks_stays_one_line():
    (line,) = written(Log(), (general.ERROR, "one\ntwo\r\x1b[2J", {}))
    assert line.endswith(r"ERR one\ntwo\r\u001b[2J")


@pytest.mark.parametrize(
    ("log", "stream", "is_colored"),
    [
        (Log(), Terminal(), True),
        (Log(no_color=True), Terminal(), False),
        (Log(), io.StringIO(), False),
        (Log(format="json"), Terminal(), False),
    ],
)
def test_colors_only_on_a_terminal(log, stream, is_colored):
    (line,) = written(log, (general.ERROR, "x", {"a": 1}), stream=stream)
    assert ("\x1b[" in line) is is_colored


def test_json_line():
    (line,) = written(Log(format="json", level="info"), (general.INFO, "hello", {"routerName": "web@file", "n": 3}))
    event = json.loads(line)
    assert list(event) == ["level", "routerName", "n", "time", "message"]
    assert (event["level"], event["routerName"], event["n"], event["message"]) == ("info", "web@file", 3, "hello")
    assert re.fullmatch(LINE.strip(), event["time"])


def test_fields_cannot_replace_level_time_or_message():
    (line,) = written(Log(format="json"), (general.ERROR, "real", {"message": "fake", "level": "x", "time": "y"}))
    assert line.count('"message"') == 1
    assert json.loads(line)["message"] == "real"
    assert json.loads(line)["level"] == "error"


@pytest.mark.parametrize(("level", "has_caller"), [("trace", True), ("debug", True), ("info", False)])
def test_caller_is_named_at_debug_and_below(level, has_caller):
    (line,) = written(Log(format="json", level=level), (general.ERROR, "x", {}))
    assert ("caller" in json.loads(line)) is has_caller


def test_common_caller_stands_before_the_message():
    (line,) = written(Log(level="debug"), (general.ERROR, "message", {}))
    assert re.search(r"ERR \S+test_log\.py:\d+ > message$", line)


@pytest.mark.parametrize("format_", ["common", "json"])
def test_exception_is_told_in_one_line(format_):
    stream = io.StringIO()
    general.configure(Log(format=format_), stream)
    try:
        raise ValueError("broken\nin two")
    except ValueError:
        general.get_logger("x").exception("failed", extra=general.fields(a=1))
    (line,) = stream.getvalue().splitlines()
    assert "failed" in line
    assert "Traceback" in line
    assert "broken" in line


@given(st.text(), st.dictionaries(st.text(max_size=8), st.text() | st.integers() | st.binary(max_size=9), max_size=4))
def test_whatever_is_logged_is_one_line_and_json_parses(message, values):
    record = logging.LogRecord("x", logging.ERROR, "/a/trafficcop/b.py", 7, "%s", (message,), None)
    record.fields = values
    common = CommonFormatter(has_caller=True, is_colored=False).format(record)
    assert len(common.encode("utf-8", "backslashreplace").splitlines()) == 1
    assert len(common.splitlines()) == 1
    line = JSONFormatter(has_caller=True).format(record)
    assert len(line.splitlines()) == 1
    assert json.loads(line)["caller"] == "trafficcop/b.py:7"


def test_file_is_made_and_appended_to(tmp_path):
    path = tmp_path / "deep" / "er" / "traefik.log"
    for message in ("first", "second"):
        general.configure(Log(file_path=str(path)))
        general.get_logger("x").error(message)
        general.close()
    assert [line[-6:].strip() for line in path.read_text().splitlines()] == ["first", "second"]
    assert "\x1b" not in path.read_text()


def test_unwritable_file_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError):
        general.configure(Log(file_path=str(tmp_path / "file" / "x.log")))


def test_reopen_after_somebody_moved_the_file(tmp_path):
    path = tmp_path / "x.log"
    general.configure(Log(file_path=str(path)))
    general.get_logger("x").error("one")
    path.rename(tmp_path / "old.log")
    general.reopen()
    general.get_logger("x").error("two")
    assert "one" in (tmp_path / "old.log").read_text()
    assert "two" in path.read_text()


def test_a_forked_child_may_do_the_rotating(tmp_path, small):
    path = tmp_path / "x.log"
    general.configure(Log(file_path=str(path), max_size=1))

    def rotate():
        general.start_rotating()
        for number in range(20):
            general.get_logger("x").error("%03d %s", number, "x" * 95)
        general.close()

    child = multiprocessing.get_context("fork").Process(target=rotate)
    child.start()
    child.join()
    general.get_logger("x").error("020 parent")
    general.close()
    assert [int(line.split()[2]) for line in rotated(path)] == list(range(21))
    assert len(LogFile(str(path)).backups()) > 1


def test_moved_file_is_noticed_without_a_signal(tmp_path):
    file = LogFile(str(tmp_path / "x.log"))
    file.write(b"one\n")
    (tmp_path / "x.log").rename(tmp_path / "old.log")
    file.write(b"two\n")
    file.close()
    assert (tmp_path / "x.log").read_bytes() == b"two\n"


def rotated(path):
    lines = []
    for backup in reversed(LogFile(str(path)).backups()):
        opened = gzip.open if backup.suffix == ".gz" else open
        with opened(backup, "rb") as source:
            lines += source.read().splitlines()
    return lines + path.read_bytes().splitlines()


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(log_file, "MEGABYTE", 1024)


def test_rotation_compresses_and_loses_nothing(tmp_path, small):
    path = tmp_path / "x.log"
    file = LogFile(str(path), max_size=1, is_rotating=True)
    lines = [b"%04d %s" % (number, b"x" * 95) for number in range(50)]
    for line in lines:
        file.write(line + b"\n")
    file.close()
    LogFile(str(path), max_size=1, is_rotating=True).close()
    assert sorted(rotated(path)) == lines
    assert path.stat().st_size <= 1024
    assert {backup.suffix for backup in file.backups()} == {".gz"}
    assert all(re.fullmatch(r"x-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}(-\d+)?\.log\.gz", b.name) for b in file.backups())


def test_only_the_newest_backups_are_kept(tmp_path):
    for day in range(1, 6):
        (tmp_path / f"x-2020-01-0{day}T00-00-00.000.log").write_text(str(day))
    (tmp_path / "x-notes.log").write_text("not ours")
    file = LogFile(str(tmp_path / "x.log"), max_backups=2, is_rotating=True)
    file.close()
    assert [backup.name for backup in file.backups()] == [
        "x-2020-01-05T00-00-00.000.log.gz",
        "x-2020-01-04T00-00-00.000.log.gz",
    ]
    assert (tmp_path / "x-notes.log").exists()


def test_backups_of_the_same_moment_are_in_order(tmp_path):
    stem = "x-2020-01-01T00-00-00.000"
    for name in (f"{stem}-2.log", f"{stem}.log.gz", f"{stem}-10.log", f"{stem}-1.log.gz"):
        (tmp_path / name).write_bytes(b"")
    names = [backup.name for backup in LogFile(str(tmp_path / "x.log")).backups()]
    assert names == [f"{stem}-10.log", f"{stem}-2.log", f"{stem}-1.log.gz", f"{stem}.log.gz"]


def test_old_backups_are_deleted(tmp_path):
    (tmp_path / "x-2020-01-01T00-00-00.000.log.gz").write_bytes(b"")
    (tmp_path / "x-2999-01-01T00-00-00.000.log.gz").write_bytes(b"")
    file = LogFile(str(tmp_path / "x.log"), max_age=1, is_rotating=True)
    file.close()
    assert [backup.name for backup in file.backups()] == ["x-2999-01-01T00-00-00.000.log.gz"]


def _write_many(path, mark, is_rotating):
    log_file.MEGABYTE = 1024
    file = LogFile(path, max_size=20, is_rotating=is_rotating)
    for number in range(1500):
        file.write(b"%s %05d %s\n" % (mark, number, b"y" * 60))
    file.close()


def test_processes_share_a_file_that_is_being_rotated(tmp_path):
    path = tmp_path / "x.log"
    spawn = multiprocessing.get_context("fork")
    workers = [spawn.Process(target=_write_many, args=(str(path), mark, mark == b"a")) for mark in (b"a", b"b", b"c")]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    expected = [b"%s %05d %s" % (mark, number, b"y" * 60) for mark in (b"a", b"b", b"c") for number in range(1500)]
    assert sorted(rotated(path)) == expected
