"""Rolling windows of what answers were like: statuses of the last ten seconds, latencies of the last minute.

Nothing here knows a clock: every call is told what time it is, in nanoseconds.
"""

from __future__ import annotations

_SECOND = 1_000_000_000
_SECONDS = 10  # of statuses

_ROLL = 10 * _SECOND
_ROLLS = 6  # of latencies
_LONGEST = 3_600_000_000  # microseconds: an hour, beyond which nothing is counted
_EXACT = 256  # microseconds up to which each value has a cell of its own: two significant digits above


class StatusWindow:
    """How many answers had which status, in cells of one second (github.com/vulcand/oxy `memmetrics`)."""

    __slots__ = ("_cells", "_current", "_second")

    def __init__(self) -> None:
        self._cells: list[dict[int, int]] = [{} for _ in range(_SECONDS)]
        self._current = self._cells[0]
        self._second = 0

    def add(self, status: int, now: int) -> None:
        if now // _SECOND != self._second:
            self._roll(now // _SECOND)
        current = self._current
        current[status] = current.get(status, 0) + 1

    def count(self, low: int, high: int, now: int) -> int:
        """The answers with a status from `low` to below `high`."""
        if now // _SECOND != self._second:
            self._roll(now // _SECOND)
        return sum(count for cell in self._cells for status, count in cell.items() if low <= status < high)

    def _roll(self, second: int) -> None:
        for missed in range(max(self._second + 1, second - _SECONDS + 1), second + 1):
            self._cells[missed % _SECONDS].clear()
        if second > self._second:
            self._second = second
        self._current = self._cells[self._second % _SECONDS]

    def clear(self) -> None:
        for cell in self._cells:
            cell.clear()


class LatencyWindow:
    """A histogram of latencies with an error below one percent (http://hdrhistogram.org), in six parts.

    A part is begun by the first answer ten seconds after the last one was: without answers nothing is forgotten.
    """

    __slots__ = ("_current", "_index", "_parts", "_rolled")

    def __init__(self) -> None:
        self._parts: list[dict[int, int]] = [{} for _ in range(_ROLLS)]
        self._index = 0
        self._current = self._parts[0]
        self._rolled: int | None = None

    def add(self, latency: int, now: int) -> None:
        if self._rolled is None or now - self._rolled >= _ROLL:
            self._index = (self._index + 1) % _ROLLS
            self._current = self._parts[self._index]
            self._current.clear()
            self._rolled = now
        micros = latency // 1000
        if micros <= _LONGEST:
            highest = highest_equivalent(micros)
            current = self._current
            current[highest] = current.get(highest, 0) + 1

    def at_quantile(self, quantile: float) -> int:
        """Milliseconds that `quantile` percent of the answers took at most."""
        merged: dict[int, int] = {}
        for part in self._parts:
            for micros, count in part.items():
                merged[micros] = merged.get(micros, 0) + count
        wanted = int(min(quantile, 100.0) / 100.0 * sum(merged.values()) + 0.5)
        if wanted <= 0:
            return 0
        seen = 0
        for micros in sorted(merged):
            seen += merged[micros]
            if seen >= wanted:
                return micros // 1000
        return 0

    def clear(self, now: int) -> None:
        for part in self._parts:
            part.clear()
        self._index = 0
        self._current = self._parts[0]
        self._rolled = now


def highest_equivalent(micros: int) -> int:
    """The largest value that the histogram does not tell from this one."""
    if micros < _EXACT:
        return micros
    shift = micros.bit_length() - 8
    return (((micros >> shift) + 1) << shift) - 1
