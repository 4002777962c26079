"""Sprig's functions on encodings: base64, base32 and JSON."""

from __future__ import annotations

import base64
import binascii
import json
import math

from trafficcop.gotemplate.functions.registry import Family
from trafficcop.gotemplate.numbers import json_float
from trafficcop.gotemplate.quoting import from_bytes, to_bytes
from trafficcop.gotemplate.values import LARGEST_LIST, Certificate, FunctionError, Map, Slice, Time

ENCODING = Family()
add = ENCODING.add

add("b64enc", "string", lambda text: base64.b64encode(to_bytes(text)).decode())
add("b32enc", "string", lambda text: base64.b32encode(to_bytes(text)).decode())


def _clean(text: str) -> bytes:
    return to_bytes(text.replace("\n", "").replace("\r", ""))


@ENCODING("b64dec", "string")
def base64_decode(text: str) -> str:
    try:
        return from_bytes(base64.b64decode(_clean(text), validate=True))
    except (binascii.Error, ValueError):
        return f"illegal base64 data at input byte {_valid(text, set(_BASE64), 4)}"


@ENCODING("b32dec", "string")
def base32_decode(text: str) -> str:
    try:
        return from_bytes(base64.b32decode(_clean(text)))
    except (binascii.Error, ValueError):
        return f"illegal base32 data at input byte {_valid(text, set(_BASE32), 8)}"


_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def _valid(text: str, alphabet: set[str], group: int) -> int:
    """How far the text can be decoded."""
    wrong = next((index for index, letter in enumerate(text) if letter not in alphabet), None)
    return len(text) // group * group if wrong is None else wrong


class _Writer:
    """Values as `encoding/json` writes them: keys sorted, and `<`, `>`, `&` escaped unless the text is to be raw."""

    def __init__(self, indent: str, *, is_raw: bool) -> None:
        self._indent = indent
        self._is_raw = is_raw
        self._left = LARGEST_LIST

    def write(self, value: object, depth: int = 0) -> str:
        self._left -= 1
        if depth > 60 or self._left < 0:
            raise FunctionError("a value is nested too deeply or too large for JSON")
        match value:
            case None:
                return "null"
            case bool():
                return "true" if value else "false"
            case int():
                return str(int(value))
            case float():
                if not math.isfinite(value):
                    raise FunctionError("json: unsupported value")
                return json_float(value)
            case str():
                return self._text(value)
            case Slice():
                return self._group("[", [self.write(item, depth + 1) for item in value], "]", depth)
            case Map():
                return self._map(value, depth)
            case Certificate():
                return self._map(Map({"Cert": value.Cert, "Key": value.Key}), depth)
            case Time():
                return self._text(value.rfc3339())
        return self._text(str(value))

    def _map(self, value: Map, depth: int) -> str:
        colon = ": " if self._indent else ":"
        pairs = [f"{self._text(key)}{colon}{self.write(value[key], depth + 1)}" for key in sorted(value)]
        return self._group("{", pairs, "}", depth)

    def _group(self, opening: str, items: list[str], closing: str, depth: int) -> str:
        if not items or not self._indent:
            return opening + ",".join(items) + closing
        inner = "\n" + self._indent * (depth + 1)
        return opening + inner + ("," + inner).join(items) + "\n" + self._indent * depth + closing

    def _text(self, text: str) -> str:
        whole = to_bytes(text).decode("utf-8", "replace")
        made = json.dumps(whole, ensure_ascii=False)
        made = made.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
        if self._is_raw:
            return made
        return made.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


add("toJson mustToJson", "any", lambda value: _Writer("", is_raw=False).write(value), cost=20)
add("toPrettyJson mustToPrettyJson", "any", lambda value: _Writer("  ", is_raw=False).write(value), cost=20)
add("toRawJson mustToRawJson", "any", lambda value: _Writer("", is_raw=True).write(value), cost=20)


def _value(parsed: object) -> object:
    """Numbers of JSON are float64 in Go."""
    if isinstance(parsed, dict):
        return Map({key: _value(item) for key, item in parsed.items()})
    if isinstance(parsed, list):
        return Slice(map(_value, parsed))
    return parsed


def _constant(name: str) -> object:
    raise ValueError(f"invalid character {name[0]!r} looking for beginning of value")


@ENCODING("mustFromJson", "string", cost=20)
def must_from_json(text: str) -> object:
    return _value(json.loads(text, parse_int=float, parse_constant=_constant))


@ENCODING("fromJson", "string", cost=20)
def from_json(text: str) -> object:
    try:
        return must_from_json(text)
    except ValueError:
        return None
