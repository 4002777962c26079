"""Time limits that are all equally long: kept in the order in which they end, with one timer for all of them."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Protocol


class Delayed(Protocol):
    """Something that is told when its time is over."""

    def on_delay(self) -> None: ...


class Delays:
    """Who has waited `seconds` is told. To enter and to leave costs no timer, since nearly all leave in time."""

    __slots__ = ("_handle", "_seconds", "_waiting")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._waiting: dict[Delayed, float] = {}  # in order of time, for all wait equally long
        self._handle: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, member: Delayed) -> None:
        self._waiting[member] = monotonic() + self._seconds
        if self._handle is None:
            self._handle = asyncio.get_running_loop().call_later(self._seconds, self._tick)

    def discard(self, member: Delayed) -> None:
        self._waiting.pop(member, None)

    def _tick(self) -> None:
        self._handle = None
        now = monotonic()
        late = []
        for member, end in self._waiting.items():
            if end > now:
                self._handle = asyncio.get_running_loop().call_later(end - now, self._tick)
                break
            late.append(member)
        for member in late:
            del self._waiting[member]
        for member in late:
            member.on_delay()
