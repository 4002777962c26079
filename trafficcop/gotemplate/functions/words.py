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
    """Words joined, each but the first with a capital; separators before, behind and in excess of one stay."""
    pieces = re.split(r"([\s_-]+)", text)
    if not any(pieces[::2]):
        return text + text[-1:]  # so it is in xstrings
    first = 0 if pieces[0] else 2
    joined = []
    for index, piece in enumerate(pieces):
        if index % 2:
            is_between = index > first and pieces[index + 1]
            joined.append(piece[:-1] if is_between else piece)
        elif piece:
            joined.append(_camel_word(piece, is_first=index == first))
    return "".join(joined)


def _camel_word(word: str, *, is_first: bool) -> str:
    """Capitals at the beginning are one and the rest small, so that `HTTP` is `Http`; all others stay."""
    length = next((index for index, letter in enumerate(word) if not letter.isupper()), len(word))
    rest = "".join(map(_lowered, word[1:length])) + word[max(length, 1) :]
    return (_lowered(word[0]) if is_first else _raised(word[0])) + rest


def _lowered(letter: str) -> str:
    lowered = letter.lower()
    return lowered if len(lowered) == 1 else letter


def _raised(letter: str) -> str:
    raised = letter.upper()
    return raised if len(raised) == 1 else letter


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
