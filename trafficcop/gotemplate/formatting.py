"""Go's `fmt`: printing values, and `Sprintf`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from trafficcop.gotemplate.numbers import float_text
from trafficcop.gotemplate.quoting import quote, quote_character, to_bytes
from trafficcop.gotemplate.values import (
    LARGEST_TEXT,
    Certificate,
    FunctionError,
    Map,
    Named,
    Slice,
    Time,
    type_name,
)

_DEEPEST = 60
_ITEMS = 1_000_000
_WIDEST = 1_000_000

_VERB = re.compile(r"%([#+\- 0]*)(\[\d+\])?(\*|\d+)?(?:(\.)(\[\d+\])?(\*|\d+)?)?(\[\d+\])?(.)?", re.DOTALL)


@dataclass(slots=True)
class _Format:
    """One verb with its flags."""

    verb: str
    flags: str = ""
    width: int | None = None
    precision: int | None = None

    def padded(self, text: str, *, is_number: bool = False) -> str:
        missing = (self.width or 0) - len(text)
        if missing <= 0:
            return text
        if "-" in self.flags:
            return text + " " * missing
        if "0" in self.flags:
            sign = 1 if is_number and text[:1] in ("+", "-", " ") else 0
            return text[:sign] + "0" * missing + text[sign:]
        return " " * missing + text


def sprint(value: object) -> str:
    """As `%v` prints it; nil is `<nil>`."""
    return _Printer(_Format("v")).value(value)


def sprint_all(values: Sequence[object]) -> str:
    """`fmt.Sprint`: a space between two values of which neither is a string."""
    parts: list[str] = []
    for index, value in enumerate(values):
        if index and not isinstance(value, str) and not isinstance(values[index - 1], str):
            parts.append(" ")
        parts.append(sprint(value))
    return "".join(parts)


def sprintf(pattern: str, values: Sequence[object]) -> str:
    """`fmt.Sprintf`: what does not fit its verb is named in the output and is no error."""
    return _Sprintf(pattern, values).text()


class _Sprintf:
    def __init__(self, pattern: str, values: Sequence[object]) -> None:
        self._pattern = pattern
        self._values = values
        self._next = 0
        self._is_reordered = False
        self._is_good_index = True

    def text(self) -> str:
        parts: list[str] = []
        position = size = 0
        while (start := self._pattern.find("%", position)) >= 0:
            parts.append(self._pattern[position:start])
            found = _VERB.match(self._pattern, start)
            made = self._one(found) if found else "%!(NOVERB)"
            parts.append(made)
            size += len(made)
            if size > LARGEST_TEXT:
                raise FunctionError("the text grows too large")
            position = found.end() if found else len(self._pattern)
        parts.append(self._pattern[position:])
        if not self._is_reordered and self._next < len(self._values):
            extra = [_extra(value) for value in self._values[self._next :]]
            parts.append(f"%!(EXTRA {', '.join(extra)})")
        return "".join(parts)

    def _one(self, found: re.Match[str]) -> str:
        flags, index, width, point, point_index, precision, last_index, verb = found.groups()
        self._is_good_index = True
        self._jump(index)
        # With %v a plus asks for the names of fields, which nothing here has.
        form = _Format(verb or "", flags.replace("+", "") if verb == "v" else flags)
        trouble = ""
        form.width, problem = self._number(width, "%!(BADWIDTH)")
        trouble += problem
        if form.width is not None and form.width < 0:
            form.flags, form.width = form.flags + "-", -form.width
        if point:
            self._jump(point_index)
            form.precision, problem = self._number(precision, "%!(BADPREC)")
            form.precision = form.precision or 0
            trouble += problem
        self._jump(last_index)
        return trouble + self._verb(form)

    def _jump(self, index: str | None) -> None:
        if index:
            self._is_reordered = True
            self._next = int(index[1:-1][:9]) - 1
            self._is_good_index = 0 <= self._next < len(self._values)

    def _number(self, written: str | None, problem: str) -> tuple[int | None, str]:
        if written != "*":
            number = int(written[:9]) if written else None
            return (None, problem) if number is not None and number > _WIDEST else (number, "")
        value = self._values[self._next] if 0 <= self._next < len(self._values) else None
        self._next += 1
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _WIDEST:
            return int(value), ""
        return None, problem

    def _verb(self, form: _Format) -> str:
        if not form.verb:
            return "%!(NOVERB)"
        if form.verb == "%":
            return "%"
        if not self._is_good_index:
            return f"%!{form.verb}(BADINDEX)"
        if self._next >= len(self._values):
            return f"%!{form.verb}(MISSING)"
        value = self._values[self._next]
        self._next += 1
        return _Printer(form).argument(value)


def _extra(value: object) -> str:
    return "<nil>" if value is None else f"{type_name(value)}={sprint(value)}"


class _Printer:
    """Prints one argument; counts what it prints, so that no nesting of lists makes it endless."""

    def __init__(self, form: _Format) -> None:
        self._form = form
        self._items = 0

    def argument(self, value: object) -> str:
        form = self._form
        if form.verb == "T":
            return form.padded(type_name(value))
        if value is None and form.verb != "v":
            return f"%!{form.verb}(<nil>)"
        return self.value(value)

    def value(self, value: object, depth: int = 0) -> str:
        self._items += 1
        if depth > _DEEPEST or self._items > _ITEMS:
            raise FunctionError("a value is nested too deeply or too large to print")
        form = self._form
        match value:
            case None:
                return form.padded("<nil>")
            case bool():
                return form.padded("true" if value else "false") if form.verb in "tv" else self._bad(value)
            case Named() if form.verb in "vsq":
                return _string(value.text, form) or self._bad(value)
            case int():
                return self._made(_integer(int(value), form), value)
            case float():
                return self._made(_float(value, form), value)
            case str():
                return self._made(_string(value, form), value)
            case Slice():
                return self._slice(value, depth)
            case Map():
                return self._map(value, depth)
            case Certificate():
                return "{" + " ".join(self.value(item, depth + 1) for item in (value.Cert, value.Key)) + "}"
        text = value.text() if isinstance(value, Time) else str(value)
        return self._made(_string(text, form), value)

    def _made(self, text: str | None, value: object) -> str:
        return self._bad(value) if text is None else text

    def _bad(self, value: object) -> str:
        return f"%!{self._form.verb}({type_name(value)}={_plain(value)})"

    def _slice(self, value: Slice, depth: int) -> str:
        if self._form.verb == "v" and "#" in self._form.flags:
            return type_name(value) + "{" + ", ".join(self.value(item, depth + 1) for item in value) + "}"
        return "[" + " ".join(self.value(item, depth + 1) for item in value) + "]"

    def _map(self, value: Map, depth: int) -> str:
        pairs = [(self.value(key, depth + 1), self.value(value[key], depth + 1)) for key in sorted(value)]
        if self._form.verb == "v" and "#" in self._form.flags:
            return type_name(value) + "{" + ", ".join(f"{key}:{item}" for key, item in pairs) + "}"
        return "map[" + " ".join(f"{key}:{item}" for key, item in pairs) + "]"


def _plain(value: object) -> str:
    return sprint(value) if isinstance(value, str | int | float) else ""


def _string(text: str, form: _Format) -> str | None:
    if form.verb in "xX":
        content = to_bytes(text)[: form.precision]
        prefix = "0x" if "#" in form.flags and content else ""
        made = prefix + content.hex(" ").replace(" ", " " + prefix) if " " in form.flags else prefix + content.hex()
        return form.padded(made.upper() if form.verb == "X" else made)
    if form.verb not in "vsq":
        return None
    if form.precision is not None:
        text = text[: form.precision]
    if form.verb == "q" or (form.verb == "v" and "#" in form.flags):
        if form.verb == "q" and "#" in form.flags and "`" not in text and text.isprintable():
            return form.padded(f"`{text}`")
        text = quote(text, is_ascii="+" in form.flags)
    return form.padded(text)


def _signed(digits: str, is_negative: bool, form: _Format) -> str:
    if is_negative:
        return "-" + digits
    return "+" + digits if "+" in form.flags else " " + digits if " " in form.flags else digits


_DIGITS: dict[str, tuple[Callable[[int], str], str]] = {
    "d": (str, ""),
    "v": (str, ""),
    "b": (lambda value: format(value, "b"), "0b"),
    "o": (lambda value: format(value, "o"), "0"),
    "O": (lambda value: "0o" + format(value, "o"), ""),
    "x": (lambda value: format(value, "x"), "0x"),
    "X": (lambda value: format(value, "X"), "0X"),
}


def _integer(value: int, form: _Format) -> str | None:
    if form.verb == "c":
        is_valid = 0 <= value <= 0x10FFFF and not 0xD800 <= value < 0xE000
        return form.padded(chr(value) if is_valid else "\ufffd")
    if form.verb == "q":
        return form.padded(quote_character(value))
    if form.verb == "U":
        return form.padded(f"U+{value:04X}" if value >= 0 else f"U+{value + 2**64:04X}")
    if form.verb not in _DIGITS:
        return None
    write, prefix = _DIGITS[form.verb]
    digits = write(abs(value))
    if form.precision is not None:
        digits = "" if form.precision == 0 and value == 0 else digits.rjust(form.precision, "0")
        form = _Format(form.verb, form.flags.replace("0", ""), form.width)
    if "#" in form.flags:
        digits = prefix + digits
    return form.padded(_signed(digits, value < 0, form), is_number=True)


def _float(value: float, form: _Format) -> str | None:
    if form.verb not in "veEfFgGsxX" or form.verb in "sxX":
        return None
    text = float_text(value, form.verb, form.precision)
    is_negative = text.startswith("-")
    text = text.lstrip("+-")
    if not text[:1].isdigit() and "0" in form.flags:
        form = _Format(form.verb, form.flags.replace("0", ""), form.width)
    if text == "Inf" and not is_negative and form.verb == "v":
        text = "+Inf"
        return form.padded(text)
    return form.padded(_signed(text, is_negative, form), is_number=True)
