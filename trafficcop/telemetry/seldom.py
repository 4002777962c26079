"""A warning that may be due a thousand times a second: told once, and then how often it was not."""

from __future__ import annotations

import logging
from time import monotonic

_SECONDS = 10.0


class Seldom:
    """Warnings of one owner. One kind is told once in ten seconds, with the number of those that were kept back."""

    __slots__ = ("_kinds", "_log")

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._kinds: dict[str, tuple[float, int]] = {}  # when each may be told again, and how many wait

    def warn(self, text: str, *values: object) -> None:
        """`text` is the kind, `values` go into it."""
        now = monotonic()
        due, kept = self._kinds.get(text, (0.0, 0))
        if now < due:
            self._kinds[text] = (due, kept + 1)
            return
        self._kinds[text] = (now + _SECONDS, 0)
        more = f" (and {kept} times more of late)" if kept else ""
        self._log.warning(text + more, *values)
