"""The line protocol of InfluxDB 2 with Traefik's names (`pkg/observability/metrics/influxdb2.go`)."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping

from trafficcop.telemetry import statsd
from trafficcop.telemetry.points import DURATION, REQUESTS, TLS, Point, quantile

_NAMES = {**statsd.NAMES, REQUESTS: "requests.total", TLS: "requests.tls.total"}
_QUANTILES = (("p50", 0.50), ("p90", 0.90), ("p95", 0.95), ("p99", 0.99))


def influxdb_lines(points: Iterable[Point], labels: Mapping[str, str]) -> Iterator[str]:
    """All of this moment. `labels`: tags of every line."""
    now = time.time_ns()
    for point in points:
        level = f"{point.level}." if point.level else ""
        tags = sorted({**labels, **dict(point.tags)}.items())
        series = ",".join([f"traefik.{level}{_NAMES[point.name]}", *(_tag(*tag) for tag in tags if tag[1])])
        yield f"{series} {_fields(point)} {now}"


def _fields(point: Point) -> str:
    if point.name == DURATION:
        return ",".join([f"{name}={quantile(point, share)!r}" for name, share in _QUANTILES])
    return f"{'value' if point.is_gauge else 'count'}={point.value!r}"


def _tag(name: str, value: str) -> str:
    return f"{_escaped(name)}={_escaped(value)}"


def _escaped(text: str) -> str:
    """Of a tag: what would end it has a backslash; a line break cannot be told."""
    for mark in ("\\", ",", "=", " "):
        text = text.replace(mark, f"\\{mark}")
    return text.replace("\n", "\\n")
