"""The two formats of the general log: `common` (for eyes) and `json` (one object a line)."""

from __future__ import annotations

import json
import logging
import re
import time
import traceback
from collections.abc import Mapping

_SHORT = ((60, "PNC"), (50, "FTL"), (40, "ERR"), (30, "WRN"), (20, "INF"), (10, "DBG"), (0, "TRC"))
_LONG = {"PNC": "panic", "FTL": "fatal", "ERR": "error", "WRN": "warn", "INF": "info", "DBG": "debug", "TRC": "trace"}
_COLORS = {"PNC": "1;31", "FTL": "1;31", "ERR": "1;31", "WRN": "33", "INF": "32", "DBG": "36", "TRC": "35"}
_PLAIN = re.compile(r"[!#-\[\]-~]+")  # what needs no quotes as a value; `"`, `\`, blanks and the rest do
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def short_level(number: int) -> str:
    return next(name for least, name in _SHORT if number >= least)


def rfc3339(seconds: float) -> str:
    """Local time as `2006-01-02T15:04:05Z` or with the offset of the zone."""
    local = time.localtime(seconds)
    return time.strftime("%Y-%m-%dT%H:%M:%S", local) + offset_of(local)


def offset_of(local: time.struct_time, separator: str = ":", utc: str = "Z") -> str:
    """The zone as RFC 3339 §5.6 writes it."""
    minutes = (local.tm_gmtoff or 0) // 60
    if minutes == 0:
        return utc
    sign, minutes = ("-", -minutes) if minutes < 0 else ("+", minutes)
    return f"{sign}{minutes // 60:02d}{separator}{minutes % 60:02d}"


def event_fields(record: logging.LogRecord) -> dict[str, object]:
    """The pairs of a line; an exception becomes `error` and `stack`."""
    given = getattr(record, "fields", None)
    values: dict[str, object] = dict(given) if isinstance(given, Mapping) else {}
    if record.exc_info and record.exc_info[1] is not None:
        error = record.exc_info[1]
        values.setdefault("error", str(error) or type(error).__name__)
        values["stack"] = "".join(traceback.format_exception(error))
    return values


def caller_of(record: logging.LogRecord) -> str:
    """`trafficcop/proxy/pool.py:42`, however the package is installed."""
    _, found, inside = record.pathname.rpartition("/trafficcop/")
    return f"{'trafficcop/' + inside if found else record.pathname}:{record.lineno}"


def _escape(match: re.Match[str]) -> str:
    return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(match[0]) or f"\\u{ord(match[0]):04x}"


def one_line(text: str) -> str:
    """`text` with every character escaped that could start a line of its own or drive a terminal."""
    return _CONTROL.sub(_escape, text)


def _shown(value: object) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value):
        return value
    return one_line(json.dumps(value, default=str, ensure_ascii=False))


class CommonFormatter(logging.Formatter):
    """`2006-01-02T15:04:05Z ERR message key=value …`; with colours for a terminal."""

    def __init__(self, has_caller: bool, is_colored: bool) -> None:
        super().__init__()
        self._has_caller = has_caller
        self._is_colored = is_colored

    def _paint(self, text: str, color: str) -> str:
        return f"\x1b[{color}m{text}\x1b[0m" if self._is_colored else text

    def format(self, record: logging.LogRecord) -> str:
        level = short_level(record.levelno)
        parts = [self._paint(rfc3339(record.created), "90"), self._paint(level, _COLORS[level])]
        if self._has_caller:
            parts.append(f"{caller_of(record)} {self._paint('>', '36')}")
        if message := record.getMessage():
            parts.append(one_line(message))
        values = event_fields(record)
        for key in sorted(values, key=lambda key: (key != "error", key)):
            color = "31" if key == "error" else "36"
            parts.append(self._paint(f"{one_line(key)}=", color) + _shown(values[key]))
        return " ".join(parts)


class JSONFormatter(logging.Formatter):
    """`{"level":"error", fields…, "time":"2006-01-02T15:04:05Z", "message":"…"}`."""

    def __init__(self, has_caller: bool) -> None:
        super().__init__()
        self._has_caller = has_caller

    def format(self, record: logging.LogRecord) -> str:
        values: dict[str, object] = {"level": _LONG[short_level(record.levelno)]}
        values.update((key, value) for key, value in event_fields(record).items() if key not in _OWN)
        values["time"] = rfc3339(record.created)
        if self._has_caller:
            values["caller"] = caller_of(record)
        if message := record.getMessage():
            values["message"] = message
        # ASCII only: text with lone surrogates or line separators stays one valid line.
        return json.dumps(values, default=str, separators=(",", ":"))


_OWN = frozenset(["level", "time", "message", "caller"])
