"""Media types as Go reads them (RFC 9110 §8.3.1, Go: mime.ParseMediaType)."""

from __future__ import annotations

import re
from typing import Final

_WORD: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_TYPE: Final = re.compile(rf"({_WORD})?(/)?({_WORD})?(.*)", re.DOTALL)
_PARAMETERS: Final = re.compile(rf'(?:\s*;\s*{_WORD}\s*=\s*(?:{_WORD}|"(?:[^"\\\r\n]|\\.)*"))*\s*(?:;\s*)?', re.DOTALL)


def media_type(text: str) -> str:
    """The type without its parameters, in lower case. ValueError for what is none."""
    name, semicolon, parameters = text.partition(";")
    name = name.strip().lower()
    found = _TYPE.fullmatch(name)
    first, slash, second, rest = found.groups() if found is not None else (None, None, None, "")
    if not first:
        raise ValueError("mime: no media type")
    if not slash and rest:
        raise ValueError("mime: expected slash after first token")
    if slash and not second:
        raise ValueError("mime: expected token after slash")
    if rest:
        raise ValueError("mime: unexpected content after media subtype")
    if _PARAMETERS.fullmatch(semicolon + parameters) is None:
        raise ValueError("mime: invalid media parameter")
    return name
