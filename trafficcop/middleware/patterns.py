"""Users' regular expressions: Go's syntax in linear time, and Go's replacement templates."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import re2

from trafficcop.middleware.linear import linear

_OPTIONS: Final = re2.Options()
_OPTIONS.log_errors = False
_BYTES: Final = re2.Options()
_BYTES.log_errors = False
_BYTES.encoding = re2.Options.Encoding.LATIN1
_REFERENCE: Final = re.compile(rb"\$(?:(\$)|(\w+)|\{(\w+)\})")


Span = tuple[int, int]
_NOWHERE: Final[Span] = (-1, -1)
_ANYWHERE: Final[Any] = re2._Anchor.UNANCHORED

# Texts come again: what became of them is remembered, for so many of them and not longer. Clients choose them.
_REMEMBERED = 1024
_LONGEST: Final = 512


class Outcomes:
    """What became of texts that were met before."""

    __slots__ = ("_known", "of")

    def __init__(self) -> None:
        self._known: dict[bytes, bytes] = {}
        self.of: Callable[[bytes], bytes | None] = self._known.get

    def keep(self, text: bytes, outcome: bytes) -> bytes:
        if len(text) <= _LONGEST and len(outcome) <= _LONGEST:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[text] = outcome
        return outcome


class Pattern:
    """One expression over bytes. ValueError when it cannot be compiled."""

    __slots__ = ("_match", "_pattern", "_text", "is_at_start", "match_start")

    def __init__(self, text: str) -> None:
        try:
            self._pattern: Any = re2.compile(text.encode(), _OPTIONS)
        except re2.error as error:
            raise ValueError(f"error parsing regexp: {_reason(error)}") from None
        self._text = text.encode()
        # What `search` calls, without a generator and a match object around it: a third of the price.
        self._match: Any = self._pattern._regexp.Match
        # It can match once, at the start: no second search is needed. (False only means: not known.)
        self.is_at_start = text.startswith(("^", r"\A")) and "|" not in text and "(?" not in text

        quick = linear(text)
        # The quickest there is, where there is one: at the start of a text, as quick as to remember what came of it.
        self.match_start = None if quick is None else quick.match

    def length_at_start(self, text: bytes) -> int:
        """How long the match at the start of a text is; 0 without one."""
        if self.match_start is not None:
            match = self.match_start(text)
            return 0 if match is None else match.end()
        spans = self.spans(text)
        return 0 if spans is None or spans[0][0] else spans[0][1]

    def spans(self, text: bytes, start: int = 0) -> Sequence[Span] | None:
        """Where the leftmost match from `start` on stands, then its groups; None without one."""
        if self.match_start is not None and self.is_at_start:
            match = None if start else self.match_start(text)
            return None if match is None else match.regs
        if text.isascii():
            spans: list[Span] = self._match(_ANYWHERE, text, start, len(text))
        else:
            spans = self._match_of(text)(_ANYWHERE, text, start, len(text))
        return None if spans[0] == _NOWHERE else spans

    def _match_of(self, text: bytes) -> Any:
        """To Go a byte that is no UTF-8 is a character; to RE2 it ends a match, unless bytes are characters."""
        try:
            text.decode()
        except UnicodeDecodeError:
            return re2.compile(self._text, _BYTES)._regexp.Match
        return self._match

    def is_in(self, text: bytes) -> bool:
        return self.spans(text) is not None

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

    __slots__ = ("_match_start", "_parts", "_pattern", "_simple")

    def __init__(self, pattern: Pattern, template: str) -> None:
        self._pattern = pattern
        self._match_start = pattern.match_start if pattern.is_at_start else None
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
        self._simple = _simple(self._parts)
        self._parts = [part for part in self._parts if part != b""]

    def in_all(self, text: bytes) -> bytes | None:
        """`text` with every match replaced (Go: Regexp.ReplaceAll), None when nothing matches."""
        if self._match_start is not None and self._simple is not None:
            match = self._match_start(text)
            if match is None:
                return None
            before, group, after = self._simple
            return before + match[group] + after + text[match.end() :]
        if self._pattern.is_at_start:
            spans = self._pattern.spans(text)
            if spans is None:
                return None
            replaced = self._expand(text, spans)
            end = spans[0][1]
            return replaced if end == len(text) else replaced + text[end:]
        result: list[bytes] = []
        copied, position = 0, 0
        find = self._pattern.spans
        while position <= len(text):
            spans = find(text, position)
            if spans is None:
                if not result:
                    return None
                break
            start, end = spans[0]
            result.append(text[copied:start])
            # Go takes no empty match that touches the match before it.
            if end > copied or start == 0:
                result.append(self._expand(text, spans))
            copied = end
            position = end if end > position else _after_character(text, position)
            if end == start and position == end:
                position = _after_character(text, end)
        result.append(text[copied:])
        return b"".join(result)

    def _expand(self, text: bytes, spans: Sequence[Span]) -> bytes:
        parts = []
        for part in self._parts:
            if isinstance(part, bytes):
                parts.append(part)
            else:
                start, end = spans[part]
                if start >= 0:
                    parts.append(text[start:end])
        return b"".join(parts)


def _simple(parts: list[bytes | int]) -> tuple[bytes, int, bytes] | None:
    """A template of one group with some text around it, as most are."""
    if len(parts) == 3:
        before, group, after = parts
        if isinstance(before, bytes) and isinstance(group, int) and isinstance(after, bytes):
            return before, group, after
    return None


def _after_character(text: bytes, position: int) -> int:
    """The start of the next UTF-8 character."""
    position += 1
    while position < len(text) and text[position] & 0xC0 == 0x80:
        position += 1
    return position
