"""When which configuration is applied: throttling per provider, and the wait for the first one. Pure, no clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trafficcop.config.dynamic import DynamicConfiguration
from trafficcop.errors import Issue
from trafficcop.providers.message import Message


@dataclass(slots=True)
class _Lane:
    """One provider: what it said last, what waits, and until when."""

    applied: Message | None = None
    waiting: Message | None = None
    closed_until: float = 0.0


class Schedule:
    """Takes messages as they come and says what is to be applied now.

    A provider is heard at once, then again after `throttle` seconds at the earliest; of what it says meanwhile only the
    newest counts (`pkg/provider/aggregator/ring_channel.go`). Nothing is applied before `required` has spoken, or
    before `patience` seconds have gone by: a provider that fails for ever must not hold back all others.
    """

    def __init__(self, throttle: float, *, required: str = "", patience: float = 0.0, start: float = 0.0) -> None:
        self._throttle = throttle
        self._lanes: dict[str, _Lane] = {}
        self._required = required
        self._patience_ends = start + patience
        self._has_begun = False

    def offer(self, message: Message, now: float) -> None:
        """Take a message. What says nothing new is dropped."""
        lane = self._lanes.setdefault(message.provider, _Lane())
        if message.provider == self._required:
            self._required = ""
        newest = lane.waiting or lane.applied
        if message == newest or (newest is None and message.configuration == _EMPTY and not message.issues):
            return
        if lane.waiting is not None and message == lane.applied:
            lane.waiting = None  # changed and changed back within one window
            return
        if lane.applied is None:
            lane.closed_until = now
        lane.waiting = message

    def is_due(self, now: float) -> bool:
        """Whether something is to be applied now; `take` it then."""
        if self._required and now < self._patience_ends:
            return False
        return not self._has_begun or any(_is_open(lane, now) for lane in self._lanes.values())

    def take(self, now: float) -> tuple[Mapping[str, DynamicConfiguration], Mapping[str, Sequence[Issue]]]:
        """The configurations of all providers, with everything that is due, and what they have to tell."""
        self._has_begun = True
        for lane in self._lanes.values():
            if _is_open(lane, now):
                lane.applied, lane.waiting = lane.waiting, None
                lane.closed_until = now + self._throttle
        applied = {name: lane.applied for name, lane in self._lanes.items() if lane.applied is not None}
        configurations = {name: message.configuration for name, message in applied.items()}
        return configurations, {name: message.issues for name, message in applied.items()}

    def seconds_left(self, now: float) -> float | None:
        """How long nothing will be due unless somebody speaks; None for ever."""
        if self._required and now < self._patience_ends:
            return self._patience_ends - now
        ends = [lane.closed_until for lane in self._lanes.values() if lane.waiting is not None]
        if not self._has_begun:
            ends.append(now)
        return max(0.0, min(ends) - now) if ends else None


_EMPTY = DynamicConfiguration()


def _is_open(lane: _Lane, now: float) -> bool:
    return lane.waiting is not None and lane.closed_until <= now
