"""The time of day of moments that a clock which never jumps has measured, worked out once a second."""

from __future__ import annotations

from time import monotonic, time_ns

from trafficcop.telemetry.access_text import NANOSECONDS, clf_utc, iso_local, iso_utc


class Second:
    """One second of the day, between two moments of `monotonic`, and how logs write it."""

    __slots__ = ("between", "clf", "end", "local", "number", "offset", "start")

    def __init__(self, start: float, number: int) -> None:
        self.start = start
        self.end = start + 1.0
        self.number = number  # since 1970
        self.clf = clf_utc(number)
        self.local, self.offset = iso_local(number)
        # In a line of JSON: from the end of the local time to the fraction of UTC.
        self.between = b'%b","StartUTC":"%b' % (self.offset, iso_utc(number)[0])

    def into(self, moment: float) -> int:
        """How many nanoseconds of it have passed at a moment of this second."""
        return int((moment - self.start) * NANOSECONDS)


class Clock:
    """Knows the second of a moment. What the clock of the machine is set to shows within a second."""

    __slots__ = ("second",)

    def __init__(self) -> None:
        self.second = Second(0.0, 0)

    def second_of(self, moment: float) -> Second:
        second = self.second
        if second.start <= moment < second.end:
            return second
        number, into = divmod(time_ns() - round((monotonic() - moment) * NANOSECONDS), NANOSECONDS)
        self.second = second = Second(moment - into / NANOSECONDS, number)
        return second
