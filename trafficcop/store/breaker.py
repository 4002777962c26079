"""A circuit breaker without a clock and without requests: it is told of both (github.com/vulcand/oxy `cbreaker`)."""

from __future__ import annotations

import enum
from collections.abc import Callable, MutableSequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from trafficcop.store.windows import LatencyWindow, StatusWindow

_NETWORK_ERRORS = (502, 504)
_ANY = (0, 1000)
NETWORK_RANGES = (_ANY, *((status, status + 1) for status in _NETWORK_ERRORS))


class Gate(Protocol):
    """What a circuit breaker asks of wherever its state lives. Times are nanoseconds of one monotonic clock."""

    def admit(self, now: int) -> bool:
        """Whether a request may pass."""

    def record(self, status: int, latency: int, now: int) -> None:
        """An answer is over."""


class Statuses(Protocol):
    """How many answers had which status in the last ten seconds."""

    def add(self, status: int, now: int) -> None: ...

    def count(self, low: int, high: int, now: int) -> int:
        """The answers with a status from `low` to below `high`."""

    def clear(self) -> None: ...


class Metrics:
    """What the conditions of a circuit breaker are about. `now` is the time of the question."""

    __slots__ = ("_latencies", "_statuses", "now")

    def __init__(self, statuses: Statuses | None = None, *, keeps_latencies: bool = True) -> None:
        self._statuses: Statuses = StatusWindow() if statuses is None else statuses
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
        self.clear_latencies(now)

    def clear_latencies(self, now: int) -> None:
        if self._latencies is not None:
            self._latencies.clear(now)


class State(enum.IntEnum):
    """What becomes of requests."""

    STANDBY = 0  # everything passes
    TRIPPED = 1  # nothing passes
    RECOVERING = 2  # more and more passes


@dataclass(frozen=True, slots=True)
class Terms:
    """When a breaker trips and how long it stays so; durations in nanoseconds.

    `ranges`: the statuses that the condition counts, each from the first number to below the second.
    """

    condition: Callable[[Metrics], bool]
    check_period: int
    fallback: int
    recovery: int
    keeps_latencies: bool = True
    ranges: tuple[tuple[int, int], ...] = ()


Cells: TypeAlias = "MutableSequence[int] | memoryview[int]"
# Where the state of a breaker is kept, number by number.
STATE, UNTIL, ADMITTED, REFUSED, NEXT_CHECK, CLEARED = range(6)


class Breaker:
    """The state of one circuit breaker, in `cells`: six numbers that may be anywhere."""

    __slots__ = ("_cells", "_metrics", "_terms")

    def __init__(
        self,
        terms: Terms,
        cells: Cells | None = None,
        statuses: Statuses | None = None,
    ) -> None:
        self._terms = terms
        self._cells: Cells = [0] * 6 if cells is None else cells
        self._metrics = Metrics(statuses, keeps_latencies=terms.keeps_latencies)

    @property
    def state(self) -> State:
        return State(self._cells[STATE])

    def admit(self, now: int) -> bool:
        cells = self._cells
        if cells[STATE] == State.STANDBY:
            return True
        if cells[STATE] == State.TRIPPED:
            if now < cells[UNTIL]:
                return False
            cells[UNTIL] = now + self._terms.recovery
            cells[ADMITTED] = cells[REFUSED] = 0  # since it recovers
            cells[STATE] = State.RECOVERING
        if now > cells[UNTIL]:
            cells[STATE] = State.STANDBY
            return True
        return self._admit_some(now)

    def _admit_some(self, now: int) -> bool:
        """The part that passes grows from none to a half while it recovers."""
        cells, recovery = self._cells, self._terms.recovery
        target = 0.5 * (now - cells[UNTIL] + recovery) / recovery
        admitted = cells[ADMITTED] + 1
        if admitted / (admitted + cells[REFUSED]) < target:
            cells[ADMITTED] = admitted
            return True
        cells[REFUSED] += 1
        return False

    def record(self, status: int, latency: int, now: int) -> None:
        self._metrics.add(status, latency, now)
        if self.is_due(now):
            self.check(now)

    def note(self, status: int, latency: int, now: int) -> None:
        """Take an answer down, and no more."""
        self._metrics.add(status, latency, now)

    def forget_latencies(self, now: int) -> None:
        self._metrics.clear_latencies(now)

    def is_due(self, now: int) -> bool:
        """Whether it is time to ask for the condition."""
        return now > self._cells[NEXT_CHECK]

    def check(self, now: int) -> None:
        cells, metrics = self._cells, self._metrics
        cells[NEXT_CHECK] = now + self._terms.check_period
        if cells[STATE] == State.TRIPPED:
            return
        metrics.now = now
        if self._terms.condition(metrics):
            cells[UNTIL] = now + self._terms.fallback
            cells[STATE] = State.TRIPPED
            cells[CLEARED] = now
            metrics.clear(now)
