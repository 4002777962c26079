"""The time of day of moments that a clock which never jumps has measured, worked out once a second."""

from __future__ import annotations

from time import perf_counter_ns, time_ns

from trafficcop.telemetry.access_text import NANOSECONDS, clf_utc, iso_local, iso_utc


class Second:
    """One second of the day, between two moments of `perf_counter_ns`, and how logs write it."""

    __slots__ = ("between", "clf", "end", "local", "number", "offset", "start")

    def __init__(self, start: int, number: int) -> None:
        self.start = start
        self.end = start + NANOSECONDS
        self.number = number  # since 1970
        self.clf = clf_utc(number)
        self.local, self.offset = iso_local(number)
        # In a line of JSON: from the end of the local time to the fraction of UTC.
        self.between = b'%b","StartUTC":"%b' % (self.offset, iso_utc(number)[0])


class Clock:
    """Knows the second of a moment. What the clock of the machine is set to shows within a second."""

    __slots__ = ("second",)

    def __init__(self) -> None:
        self.second = Second(0, 0)

    def second_of(self, moment: int) -> Second:
        second = self.second
        if second.start <= moment < second.end:
            return second
        number, into = divmod(moment + time_ns() - perf_counter_ns(), NANOSECONDS)
        self.second = second = Second(moment - into, number)
        return second
