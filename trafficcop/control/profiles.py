"""Profiles of workers, asked of them when somebody wants to know where time is spent."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from trafficcop.plan.profile import Profile, TakeProfile

# A worker that is this late is too busy to be waited for.
_PATIENCE = 5.0


class Profiles:
    """One question at a time. `ask` sends it to all workers and says which they are."""

    def __init__(self, ask: Callable[[TakeProfile], frozenset[int]]) -> None:
        self._ask = ask
        self._turn = 0
        self._missing: set[int] = set()
        self._taken: list[Profile] = []
        self._complete: asyncio.Event | None = None

    @property
    def is_busy(self) -> bool:
        return self._complete is not None

    def note(self, profile: Profile) -> None:
        """A worker has answered."""
        if profile.turn != self._turn or self._complete is None:
            return
        self._taken.append(profile)
        self._missing.discard(profile.worker)
        if not self._missing:
            self._complete.set()

    async def take(self, seconds: float) -> list[Profile]:
        """Of every worker that has answered in time."""
        self._turn += 1
        self._taken = []
        self._complete = complete = asyncio.Event()
        try:
            self._missing = set(self._ask(TakeProfile(self._turn, seconds)))
            if self._missing:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(complete.wait(), seconds + _PATIENCE)
            return self._taken
        finally:
            self._complete = None
