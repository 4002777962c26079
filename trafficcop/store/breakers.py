"""Circuit breakers that all workers share: one state, tripped by what all of them have seen.

The state is a few numbers under a lock, which nobody takes while all is well. Answers are counted by each worker in
cells of its own, without one: for each of the last ten seconds, how many were in each range that the condition names.
Latencies stay with the worker that measured them: whoever checks the condition goes by its own.
"""

from __future__ import annotations

import mmap
import time

from trafficcop.store.breaker import CLEARED, STATE, Breaker, Gate, State, Terms
from trafficcop.store.servers import Hold, ServerTable

SLOTS = 1024
_SECOND = 1_000_000_000
_SECONDS = 10  # as many as `windows.StatusWindow` remembers
_NUMBERS = 16  # of a second: which one it is, since when it counts, then the ranges
_FIRST = 2
_AREA = _SECONDS * _NUMBERS  # numbers of one worker in one slot


class BreakerTable:
    """The mapping: made by the supervisor before it forks. It takes memory only where it is used."""

    def __init__(self, workers: int, slots: int = SLOTS) -> None:
        self.workers = workers
        self._names = ServerTable(workers, slots)
        self._memory = mmap.mmap(-1, slots * workers * _AREA * 8)
        self._windows = memoryview(self._memory).cast("q")

    def gate(self, worker: int, scope: str, terms: Terms) -> Gate:
        """The breaker of that scope; one that nobody shares if there is no room or it counts too many things."""
        hold = self._names.hold(worker, "breaker", scope) if len(terms.ranges) <= _NUMBERS - _FIRST else None
        if hold is None:
            return Breaker(terms)
        start = hold.slot * self.workers * _AREA
        return SharedGate(self._names, hold, terms, self._windows[start : start + self.workers * _AREA])

    def bury(self, worker: int) -> None:
        """What a dead worker has seen counts on; it holds nothing."""
        self._names.bury(worker)


class SharedStatuses:
    """How many answers had which status, of all workers, for the ranges that are asked for."""

    __slots__ = ("_cells", "_ours", "_ranges", "_since", "_starts")

    def __init__(
        self, cells: memoryview[int], worker: int, ranges: tuple[tuple[int, int], ...], since: memoryview[int]
    ) -> None:
        self._cells = cells
        self._ours = worker * _AREA
        self._ranges = ranges
        self._since = since  # one number: what was counted before then does not count
        self._starts = range(0, len(cells), _NUMBERS)

    def add(self, status: int, now: int) -> None:
        cells, second, since = self._cells, now // _SECOND, self._since[0]
        start = self._ours + second % _SECONDS * _NUMBERS
        if cells[start] != second or cells[start + 1] != since:
            cells[start] = 0  # nobody counts it meanwhile
            for number in range(start + 1, start + _NUMBERS):
                cells[number] = 0
            cells[start + 1] = since
            cells[start] = second
        for number, (low, high) in enumerate(self._ranges, start + _FIRST):
            if low <= status < high:
                cells[number] += 1

    def count(self, low: int, high: int, now: int) -> int:
        """The answers with a status from `low` to below `high`."""
        cells, since = self._cells, self._since[0]
        number = _FIRST + self._ranges.index((low, high))
        oldest = now // _SECOND - _SECONDS
        return sum(
            cells[start + number] for start in self._starts if cells[start] > oldest and cells[start + 1] == since
        )

    def clear(self) -> None:
        """Whoever trips the breaker has said since when to count."""


class SharedGate:
    """One circuit breaker as one worker sees it."""

    __slots__ = ("_breaker", "_cells", "_hold", "_locks", "_since", "_stripe")

    def __init__(self, names: ServerTable, hold: Hold, terms: Terms, windows: memoryview[int]) -> None:
        self._hold = hold
        self._locks = names.locks
        self._stripe = names.stripe(hold.slot)
        self._cells = names.record(hold.slot)
        statuses = SharedStatuses(windows, hold.worker, terms.ranges, self._cells[CLEARED : CLEARED + 1])
        self._breaker = Breaker(terms, self._cells, statuses)
        self._begin(time.monotonic_ns())

    def _begin(self, now: int) -> None:
        """What an earlier breaker in this slot has counted is not ours."""
        self._locks.acquire(self._stripe)
        if not self._cells[CLEARED]:
            self._cells[CLEARED] = now
        self._since = self._cells[CLEARED]
        self._locks.release(self._stripe)

    def admit(self, now: int) -> bool:
        if self._cells[STATE] == State.STANDBY:
            return True
        self._locks.acquire(self._stripe)
        try:
            return self._breaker.admit(now)
        finally:
            self._locks.release(self._stripe)

    def record(self, status: int, latency: int, now: int) -> None:
        breaker = self._breaker
        if self._cells[CLEARED] != self._since:
            self._follow(now)
        breaker.note(status, latency, now)
        if not breaker.is_due(now):
            return
        self._locks.acquire(self._stripe)
        try:
            if breaker.is_due(now):  # still: another worker may have been faster
                breaker.check(now)
        finally:
            self._locks.release(self._stripe)

    def _follow(self, now: int) -> None:
        """Another worker has tripped it: forget what it has forgotten."""
        self._breaker.forget_latencies(now)
        self._since = self._cells[CLEARED]
