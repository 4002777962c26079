"""Go's values in Python: what type each has, which are empty, how much they may grow."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

LARGEST_TEXT = 16 * 1024 * 1024
LARGEST_LIST = 1_000_000


class Int64(int):
    """An `int64`; a plain int is Go's `int`."""

    __slots__ = ()


class Named(int):
    """An integer with a text of its own: `time.Month`, `time.Weekday`, `time.Duration`."""

    type: str
    text: str

    @classmethod
    def of(cls, value: int, type_name: str, text: str) -> Named:
        made = cls(value)
        made.type, made.text = type_name, text
        return made


class Slice(list[Any]):
    """A slice; `element` is the type of its elements."""

    __slots__ = ("element",)

    def __init__(self, items: Iterable[Any] = (), element: str = "interface {}") -> None:
        super().__init__(items)
        self.element = element


class Map(dict[str, Any]):
    """A `map[string]…`; `element` is the type of its values."""

    __slots__ = ("element",)

    def __init__(self, items: Any = (), element: str = "interface {}") -> None:
        super().__init__(items)
        self.element = element


@dataclass(frozen=True, slots=True)
class Time:
    """A `time.Time`: nanoseconds since 1970, and where."""

    nanoseconds: int
    zone: datetime.tzinfo

    def local(self) -> datetime.datetime:
        """To the second; what Python cannot hold is an error of the template."""
        moment = datetime.datetime.fromtimestamp(0, datetime.UTC) + datetime.timedelta(
            seconds=self.nanoseconds // 10**9
        )
        return moment.astimezone(self.zone)

    def text(self) -> str:
        """As `%v` prints it."""
        from trafficcop.gotemplate.layout import formatted

        return formatted(self, "2006-01-02 15:04:05.999999999 -0700 MST")

    def rfc3339(self) -> str:
        from trafficcop.gotemplate.layout import formatted

        return formatted(self, "2006-01-02T15:04:05.999999999Z07:00")


@dataclass(frozen=True, slots=True)
class Certificate:
    """What the functions that make certificates return."""

    Cert: str
    Key: str


class FunctionError(Exception):
    """A function that cannot do what it is asked to. `is_call`: it was called; otherwise its arguments do not fit."""

    def __init__(self, message: str, *, is_call: bool = True) -> None:
        self.is_call = is_call
        super().__init__(message)


def wrapped(value: int) -> Int64:
    """`value` in 64 bits, as Go's arithmetic leaves it."""
    return Int64((value + 2**63) % 2**64 - 2**63)


def type_name(value: object) -> str:
    """As `%T` prints it."""
    match value:
        case None:
            return "<nil>"
        case bool():
            return "bool"
        case Named():
            return value.type
        case Int64():
            return "int64"
        case int():
            return "int"
        case float():
            return "float64"
        case str():
            return "string"
        case Slice():
            return f"[]{value.element}"
        case Map():
            return f"map[string]{value.element}"
        case Time():
            return "time.Time"
        case Certificate():
            return "sprig.certificate"
    return str(getattr(value, "type", "*semver.Version"))


def kind_name(value: object) -> str:
    """As `reflect.Kind` prints it."""
    match value:
        case None:
            return "invalid"
        case Named():
            return "int64" if value.type == "time.Duration" else "int"
        case Slice():
            return "slice"
        case Map():
            return "map"
        case Time() | Certificate():
            return "struct"
        case bool() | int() | float() | str():
            return type_name(value)
    return "ptr"


def is_empty(value: object) -> bool:
    """Whether the value is the zero of its type or holds nothing."""
    if value is None:
        return True
    if isinstance(value, bool | int | float | str | Slice | Map):
        return not value
    return False


def checked(value: object) -> object:
    """`value`; FunctionError if it has grown too large."""
    if isinstance(value, str) and len(value) > LARGEST_TEXT:
        raise FunctionError("the text grows too large")
    if isinstance(value, Slice | Map) and len(value) > LARGEST_LIST:
        raise FunctionError("the list grows too long")
    return value


def are_equal(first: object, second: object, depth: int = 0) -> bool:
    """Go's `reflect.DeepEqual`: values of different types are never equal.

    FunctionError for what is nested too deeply, or around itself.
    """
    if depth > 100:
        raise FunctionError("nested too deeply to compare")
    if type_name(first) != type_name(second):
        return False
    if first is second:
        return True
    if isinstance(first, Slice) and isinstance(second, Slice):
        return len(first) == len(second) and all(
            are_equal(one, other, depth + 1) for one, other in zip(first, second, strict=True)
        )
    if isinstance(first, Map) and isinstance(second, Map):
        return first.keys() == second.keys() and all(are_equal(first[key], second[key], depth + 1) for key in first)
    return first == second
