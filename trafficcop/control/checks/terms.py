"""What the checks of all protocols have in common: when servers are asked, and how much is said."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from trafficcop.config.scalars import Duration
from trafficcop.control.checks.health import Schedule

LONGEST = 65535  # bytes that are sent or expected
_INTERVAL = Duration.of("30s")
_TIMEOUT = Duration.of("5s")


class Timing(Protocol):
    """The options of a `healthCheck` that say when."""

    @property
    def interval(self) -> Duration: ...
    @property
    def unhealthy_interval(self) -> Duration | None: ...
    @property
    def timeout(self) -> Duration: ...


def schedule_of(
    config: Timing, healthy_threshold: int | None = None, unhealthy_threshold: int | None = None
) -> Schedule:
    """Traefik's defaults stand in for what makes no sense (`pkg/healthcheck`); `timing_mistakes` tells of it."""
    interval = _positive(config.interval, _INTERVAL)
    unhealthy = config.unhealthy_interval
    return Schedule(
        interval,
        interval if unhealthy is None else _positive(unhealthy, _INTERVAL),
        _positive(config.timeout, _TIMEOUT),
        max(healthy_threshold or 1, 1),
        max(unhealthy_threshold or 1, 1),
    )


def timing_mistakes(config: Timing) -> Iterator[tuple[str, str]]:
    """The options that make no sense: (key, what is wrong). The service is served all the same."""
    if config.interval.seconds <= 0:
        yield "interval", "must be greater than zero: 30s is used instead"
    if config.unhealthy_interval is not None and config.unhealthy_interval.seconds <= 0:
        yield "unhealthyInterval", "must be greater than zero: 30s is used instead"
    if config.timeout.seconds <= 0:
        yield "timeout", "must be greater than zero: 5s is used instead"


def _positive(given: Duration, default: Duration) -> float:
    return given.seconds if given.seconds > 0 else default.seconds
