"""Go's time layouts: writing and reading a time by the example of `Mon Jan 2 15:04:05 MST 2006`."""

from __future__ import annotations

import datetime
import re

from trafficcop.gotemplate.values import Time

MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")

_PART = re.compile(
    r"January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST|2006|__2|_2(?!006)|002|01|02|03|04|05|06|15"
    r"|Z07:00:00|Z070000|Z07:00|Z0700|Z07|-07:00:00|-070000|-07:00|-0700|-07|PM|pm"
    r"|[.,]0+(?!\d)|[.,]9+(?!\d)|1|2|3|4|5"
)


def formatted(moment: Time, layout: str) -> str:
    local = moment.local()
    return _PART.sub(lambda part: _part(part[0], local, moment.nanoseconds % 10**9), layout)


def _part(name: str, local: datetime.datetime, nanoseconds: int) -> str:
    if name[0] in ".,":
        digits = f"{nanoseconds:09d}"[: len(name) - 1].ljust(len(name) - 1, "0")
        digits = digits.rstrip("0") if name[1] == "9" else digits
        return name[0] + digits if digits else ""
    if name[0] == "-" or (name[0] == "Z"):
        return _offset(name, local)
    weekday = WEEKDAYS[local.isoweekday() % 7]
    month = MONTHS[local.month - 1]
    half = (local.hour + 11) % 12 + 1
    day = local.timetuple().tm_yday
    return {
        "January": month, "Jan": month[:3], "Monday": weekday, "Mon": weekday[:3], "MST": _zone(local),
        "2006": f"{local.year:04d}", "06": f"{local.year % 100:02d}", "01": f"{local.month:02d}", "1": str(local.month),
        "02": f"{local.day:02d}", "_2": f"{local.day:2d}", "2": str(local.day), "002": f"{day:03d}",
        "__2": f"{day:3d}", "15": f"{local.hour:02d}", "03": f"{half:02d}", "3": str(half),
        "04": f"{local.minute:02d}", "4": str(local.minute), "05": f"{local.second:02d}", "5": str(local.second),
        "PM": "PM" if local.hour >= 12 else "AM", "pm": "pm" if local.hour >= 12 else "am",
    }[name]  # fmt: skip


def _zone(local: datetime.datetime) -> str:
    name = local.tzname() or ""
    return _offset("-0700", local) if not name or name.startswith(("UTC+", "UTC-")) else name


def _offset(name: str, local: datetime.datetime) -> str:
    offset = local.utcoffset() or datetime.timedelta()
    seconds = int(offset.total_seconds())
    if name[0] == "Z" and seconds == 0:
        return "Z"
    sign = "-" if seconds < 0 else "+"
    hours, rest = divmod(abs(seconds), 3600)
    text = f"{hours:02d}:{rest // 60:02d}:{rest % 60:02d}"
    colon = ":" in name
    length = {2: 1, 4: 2, 6: 3}[sum(letter.isdigit() for letter in name)]
    parts = text.split(":")[:length]
    return sign + (":" if colon else "").join(parts)


_READ = {
    "January": "(?P<month_name>[A-Za-z]+)", "Jan": "(?P<month_name>[A-Za-z]{3})", "Monday": "[A-Za-z]+",
    "Mon": "[A-Za-z]{3}", "MST": r"(?P<zone>[A-Z]{3,5}|[+-]\d\d)", "2006": r"(?P<year>\d{4})", "06": r"(?P<short>\d\d)",
    "01": r"(?P<month>\d\d)", "1": r"(?P<month>\d\d?)", "02": r"(?P<day>\d\d)", "_2": r" ?(?P<day>\d\d?)",
    "2": r"(?P<day>\d\d?)", "002": r"(?P<yearday>\d{3})", "__2": r" *(?P<yearday>\d{1,3})", "15": r"(?P<hour>\d\d)",
    "03": r"(?P<half>\d\d)", "3": r"(?P<half>\d\d?)", "04": r"(?P<minute>\d\d)", "4": r"(?P<minute>\d\d?)",
    "05": r"(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?", "5": r"(?P<second>\d\d?)(?:[.,](?P<fraction>\d+))?",
    "PM": "(?P<noon>AM|PM)", "pm": "(?P<noon>am|pm)",
}  # fmt: skip


def _reader(part: str) -> str:
    if part[0] in ".,":
        return rf"[.,](?P<fraction>\d{{{len(part) - 1}}})" if part[1] == "0" else r"(?:[.,](?P<fraction>\d+))?"
    if part[0] in "-Z":
        digits = {2: r"\d\d", 4: r"\d\d:?\d\d", 6: r"\d\d:?\d\d:?\d\d"}[sum(map(str.isdigit, part))]
        return f"(?P<offset>{'Z|' if part[0] == 'Z' else ''}[+-]{digits})"
    return _READ[part]


def _pattern(layout: str) -> re.Pattern[str]:
    pattern, position = "", 0
    parts = list(_PART.finditer(layout))
    for index, part in enumerate(parts):
        pattern += re.escape(layout[position : part.start()])
        reader = _reader(part[0])
        follows = parts[index + 1][0] if index + 1 < len(parts) and parts[index + 1].start() == part.end() else ""
        if part[0] in ("05", "5") and follows[:1] in (".", ","):
            reader = reader.split("(?:")[0]
        pattern += reader
        position = part.end()
    return re.compile(pattern + re.escape(layout[position:]), re.IGNORECASE | re.ASCII)


def parsed(layout: str, text: str, zone: datetime.tzinfo) -> Time:
    """The time that `text` writes by `layout`; ValueError when it does not."""
    try:
        found = _pattern(layout).fullmatch(text)
    except re.error as error:
        raise ValueError(f"the layout {layout!r} cannot be read: {error}") from error
    if found is None:
        raise ValueError(f"parsing time {text!r} as {layout!r}: cannot parse")
    given = {name: value for name, value in found.groupdict().items() if value}
    moment = datetime.datetime(
        _year(given), _month(given), int(given.get("day", "1")), _hour(given), int(given.get("minute", "0")),
        int(given.get("second", "0")), tzinfo=_given_zone(given, zone),
    )  # fmt: skip
    if "yearday" in given:
        moment = moment.replace(month=1, day=1) + datetime.timedelta(days=int(given["yearday"]) - 1)
    fraction = int(given.get("fraction", "0")[:9].ljust(9, "0"))
    since = moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    seconds = since.days * 86400 + since.seconds
    return Time(seconds * 10**9 + fraction, moment.tzinfo or zone)


def _year(given: dict[str, str]) -> int:
    if "short" in given:
        return int(given["short"]) + (1900 if int(given["short"]) >= 69 else 2000)
    # Without a year Go takes the year 0, which Python does not have.
    return max(int(given.get("year", "1")), 1)


def _month(given: dict[str, str]) -> int:
    if "month_name" not in given:
        return int(given.get("month", "1"))
    name = given["month_name"].lower()
    for index, month in enumerate(MONTHS):
        if name in (month.lower(), month[:3].lower()):
            return index + 1
    raise ValueError(f"unknown month {given['month_name']!r}")


def _hour(given: dict[str, str]) -> int:
    if "half" not in given:
        return int(given.get("hour", "0"))
    return int(given["half"]) % 12 + (12 if given.get("noon", "am").lower() == "pm" else 0)


def _given_zone(given: dict[str, str], zone: datetime.tzinfo) -> datetime.tzinfo:
    offset = given.get("offset", "")
    if offset.upper() == "Z" or given.get("zone") == "UTC":
        return datetime.UTC
    if not offset:
        return zone
    digits = offset[1:].replace(":", "").ljust(6, "0")
    seconds = int(digits[:2]) * 3600 + int(digits[2:4]) * 60 + int(digits[4:6])
    delta = datetime.timedelta(seconds=-seconds if offset[0] == "-" else seconds)
    return datetime.timezone(delta) if delta else datetime.UTC
