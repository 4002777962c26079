"""Weighted turns in which nobody is ever a whole turn ahead of its share, or behind it.

R. Tijdeman, "The chairman assignment problem", Discrete Mathematics 32 (1980): each turn has a first and a last moment;
of those whose first moment has come, the one with the earliest last moment is next. After as many turns as the weights
sum up to everything is as it was, so every window of that length holds each exactly as often as it weighs.
"""

from __future__ import annotations

import functools
import heapq
import math
from collections.abc import Sequence
from typing import Final

_LONGEST: Final = 4096  # turns that are worked out once and for all
_SEARCHED: Final = 8192  # turns times weights among which we look for places to begin


class Turns:
    """The turns one after the other, as indexes of the weights (positive ones)."""

    __slots__ = ("_coming", "_marks", "_ready", "_slack", "_stride", "_turn", "_widths")

    def __init__(self, weights: Sequence[int]) -> None:
        total = sum(weights)
        # In parts of a turn: 1 / (2n - 2) is how early a turn may begin at the soonest, and end at the latest.
        parts = max(2 * len(weights) - 2, 1)
        self._stride = parts * total
        self._slack = max(parts - 2, 0) * total
        self._widths = [parts * weight for weight in weights]
        self._marks = [total] * len(weights)
        self._turn = 0
        self._ready: list[tuple[int, int]] = []
        self._coming: dict[int, list[int]] = {}
        for index in range(len(weights)):
            self._await(index)

    def next(self) -> int:
        self._turn += 1
        for index in self._coming.pop(self._turn, ()):
            last = (self._marks[index] + self._slack) // self._widths[index]
            heapq.heappush(self._ready, (last, index))
        index = heapq.heappop(self._ready)[1]
        self._marks[index] += self._stride
        self._await(index)
        return index

    def _await(self, index: int) -> None:
        first = max(-(-self._marks[index] // self._widths[index]), self._turn + 1)
        coming = self._coming.get(first)
        if coming is None:
            self._coming[first] = [index]
        else:
            coming.append(index)


@functools.lru_cache(maxsize=512)
def order_of(weights: tuple[int, ...]) -> tuple[int, ...]:
    """All the turns until they begin again; none if there are too many to be kept."""
    if len(set(weights)) <= 1:
        return tuple(range(len(weights)))
    total = sum(weights)
    if total > _LONGEST:
        return ()
    turns = Turns(weights)
    return tuple([turns.next() for _ in range(total)])


@functools.lru_cache(maxsize=512)
def starts_of(weights: tuple[int, ...]) -> tuple[int, ...]:
    """The turns that one may begin with and never be more than a turn away from exact; the first is always one."""
    order, total = order_of(weights), sum(weights)
    if len(set(weights)) <= 1:
        return tuple(range(len(weights)))
    if not order or total * len(weights) > _SEARCHED:
        return (0,)
    counts = [0] * len(weights)
    ahead: list[list[int]] = []  # of its share, in parts of a turn, before each turn
    for number, index in enumerate(order):
        ahead.append([count * total - number * weight for count, weight in zip(counts, weights, strict=True)])
        counts[index] += 1
    ends = [(max(of_one) - total, min(of_one) + total) for of_one in zip(*ahead, strict=True)]
    return tuple(
        [
            number
            for number, before in enumerate(ahead)
            if all(low <= part <= high for part, (low, high) in zip(before, ends, strict=True))
        ]
    )


def reduced(weights: Sequence[int]) -> tuple[int, ...]:
    """The smallest whole weights of the same proportions."""
    divisor = math.gcd(*weights) or 1
    return tuple([weight // divisor for weight in weights])
