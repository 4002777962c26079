"""Users' regular expressions: Go's syntax in linear time, and Go's replacement templates."""

from __future__ import annotations

import re
from typing import Any

import re2

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False
_REFERENCE = re.compile(rb"\$(?:(\$)|(\w+)|\{(\w+)\})")


class Pattern:
    """One expression over bytes. ValueError when it cannot be compiled."""

    __slots__ = ("_pattern", "is_at_start", "search")

    def __init__(self, text: str) -> None:
        try:
            self._pattern: Any = re2.compile(text.encode(), _OPTIONS)
        except re2.error as error:
            raise ValueError(f"error parsing regexp: {_reason(error)}") from None
        self.search = self._pattern.search
        # It can match once, at the start: no second search is needed. (False only means: not known.)
        self.is_at_start = text.startswith(("^", r"\A")) and "|" not in text and "(?" not in text

    def names(self) -> dict[bytes, int]:
        """The groups that have a name."""
        return {_as_bytes(name): index for name, index in self._pattern.groupindex.items()}

    @property
    def groups(self) -> int:
        count: int = self._pattern.groups
        return count


def _as_bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def _reason(error: Exception) -> str:
    reason = error.args[0] if error.args else ""
    return reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)


class Replacement:
    """A template with `$1`, `${1}`, `$name`, `${name}` and `$$` (Go: Regexp.Expand). An unknown group is empty."""

    __slots__ = ("_parts", "_pattern")

    def __init__(self, pattern: Pattern, template: str) -> None:
        self._pattern = pattern
        self._parts: list[bytes | int] = []
        text, names, position = template.encode(), pattern.names(), 0
        for reference in _REFERENCE.finditer(text):
            self._parts.append(text[position : reference.start()])
            position = reference.end()
            if reference[1]:
                self._parts.append(b"$")
                continue
            name = reference[2] or reference[3]
            group = int(name) if name.isdigit() else names.get(name, -1)
            if 0 <= group <= pattern.groups:
                self._parts.append(group)
        self._parts.append(text[position:])

    def in_all(self, text: bytes) -> bytes | None:
        """`text` with every match replaced (Go: Regexp.ReplaceAll), None when nothing matches."""
        result: list[bytes] = []
        copied, position = 0, 0
        search = self._pattern.search
        while position <= len(text):
            match = search(text, position)
            if match is None:
                if not result:
                    return None
                break
            start, end = match.span()
            result.append(text[copied:start])
            # Go takes no empty match that touches the match before it.
            if end > copied or start == 0:
                result.append(self._expand(match))
            copied = end
            if self._pattern.is_at_start:
                break
            position = end if end > position else _after_character(text, position)
            if end == start and position == end:
                position = _after_character(text, end)
        result.append(text[copied:])
        return b"".join(result)

    def _expand(self, match: Any) -> bytes:
        return b"".join([part if isinstance(part, bytes) else match.group(part) or b"" for part in self._parts])


def _after_character(text: bytes, position: int) -> int:
    """The start of the next UTF-8 character."""
    position += 1
    while position < len(text) and text[position] & 0xC0 == 0x80:
        position += 1
    return position
