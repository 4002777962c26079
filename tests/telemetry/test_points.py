"""What exporters that push tell: differences, under Traefik's names, in three dialects."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trafficcop.http.meter import BUCKETS, Labels
from trafficcop.telemetry import influxdb
from trafficcop.telemetry.influxdb import influxdb_lines
from trafficcop.telemetry.meters import BY_TLS, RETRIES, CellName, Changes, Key, PlainName
from trafficcop.telemetry.points import Increments, Point, observations, quantile
from trafficcop.telemetry.snapshot import Certificate, Facts, Snapshot
from trafficcop.telemetry.statsd import PACKET, datadog_lines, packets, statsd_lines
from trafficcop.telemetry.totals import Totals

BOUNDS = (0.1, 1.0)
LEVELS = ("entrypoint", "router", "service")
WEB: Key = ("router", "web", "r@file", "app@file")
GET: Labels = (b"GET", "http", 200)
SECOND = 10**9


class Counted:
    """One worker, which says how much it has counted in all."""

    def __init__(self) -> None:
        self.totals = Totals()
        self.totals.begin(0, 1)

    def tell(self, key: Key, *row: int, labels: Labels = GET) -> None:
        """`row`: nanoseconds, received, sent, and how many were in which bucket."""
        number = abs(hash((key, labels))) % 10**9
        cells = array("q", (number, *row)).tobytes()
        changes = Changes((CellName(number, key, labels),), 1 + BUCKETS + len(BOUNDS) + 1, cells)
        self.totals.take(0, changes, {"web": 2}, is_last=True)

    def tell_plain(self, name: PlainName, value: int) -> None:
        self.totals.take(0, Changes(plain=((name, value),)), {"web": 2}, is_last=True)

    def snapshot(self, **facts: object) -> Snapshot:
        return Snapshot(self.totals, Facts(**facts))  # type: ignore[arg-type]


def values(points: list[Point]) -> dict[str, float]:
    return {f"{point.level}.{point.name}": point.value for point in points}


def test_only_what_came_since_is_told() -> None:
    counted, increments = Counted(), Increments(LEVELS, BOUNDS)
    counted.tell(WEB, SECOND, 3, 30, 0, 2, 0)
    assert values(increments.points(counted.snapshot())) == {
        "router.requests": 2.0,
        "router.duration": 1.0,
        "router.bytes_in": 3.0,
        "router.bytes_out": 30.0,
        "entrypoint.requests": 2.0,
        "entrypoint.duration": 1.0,
        "entrypoint.bytes_in": 3.0,
        "entrypoint.bytes_out": 30.0,
    }
    increments.note_told()
    assert not increments.points(counted.snapshot())
    increments.note_told()
    counted.tell(WEB, 3 * SECOND, 4, 70, 1, 2, 1)
    points = increments.points(counted.snapshot())
    assert values(points)["router.requests"] == 2.0
    assert values(points)["router.duration"] == 2.0
    assert values(points)["entrypoint.bytes_out"] == 40.0


def test_what_could_not_be_told_is_told_later() -> None:
    counted, increments = Counted(), Increments(LEVELS, BOUNDS)
    counted.tell(WEB, SECOND, 0, 5, 0, 1, 0)
    counted.tell_plain((RETRIES, ("service", "app@file"), ()), 2)
    first = values(increments.points(counted.snapshot(reloads=1)))
    assert values(increments.points(counted.snapshot(reloads=1))) == first
    counted.tell(WEB, 2 * SECOND, 0, 10, 0, 2, 0)
    later = values(increments.points(counted.snapshot(reloads=2)))
    assert later["router.requests"] == 2.0
    assert later[".reloads"] == 2.0
    assert later["service.retries"] == 2.0


def test_what_an_earlier_process_has_told_is_not_told_again() -> None:
    counted, increments = Counted(), Increments(LEVELS, BOUNDS)
    counted.tell(WEB, SECOND, 0, 5, 0, 1, 0)
    increments.begin_at(counted.snapshot(reloads=4))
    assert not [point for point in increments.points(counted.snapshot(reloads=4)) if not point.is_gauge]


def test_a_worker_that_ends_changes_nothing() -> None:
    counted, increments = Counted(), Increments(LEVELS, BOUNDS)
    for round_, pid in enumerate((2, 3, 4), 1):
        counted.tell(WEB, SECOND, 0, 5, 0, 1, 0)
        assert values(increments.points(counted.snapshot()))["router.requests"] == 1.0, round_
        increments.note_told()
        counted.totals.begin(0, pid)
        assert not increments.points(counted.snapshot())
        increments.note_told()


def test_an_object_that_was_away_begins_anew() -> None:
    counted, increments = Counted(), Increments(LEVELS, BOUNDS)
    counted.tell(WEB, SECOND, 0, 5, 0, 3, 0)
    increments.begin_at(counted.snapshot())
    again = Counted()
    again.tell(WEB, SECOND, 0, 5, 0, 1, 0)
    assert values(increments.points(again.snapshot()))["router.requests"] == 1.0


def test_levels() -> None:
    counted = Counted()
    counted.tell(WEB, SECOND, 0, 5, 0, 1, 0)
    counted.tell(("service", "app@file", ""), SECOND, 0, 5, 0, 1, 0)
    for level in LEVELS:
        points = Increments((level,), BOUNDS).points(counted.snapshot(servers={("app@file", "http://a"): True}))
        assert {point.level for point in points} == {level}
        assert ("server_up" in {point.name for point in points}) == (level == "service")


def everything() -> list[Point]:
    counted = Counted()
    counted.tell(WEB, SECOND // 4, 3, 30, 0, 1, 0)
    counted.tell(("service", "app@file", ""), SECOND // 4, 3, 30, 0, 1, 0)
    counted.tell_plain((BY_TLS, ("service", "app@file", ""), ("1.3", "TLS_AES_128_GCM_SHA256")), 1)
    counted.tell_plain((RETRIES, ("service", "app@file"), ()), 2)
    facts = {
        "reloads": 1,
        "last_reload": 1000.7,
        "certificates": (Certificate("example.com", "12", "a.example.com,example.com", 2000.0),),
        "servers": {("app@file", "http://192.0.2.1"): True, ("app@file", "http://192.0.2.2"): False},
        "entry_points": ("web",),
    }
    return Increments(("entrypoint", "service"), BOUNDS).points(counted.snapshot(**facts))


def test_statsd_has_no_tags() -> None:
    assert list(statsd_lines(everything(), "mine")) == [
        "mine.entrypoint.request.duration:250.000000|ms",
        "mine.service.request.duration:250.000000|ms",
        "mine.config.reload.total:1.000000|c",
        "mine.service.retries.total:2.000000|c",
        "mine.entrypoint.request.total:1.000000|c",
        "mine.entrypoint.requests.bytes.total:3.000000|c",
        "mine.entrypoint.responses.bytes.total:30.000000|c",
        "mine.service.request.total:1.000000|c",
        "mine.service.requests.bytes.total:3.000000|c",
        "mine.service.responses.bytes.total:30.000000|c",
        "mine.service.request.tls.total:1.000000|c",
        "mine.config.reload.lastSuccessTimestamp:1000.000000|g",
        "mine.open.connections:2.000000|g",
        "mine.tls.certs.notAfterTimestamp:2000.000000|g",
        "mine.service.server.up:0.000000|g",
    ]


def test_datadog() -> None:
    asked = "method:GET,protocol:http,code:200"
    assert list(datadog_lines(everything(), "")) == [
        "traefik.config.reload.total:1.000000|c",
        "traefik.config.reload.lastSuccessTimestamp:1000.000000|g",
        "traefik.open.connections:2.000000|g|#entrypoint:web,protocol:TCP",
        "traefik.tls.certs.notAfterTimestamp:2000.000000|g|#cn:example.com,serial:12,sans:a.example.com_example.com",
        "traefik.service.retries.total:2.000000|c|#service:app@file",
        "traefik.service.server.up:1.000000|g|#service:app@file,url:http://192.0.2.1",
        "traefik.service.server.up:0.000000|g|#service:app@file,url:http://192.0.2.2",
        f"traefik.entrypoint.request.total:1.000000|c|#entrypoint:web,{asked}",
        f"traefik.entrypoint.request.duration:0.250000|h|#entrypoint:web,{asked}",
        f"traefik.entrypoint.requests.bytes.total:3.000000|c|#entrypoint:web,{asked}",
        f"traefik.entrypoint.responses.bytes.total:30.000000|c|#entrypoint:web,{asked}",
        f"traefik.service.request.total:1.000000|c|#service:app@file,{asked}",
        f"traefik.service.request.duration:0.250000|h|#service:app@file,{asked}",
        f"traefik.service.requests.bytes.total:3.000000|c|#service:app@file,{asked}",
        f"traefik.service.responses.bytes.total:30.000000|c|#service:app@file,{asked}",
        (
            "traefik.service.request.tls.total:1.000000|c|#service:app@file,tls_version:1.3,"
            "tls_cipher:TLS_AES_128_GCM_SHA256"
        ),
    ]


def test_influxdb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(influxdb.time, "time_ns", lambda: 7)
    lines = list(influxdb_lines(everything(), {"env": "a b", "odd,key": "x=y"}))
    labels = r"env=a\ b"
    more = r"odd\,key=x\=y"
    asked = f"code=200,entrypoint=web,{labels},method=GET,{more},protocol=http"
    assert lines[0] == f"traefik.config.reload.total,{labels},{more} count=1.0 7"
    assert lines[2] == f"traefik.open.connections,entrypoint=web,{labels},{more},protocol=TCP value=2.0 7"
    assert f"traefik.entrypoint.requests.total,{asked} count=1.0 7" in lines
    assert f"traefik.entrypoint.request.duration,{asked} p50=0.25,p90=0.25,p95=0.25,p99=0.25 7" in lines
    assert f"traefik.entrypoint.requests.bytes.total,{asked} count=3.0 7" in lines
    assert f"traefik.service.requests.tls.total,{labels},{more},service=app@file," in "".join(lines)


NAME = st.text(st.characters(codec="utf-8"), min_size=1)


@given(NAME, NAME)
def test_foreign_names_stay_in_their_place(router: str, agent: str) -> None:
    point = Point("router", "requests", (("router", router), ("agent", agent)), 1.0)
    (line,) = influxdb_lines([point], {})
    assert "\n" not in line
    assert line.replace("\\\\", "").replace("\\ ", "").count(" ") == 2
    (line,) = datadog_lines([point], "")
    assert "\n" not in line
    assert line.count("|") == 2
    assert line.count(",") == 1


@given(st.lists(st.tuples(st.floats(0.001, 60), st.integers(1, 1000)), min_size=1), st.floats(0.001, 1000))
def test_durations_keep_their_sum_and_number(buckets: list[tuple[float, int]], total: float) -> None:
    point = Point("router", "duration", (), total, buckets=tuple(sorted(buckets)))
    found = observations(point)
    assert sum(count for _, count in found) == sum(count for _, count in buckets)
    assert sum(value * count for value, count in found) == pytest.approx(total)
    quantiles = [quantile(point, share) for share in (0.5, 0.9, 0.95, 0.99)]
    assert quantiles == sorted(quantiles)
    assert quantiles[-1] <= max(value for value, _ in found)


def test_many_alike_are_one_line_with_a_rate() -> None:
    point = Point("service", "duration", (), 1.0, buckets=((0.25, 4),))
    assert list(datadog_lines([point], "t")) == ["t.service.request.duration:0.250000|h|@0.25"]
    assert list(statsd_lines([point], "t")) == ["t.service.request.duration:250.000000|ms|@0.25"]


@given(st.lists(st.text("abc", max_size=400), max_size=40))
def test_packets_hold_whole_lines(lines: list[str]) -> None:
    found = list(packets(lines))
    assert b"".join(found) == "".join(f"{line}\n" for line in lines).encode()
    assert all(len(packet) <= PACKET and packet.endswith(b"\n") for packet in found)
