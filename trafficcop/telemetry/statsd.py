"""Lines of StatsD and of Datadog's dialect, with Traefik's names (`pkg/observability/metrics/{statsd,datadog}.go`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from trafficcop.telemetry.points import (
    BYTES_IN,
    BYTES_OUT,
    CERTIFICATES,
    CONNECTIONS,
    DURATION,
    LAST_RELOAD,
    RELOADS,
    REQUESTS,
    RETRIES,
    SERVER_UP,
    TLS,
    Point,
    Tags,
    observations,
)

NAMES = {
    RELOADS: "config.reload.total",
    LAST_RELOAD: "config.reload.lastSuccessTimestamp",
    CONNECTIONS: "open.connections",
    CERTIFICATES: "tls.certs.notAfterTimestamp",
    REQUESTS: "request.total",
    TLS: "request.tls.total",
    DURATION: "request.duration",
    BYTES_IN: "requests.bytes.total",
    BYTES_OUT: "responses.bytes.total",
    RETRIES: "retries.total",
    SERVER_UP: "server.up",
}
# What fits into a packet of an Ethernet.
PACKET = 1432


def statsd_lines(points: Iterable[Point], prefix: str) -> Iterator[str]:
    """Plain StatsD knows no tags: figures of one name are summed, of gauges that cannot be the least is told."""
    sums: dict[str, float] = {}
    gauges: dict[str, float] = {}
    for point in points:
        name = _name(point, prefix)
        if point.name == DURATION:
            yield from (f"{name}:{value * 1e3:f}|ms{_rate(count)}" for value, count in observations(point))
        elif not point.is_gauge:
            sums[name] = sums.get(name, 0.0) + point.value
        elif point.name == CONNECTIONS:
            gauges[name] = gauges.get(name, 0.0) + point.value
        else:
            gauges[name] = min(gauges.get(name, point.value), point.value)
    yield from (f"{name}:{value:f}|c" for name, value in sums.items())
    yield from (f"{name}:{value:f}|g" for name, value in gauges.items())


def datadog_lines(points: Iterable[Point], prefix: str) -> Iterator[str]:
    """Every figure with its labels as tags; durations in seconds."""
    for point in points:
        name, tags = _name(point, prefix), _tags(point.tags)
        if point.name == DURATION:
            yield from (f"{name}:{value:f}|h{_rate(count)}{tags}" for value, count in observations(point))
        else:
            yield f"{name}:{point.value:f}|{'g' if point.is_gauge else 'c'}{tags}"


def packets(lines: Iterable[str]) -> Iterator[bytes]:
    """As many lines at a time as a packet takes."""
    packet = b""
    for line in lines:
        data = line.encode() + b"\n"
        if packet and len(packet) + len(data) > PACKET:
            yield packet
            packet = b""
        packet += data
    if packet:
        yield packet


def _name(point: Point, prefix: str) -> str:
    level = f"{point.level}." if point.level else ""
    return f"{prefix or 'traefik'}.{level}{NAMES[point.name]}"


def _rate(count: int) -> str:
    """One line stands for many observations."""
    return "" if count == 1 else f"|@{1 / count:.9g}"


def _tags(tags: Tags) -> str:
    # A comma, a bar or a line break would end the tag.
    safe = str.maketrans(",|\n#", "____")
    return "|#" + ",".join([f"{name}:{value.translate(safe)}" for name, value in tags]) if tags else ""
