"""`retry.budget`: how much load retries may add, as a share of the requests."""

from __future__ import annotations

import re
from typing import Final

# Retries that a worker may make before it has seen enough requests, and that it may save up in quiet times.
RESERVE: Final = 10
_PERCENT: Final = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)\s*%").fullmatch
_WHOLE: Final = 1_000_000  # of a retry; a request brings `percent` hundredths of it


class Budget:
    """Every request brings a share of a retry, every retry takes one. Each worker has a budget of its own: what all of
    them retry is within the same share of what all of them serve, but for the reserve of each."""

    __slots__ = ("_balance", "_limit", "_share")

    def __init__(self, percent: float) -> None:
        self._share = round(percent * _WHOLE / 100)
        self._limit = max(RESERVE * _WHOLE, self._share)
        self._balance = RESERVE * _WHOLE

    def earn(self) -> None:
        """A request has come."""
        self._balance = min(self._balance + self._share, self._limit)

    def spend(self) -> bool:
        """Whether one more retry is affordable; it is paid for then."""
        if self._balance < _WHOLE:
            return False
        self._balance -= _WHOLE
        return True


def budget_of(text: str) -> Budget | None:
    """`20%`, or nothing: no limit. ValueError for anything else."""
    if not text:
        return None
    match = _PERCENT(text.strip())
    if match is None:
        raise ValueError(f'budget "{text}" is not a percentage such as 20%')
    return Budget(float(match[1]))
