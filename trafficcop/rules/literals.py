"""Go's string literals: what the text between the quotes stands for."""

from __future__ import annotations

import re

from trafficcop.rules.errors import RuleError

_ESCAPE = re.compile(r"\\(?:([abfnrtv\\\"])|([0-7]{3})|x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.?))")
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\", '"': '"'}


def raw(token: str) -> str:
    """The value of a literal in backticks; carriage returns do not count."""
    return token[1:-1].replace("\r", "")


def interpreted(token: str) -> str:
    """The value of a literal in double quotes. Bytes that are no UTF-8 become lone surrogates (PEP 383)."""
    inner = token[1:-1]
    if "\\" not in inner:
        return inner
    pieces: list[bytes] = []
    end = 0
    for match in _ESCAPE.finditer(inner):
        pieces.append(inner[end : match.start()].encode())
        pieces.append(_value(match))
        end = match.end()
    pieces.append(inner[end:].encode())
    return b"".join(pieces).decode("utf-8", "surrogateescape")


def _value(match: re.Match[str]) -> bytes:
    simple, octal, octet, short, long, _ = match.groups()
    if simple:
        return _SIMPLE[simple].encode()
    if octal or octet:
        number = int(octal, 8) if octal else int(octet, 16)
        if number < 256:
            return bytes([number])
    elif short or long:
        number = int(short or long, 16)
        if number < 0x110000 and not 0xD800 <= number < 0xE000:
            return chr(number).encode()
    raise RuleError(
        f"unknown escape sequence {match[0]} in a text in double quotes: write it in backticks, which have no escapes",
        column=match.start() + 2,
    )
