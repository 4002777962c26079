"""Go string literals: reading them and writing them (Go `strconv.Unquote`, `strconv.Quote`)."""

from __future__ import annotations

import re

_SIMPLE = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "\\": 92, '"': 34, "'": 39}
_NAMED = {code: "\\" + name for name, code in _SIMPLE.items() if name != "'"}
_ESCAPE = re.compile(
    r"\\(?:(?P<simple>[abfnrtv\\\"])|x(?P<x>[0-9a-fA-F]{2})|(?P<o>[0-7]{3})"
    r"|u(?P<u>[0-9a-fA-F]{4})|U(?P<U>[0-9a-fA-F]{8})|(?P<bad>.?))",
    re.DOTALL,
)


def to_bytes(text: str) -> bytes:
    """A Go string is bytes; those that are no UTF-8 are kept as lone surrogates."""
    return text.encode("utf-8", "surrogateescape" if _is_escaped(text) else "surrogatepass")


def _is_escaped(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udc7f" or "\udd00" <= letter <= "\udfff" for letter in text)


def from_bytes(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")


def unquote(written: str) -> str:
    """The string that a literal with its quotes means; ValueError when it means none."""
    if written[0] == "`":
        return written[1:-1].replace("\r", "")
    inner = written[1:-1]
    if "\\" not in inner:
        return inner
    return from_bytes(_unescaped(inner))


def _unescaped(inner: str) -> bytes:
    parts: list[bytes] = []
    position = 0
    for found in _ESCAPE.finditer(inner):
        parts.append(to_bytes(inner[position : found.start()]))
        parts.append(_escape(found))
        position = found.end()
    parts.append(to_bytes(inner[position:]))
    return b"".join(parts)


def _escape(found: re.Match[str]) -> bytes:
    if found["simple"]:
        return bytes([_SIMPLE[found["simple"]]])
    if found["x"]:
        return bytes([int(found["x"], 16)])
    if found["o"] and int(found["o"], 8) < 256:
        return bytes([int(found["o"], 8)])
    code = int(found["u"] or found["U"] or "110000", 16)
    if code > 0x10FFFF or 0xD800 <= code < 0xE000:
        raise ValueError(f"invalid escape in a string: {found[0]}")
    return chr(code).encode()


def quote(text: str, *, is_ascii: bool = False) -> str:
    """As `%q` writes a string."""
    return '"' + "".join(_written(letter, '"', is_ascii) for letter in text) + '"'


def quote_character(code: int) -> str:
    letter = chr(code) if 0 <= code <= 0x10FFFF and not 0xD800 <= code < 0xE000 else "\ufffd"
    return "'" + _written(letter, "'", False) + "'"


def _written(letter: str, mark: str, is_ascii: bool) -> str:
    code = ord(letter)
    if letter == mark or letter == "\\":
        return "\\" + letter
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if letter == " " or (letter.isprintable() and not (is_ascii and code > 126)):
        return letter
    if code in _NAMED and code not in (34, 39):
        return _NAMED[code]
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
