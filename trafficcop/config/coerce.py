"""Scalars as Traefik reads them: every value passes through a string (Traefik `paerser/parser/element_fill.go`)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from trafficcop.config.scalars import Duration, FileOrContent

_TRUE = frozenset(("1", "t", "T", "TRUE", "true", "True"))
_FALSE = frozenset(("0", "f", "F", "FALSE", "false", "False"))
_DECIMAL = re.compile(r"[+-]?[0-9]{1,30}", re.ASCII)
_OTHER_INT = re.compile(
    r"[+-]?(0[xX][0-9a-fA-F_]{1,30}|0[oO][0-7_]{1,30}|0[bB][01_]{1,80}|[0-9][0-9_]{0,30})", re.ASCII
)
_WHOLE_FLOAT = re.compile(r"[+-]?[0-9]{1,30}(\.0*)?([eE]\+?[0-9]{1,2})?", re.ASCII)
_FLOAT = re.compile(r"[+-]?([0-9]{1,400}(\.[0-9]{0,400})?|\.[0-9]{1,400})([eE][+-]?[0-9]{1,4})?", re.ASCII)
_LONGEST_SHOWN = 60


def shown(value: object) -> str:
    """A value as a message quotes it."""
    text = value if isinstance(value, str) else to_text(value) if _is_scalar(value) else type(value).__name__
    return repr(text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…")


def _is_scalar(value: object) -> bool:
    return isinstance(value, str | int | float)


def to_text(value: Any) -> str:
    """The text of a scalar; ValueError when it is a mapping or a list."""
    if type(value) is str:
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return _int_text(value)
    if isinstance(value, float):
        return repr(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, str):
        return str(value)
    raise ValueError(f"expected a text, not {_noun(value)}")


def _int_text(value: int) -> str:
    if value.bit_length() > 1024:
        raise ValueError("the number is too long")
    return str(value)


def _noun(value: object) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    return type(value).__name__


def to_bool(value: Any) -> bool:
    """As Go's `strconv.ParseBool`; ValueError says what was expected, as with the others below."""
    if isinstance(value, bool):
        return value
    text = _scalar(value, "true or false").strip()
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise ValueError(f"expected true or false, not {shown(text)}")


def to_int(value: Any) -> int:
    """A whole number of 64 bits; also in the other spellings of YAML: `0x50`, `1_000`, `8.0`, `1e3`."""
    text = _scalar(value, "a whole number").strip()
    if _DECIMAL.fullmatch(text):
        number = int(text)
    elif _OTHER_INT.fullmatch(text):
        number = _other_int(text)
    elif _WHOLE_FLOAT.fullmatch(text):
        number = int(float(text))
    else:
        raise ValueError(f"expected a whole number, not {shown(text)}")
    if not -(2**63) <= number < 2**63:
        raise ValueError(f"the number {shown(text)} does not fit in 64 bits")
    return number


def _other_int(text: str) -> int:
    digits = text.replace("_", "")
    try:
        return int(digits, 0)
    except ValueError:
        return int(digits) if digits.lstrip("+-").isdigit() else _refuse_int(text)


def _refuse_int(text: str) -> int:
    raise ValueError(f"expected a whole number, not {shown(text)}")


def to_float(value: Any) -> float:
    """A finite number."""
    text = _scalar(value, "a number").strip()
    if not _FLOAT.fullmatch(text):
        raise ValueError(f"expected a number, not {shown(text)}")
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"the number {shown(text)} is too large")
    return number


def to_duration(value: Any) -> Duration:
    """A Go duration, or a bare number of seconds, in any of YAML's spellings."""
    text = _scalar(value, "a duration such as 10s")
    if len(text) > 100:
        raise ValueError(f"invalid duration {shown(text)}")
    is_number = _OTHER_INT.fullmatch(text) or _WHOLE_FLOAT.fullmatch(text)
    return Duration.of(str(to_int(text)) if is_number else text)


def to_file_or_content(value: Any) -> FileOrContent:
    return FileOrContent(to_text(value))


def _scalar(value: Any, wanted: str) -> str:
    if _is_scalar(value):
        return to_text(value)
    raise ValueError(f"expected {wanted}, not {_noun(value)}")


CONVERTERS: dict[type, Callable[[Any], Any]] = {
    str: to_text,
    bool: to_bool,
    int: to_int,
    float: to_float,
    Duration: to_duration,
    FileOrContent: to_file_or_content,
}
