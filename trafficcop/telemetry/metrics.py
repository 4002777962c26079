"""What is counted, as the options of all exporters together ask for it. Workers and control read it alike."""

from __future__ import annotations

from trafficcop.config.lazy import dataclass
from trafficcop.config.observability import Datadog, InfluxDB2, Metrics, Prometheus, StatsD

ENTRY_POINT, ROUTER, SERVICE = "entrypoint", "router", "service"
NANOSECONDS = 10**9

# Exporters that push have no buckets of their own: they are told durations to within a tenth from these.
_LEAST, _STEP, _MOST = 0.0005, 1.2, 60.0


@dataclass(frozen=True, slots=True)
class Counting:
    """Which levels are counted, the bounds of durations in seconds, and what else makes a series.

    `headers`: names of request fields, by the label that shows their value. `by_server`: services are counted for
    each of their servers.
    """

    entry_points: bool
    routers: bool
    services: bool
    bounds: tuple[float, ...]
    headers: tuple[tuple[str, str], ...] = ()
    by_server: bool = False
    has_internals: bool = False


def counting_of(metrics: Metrics | None) -> Counting | None:
    """None when nobody wants to know."""
    if metrics is None:
        return None
    pushing = [metrics.datadog, metrics.influxdb2, metrics.statsd]
    exporters = [exporter for exporter in (metrics.prometheus, *pushing) if exporter is not None]
    if not exporters:
        return None
    prometheus = metrics.prometheus
    has_seed_names = prometheus is not None and prometheus.seed_names
    bounds = set(bounds_of(prometheus) if prometheus is not None else ())
    if any(exporter is not None for exporter in pushing):
        bounds.update(_fine_bounds())
    return Counting(
        entry_points=has_seed_names or any(exporter.add_entry_points_labels for exporter in exporters),
        routers=any(exporter.add_routers_labels for exporter in exporters),
        services=has_seed_names or any(exporter.add_services_labels for exporter in exporters),
        bounds=tuple(sorted(bounds)),
        headers=tuple(sorted(prometheus.header_labels.items())) if prometheus is not None else (),
        by_server=has_seed_names,
        has_internals=metrics.add_internals,
    )


def levels_of(exporter: Prometheus | StatsD | Datadog | InfluxDB2) -> tuple[str, ...]:
    """Those that an exporter shows."""
    wanted = (
        (ENTRY_POINT, exporter.add_entry_points_labels),
        (ROUTER, exporter.add_routers_labels),
        (SERVICE, exporter.add_services_labels),
    )
    return tuple(level for level, is_wanted in wanted if is_wanted)


def bounds_of(prometheus: Prometheus) -> tuple[float, ...]:
    return tuple(sorted(set(prometheus.buckets)))


def _fine_bounds() -> list[float]:
    bounds = [_LEAST]
    while bounds[-1] < _MOST:
        bounds.append(round(bounds[-1] * _STEP, 6))
    return bounds
