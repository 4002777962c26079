"""Sprig's functions that know words: other spellings of a name, and wrapping lines."""

from __future__ import annotations

import re

from trafficcop.gotemplate.functions.registry import Family
from trafficcop.gotemplate.values import LARGEST_TEXT, FunctionError

WORDS = Family()

# A run of capitals whose last one begins the next word, a word, or digits (xstrings `ToSnakeCase`).
_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[^A-Z0-9\s_-]+|[A-Z]+|[0-9][^A-Z\s_-]*")


@WORDS("snakecase", "string")
def snake_case(text: str) -> str:
    return _separated(text, "_")


@WORDS("kebabcase", "string")
def kebab_case(text: str) -> str:
    return _separated(text, "-")


def _separated(text: str, mark: str) -> str:
    """Separators that stand in the text stay as many as they are; others come between its words."""
    pieces = re.split(r"([\s_-]+)", text)
    made = [
        mark * len(piece) if index % 2 else mark.join(_WORD.findall(piece)).lower()
        for index, piece in enumerate(pieces)
    ]
    return "".join(made)


@WORDS("camelcase", "string")
def camel_case(text: str) -> str:
    core = text.strip("_- \t\r\n")
    if not core:
        return text
    start = text.index(core)
    pieces = re.split(r"([\s_-]+)", core)
    # Of several separators in a row one is dropped.
    words = [piece[1:] if index % 2 else piece[:1].upper() + piece[1:].lower() for index, piece in enumerate(pieces)]
    return text[:start] + "".join(words) + text[start + len(core) :]


@WORDS("swapcase", "string")
def swap_case(text: str) -> str:
    """Upper to lower; lower to title case at the start of a word and to upper case elsewhere."""
    return text.swapcase() if text.isascii() else "".join(map(_swapped, text))


def _swapped(letter: str) -> str:
    swapped = letter.swapcase()
    return swapped if len(swapped) == 1 else letter


@WORDS("wrap", "int string")
def wrap(width: int, text: str) -> str:
    return _wrapped(text, width, "\n", is_hard=False)


@WORDS("wrapWith", "int string string")
def wrap_with(width: int, separator: str, text: str) -> str:
    return _wrapped(text, width, separator or "\n", is_hard=True)


def _wrapped(text: str, width: int, separator: str, *, is_hard: bool) -> str:
    """Lines of at most `width` letters, broken at spaces (goutils `WrapCustom`)."""
    width = max(width, 1)
    if len(text) // width * len(separator) + len(text) > LARGEST_TEXT:
        raise FunctionError("the text grows too large")
    lines: list[str] = []
    position = 0
    while len(text) - position > width:
        if text[position] == " ":
            position += 1
            continue
        end = position + width
        space = text.rfind(" ", position, end + 1)
        if space >= position:
            lines.append(text[position:space])
            position = space + 1
        elif is_hard:
            lines.append(text[position:end])
            position = end
        else:
            space = text.find(" ", end)
            if space < 0:
                break
            lines.append(text[position:space])
            position = space + 1
    lines.append(text[position:])
    return separator.join(lines)
