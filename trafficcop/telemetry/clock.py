"""The time of day of moments that a clock which never jumps has measured, worked out once a second."""

from __future__ import annotations

from collections import deque
from time import monotonic, time_ns

from trafficcop.telemetry.access_text import NANOSECONDS, clf_utc, iso_local, iso_utc

_KEPT = 8  # of some requests the beginning is told when they end, which may be seconds later


class Second:
    """One second of the day, between two moments of `monotonic`, and how logs write it."""

    __slots__ = ("between", "clf", "end", "json_end", "local", "number", "offset", "start")

    def __init__(self, start: float, number: int) -> None:
        self.start = start
        self.end = start + 1.0
        self.number = number  # since 1970
        local, offset = iso_local(number)
        self.local, self.offset = local.decode(), offset.decode()
        # In a common line; and in one of JSON, from the end of the local time to the fraction of UTC, and at its end.
        self.clf = f'{clf_utc(number).decode()}] "'
        self.between = f'{self.offset}","StartUTC":"{iso_utc(number)[0].decode()}'
        self.json_end = f'{self.local}{self.offset}"}}\n'

    def into(self, moment: float) -> int:
        """How many nanoseconds of it have passed at a moment of this second."""
        return int((moment - self.start) * NANOSECONDS)


class Clock:
    """Knows the second of a moment. What the clock of the machine is set to shows within a second or two."""

    __slots__ = ("_seconds",)

    def __init__(self) -> None:
        self._seconds: deque[Second] = deque(maxlen=_KEPT)

    def second_of(self, moment: float) -> Second:
        for second in self._seconds:
            if second.start <= moment < second.end:
                return second
        number, into = divmod(time_ns() - round((monotonic() - moment) * NANOSECONDS), NANOSECONDS)
        second = Second(moment - into / NANOSECONDS, number)
        self._seconds.appendleft(second)
        return second
