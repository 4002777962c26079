"""Sprig's functions on time, and the methods of a time."""

from __future__ import annotations

import datetime
import time
import zoneinfo
from collections.abc import Callable, Mapping
from typing import Any

from trafficcop.config.scalars import Duration
from trafficcop.gotemplate.functions.registry import Family
from trafficcop.gotemplate.layout import MONTHS, WEEKDAYS, formatted, parsed
from trafficcop.gotemplate.numbers import to_int64
from trafficcop.gotemplate.values import FunctionError, Int64, Named, Time

TIMES = Family()
add = TIMES.add

_ZERO = -62135596800 * 10**9  # the year 1


def zone_of(name: str) -> datetime.tzinfo:
    """The named zone; UTC for one that is not known."""
    if name == "Local":
        return LOCAL
    if name in ("", "UTC"):
        return datetime.UTC
    try:
        return zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        return datetime.UTC


class _Local(datetime.tzinfo):
    """The zone of this machine."""

    def _there(self, moment: datetime.datetime | None) -> time.struct_time:
        naive = (moment or datetime.datetime(1970, 1, 1)).replace(tzinfo=None)
        return time.localtime(naive.timestamp())

    def utcoffset(self, moment: datetime.datetime | None) -> datetime.timedelta:
        return datetime.timedelta(seconds=self._there(moment).tm_gmtoff)

    def dst(self, moment: datetime.datetime | None) -> datetime.timedelta:
        return datetime.timedelta(0)

    def tzname(self, moment: datetime.datetime | None) -> str:
        return self._there(moment).tm_zone

    def fromutc(self, moment: datetime.datetime) -> datetime.datetime:
        seconds = moment.replace(tzinfo=datetime.UTC).timestamp()
        return moment + datetime.timedelta(seconds=time.localtime(seconds).tm_gmtoff)


LOCAL = _Local()


def now() -> Time:
    return Time(time.time_ns(), LOCAL)


def _moment(value: object) -> Time:
    if isinstance(value, Time):
        return value
    if isinstance(value, int) and not isinstance(value, bool | Named):
        return Time(int(value) * 10**9, LOCAL)
    return now()


def _in_zone(layout: str, value: object, zone: str) -> str:
    return formatted(Time(_moment(value).nanoseconds, zone_of(zone)), layout)


add("now", "", now)
add("date", "string any", lambda layout, value: _in_zone(layout, value, "Local"))
add("dateInZone date_in_zone", "string any string", _in_zone)
add("htmlDate", "any", lambda value: _in_zone("2006-01-02", value, "Local"))
add("htmlDateInZone", "any string", lambda value, zone: _in_zone("2006-01-02", value, zone))
add("unixEpoch", "time", lambda value: str(value.nanoseconds // 10**9))


def _duration(text: str) -> int:
    """Go's ParseDuration: a bare number has no unit and is none."""
    if text.lstrip("+-").isdigit() and text.lstrip("+-0"):
        raise ValueError(f"time: missing unit in duration {text!r}")
    return int(Duration.of(text))


@TIMES("mustDateModify must_date_modify", "string time")
def must_modify(text: str, value: Time) -> Time:
    return Time(value.nanoseconds + _duration(text), value.zone)


@TIMES("dateModify date_modify", "string time")
def modify(text: str, value: Time) -> Time:
    try:
        return must_modify(text, value)
    except ValueError:
        return value


@TIMES("mustToDate", "string string")
def must_to_date(layout: str, text: str) -> Time:
    return parsed(layout, text, LOCAL)


@TIMES("toDate", "string string")
def to_date(layout: str, text: str) -> Time:
    try:
        return parsed(layout, text, LOCAL)
    except ValueError:
        return Time(_ZERO, datetime.UTC)


def _written(nanoseconds: int) -> str:
    return str(Duration(max(-(2**63), min(2**63 - 1, nanoseconds))))


@TIMES("ago", "any")
def ago(value: object) -> str:
    passed = time.time_ns() - _moment(value).nanoseconds
    return _written((passed + 5 * 10**8) // 10**9 * 10**9)


@TIMES("duration", "any")
def duration(value: object) -> str:
    seconds = int(to_int64(value)) if isinstance(value, Int64 | str) else 0
    return _written(seconds * 10**9)


_ROUND = (("y", 365 * 86400), ("mo", 30 * 86400), ("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


@TIMES("durationRound", "any")
def duration_round(value: object) -> str:
    length = 0
    if isinstance(value, str):
        try:
            length = _duration(value)
        except ValueError:
            length = 0
    elif isinstance(value, Int64):
        length = int(value)
    elif isinstance(value, Time):
        length = time.time_ns() - value.nanoseconds
    for unit, seconds in _ROUND:
        if abs(length) > seconds * 10**9:
            return f"{abs(length) // (seconds * 10**9)}{unit}"
    return "0s"


def _sub(value: Time, other: object) -> Named:
    if not isinstance(other, Time):
        raise FunctionError("wrong type for value; expected time.Time", is_call=False)
    length = value.nanoseconds - other.nanoseconds
    return Named.of(length, "time.Duration", _written(length))


METHODS: Mapping[str, Callable[..., Any]] = {
    "Year": lambda value: value.local().year,
    "Month": lambda value: Named.of(value.local().month, "time.Month", MONTHS[value.local().month - 1]),
    "Day": lambda value: value.local().day,
    "Hour": lambda value: value.local().hour,
    "Minute": lambda value: value.local().minute,
    "Second": lambda value: value.local().second,
    "Nanosecond": lambda value: value.nanoseconds % 10**9,
    "YearDay": lambda value: value.local().timetuple().tm_yday,
    "Weekday": lambda value: Named.of(
        value.local().isoweekday() % 7, "time.Weekday", WEEKDAYS[value.local().isoweekday() % 7]
    ),
    "Unix": lambda value: Int64(value.nanoseconds // 10**9),
    "UnixMilli": lambda value: Int64(value.nanoseconds // 10**6),
    "UnixNano": lambda value: Int64(value.nanoseconds),
    "UTC": lambda value: Time(value.nanoseconds, datetime.UTC),
    "Local": lambda value: Time(value.nanoseconds, LOCAL),
    "IsZero": lambda value: value.nanoseconds == _ZERO,
    "Format": lambda value, layout: formatted(value, layout),
    "String": lambda value: value.text(),
    "Before": lambda value, other: value.nanoseconds < other.nanoseconds,
    "After": lambda value, other: value.nanoseconds > other.nanoseconds,
    "Equal": lambda value, other: value.nanoseconds == other.nanoseconds,
    "Sub": _sub,
    "AddDate": lambda value, years, months, days: _add_date(value, years, months, days),
}


def _add_date(value: Time, years: int, months: int, days: int) -> Time:
    """Days beyond the end of a month run over into the next, as in Go."""
    local = value.local()
    month = local.month - 1 + months
    start = local.replace(year=local.year + years + month // 12, month=month % 12 + 1, day=1)
    moved = start + datetime.timedelta(days=local.day - 1 + days)
    return Time(int(moved.timestamp()) * 10**9 + value.nanoseconds % 10**9, value.zone)
