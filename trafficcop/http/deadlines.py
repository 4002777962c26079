"""Time limits without timers: who has a limit keeps a `deadline`, and one sweep in a while looks at all of them.

Setting a deadline is one attribute; a timer per request would cost more than parsing it. The price is precision: a
limit strikes up to one tick late.
"""

from __future__ import annotations

import asyncio
import math
from time import monotonic
from typing import Final, Protocol

NEVER: Final = math.inf


class Timed(Protocol):
    """Something with a time limit: `deadline` in seconds of `time.monotonic`, NEVER for none."""

    deadline: float

    def on_deadline(self) -> None:
        """The time has come; called on each tick until the deadline is moved or the member leaves."""


class Deadlines:
    """All that have a time limit in this worker. `tick`: seconds between two looks."""

    __slots__ = ("_handle", "_tick", "members")

    def __init__(self, tick: float = 0.5) -> None:
        self.members: set[Timed] = set()
        self._tick = tick
        self._handle: asyncio.TimerHandle | None = None

    def refine(self, shortest: float) -> None:
        """Look often enough for a limit of `shortest` seconds, at most 50 times a second."""
        if 0 < shortest < self._tick * 5:
            self._tick = max(shortest / 5, 0.02)

    def start(self) -> None:
        self._handle = asyncio.get_running_loop().call_later(self._tick, self._sweep)

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _sweep(self) -> None:
        now = monotonic()
        late = [member for member in self.members if member.deadline <= now]
        self.start()
        if late:
            # What they wait for may have come while this process had no time to look. Timers come before sockets in
            # some loops: the second turn from here is the first one that has read.
            loop = asyncio.get_running_loop()
            loop.call_soon(loop.call_soon, self._strike, late)

    def _strike(self, late: list[Timed]) -> None:
        if self._handle is None:
            return
        now = monotonic()
        for member in late:
            if member.deadline <= now:
                member.on_deadline()
