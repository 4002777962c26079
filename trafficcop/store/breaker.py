"""A circuit breaker without a clock and without requests: it is told of both (github.com/vulcand/oxy `cbreaker`)."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from trafficcop.store.windows import LatencyWindow, StatusWindow

_NETWORK_ERRORS = (502, 504)
_ANY = (0, 1000)


class Gate(Protocol):
    """What a circuit breaker asks of wherever its state lives. Times are nanoseconds of one monotonic clock."""

    def admit(self, now: int) -> bool:
        """Whether a request may pass."""

    def record(self, status: int, latency: int, now: int) -> None:
        """An answer is over."""


class Metrics:
    """What the conditions of a circuit breaker are about. `now` is the time of the question."""

    __slots__ = ("_latencies", "_statuses", "now")

    def __init__(self, *, keeps_latencies: bool = True) -> None:
        self._statuses = StatusWindow()
        self._latencies = LatencyWindow() if keeps_latencies else None
        self.now = 0

    def add(self, status: int, latency: int, now: int) -> None:
        self._statuses.add(status, now)
        if self._latencies is not None:
            self._latencies.add(latency, now)

    def network_error_ratio(self) -> float:
        total = self._statuses.count(*_ANY, self.now)
        errors = sum(self._statuses.count(status, status + 1, self.now) for status in _NETWORK_ERRORS)
        return errors / total if total else 0.0

    def status_ratio(self, low: int, high: int, of_low: int, of_high: int) -> float:
        """How many statuses from `low` to below `high` there were for each from `of_low` to below `of_high`."""
        whole = self._statuses.count(of_low, of_high, self.now)
        return self._statuses.count(low, high, self.now) / whole if whole else 0.0

    def latency_at(self, quantile: float) -> int:
        return 0 if self._latencies is None else self._latencies.at_quantile(quantile)

    def clear(self, now: int) -> None:
        self._statuses.clear()
        if self._latencies is not None:
            self._latencies.clear(now)


class State(enum.IntEnum):
    STANDBY = 0  # everything passes
    TRIPPED = 1  # nothing passes
    RECOVERING = 2  # more and more passes


@dataclass(frozen=True, slots=True)
class Terms:
    """When a breaker trips and how long it stays so; durations in nanoseconds."""

    condition: Callable[[Metrics], bool]
    check_period: int
    fallback: int
    recovery: int
    keeps_latencies: bool = True


class Breaker:
    """The state of one circuit breaker."""

    __slots__ = ("_admitted", "_metrics", "_next_check", "_refused", "_terms", "_until", "state")

    def __init__(self, terms: Terms) -> None:
        self.state = State.STANDBY
        self._terms = terms
        self._metrics = Metrics(keeps_latencies=terms.keeps_latencies)
        self._next_check: int | None = None
        self._until = 0
        self._admitted = 0  # since it recovers
        self._refused = 0

    def admit(self, now: int) -> bool:
        if self.state is State.STANDBY:
            return True
        if self.state is State.TRIPPED:
            if now < self._until:
                return False
            self.state = State.RECOVERING
            self._until = now + self._terms.recovery
            self._admitted = self._refused = 0
        if now > self._until:
            self.state = State.STANDBY
            return True
        return self._admit_some(now)

    def _admit_some(self, now: int) -> bool:
        """The part that passes grows from none to a half while it recovers."""
        recovery = self._terms.recovery
        target = 0.5 * (now - self._until + recovery) / recovery
        admitted = self._admitted + 1
        if admitted / (admitted + self._refused) < target:
            self._admitted = admitted
            return True
        self._refused += 1
        return False

    def record(self, status: int, latency: int, now: int) -> None:
        metrics = self._metrics
        metrics.add(status, latency, now)
        if self._next_check is not None and now <= self._next_check:
            return
        self._next_check = now + self._terms.check_period
        if self.state is State.TRIPPED:
            return
        metrics.now = now
        if self._terms.condition(metrics):
            self.state = State.TRIPPED
            self._until = now + self._terms.fallback
            metrics.clear(now)
