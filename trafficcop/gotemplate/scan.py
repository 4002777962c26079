"""Cutting a template into text and actions (Go `text/template/parse/lex.go`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from trafficcop.gotemplate.errors import TemplateError

_BLANK = " \t\r\n"
_OPEN = re.compile(r"\{\{(-(?=[ \t\r\n]))?[ \t\r\n]*")
_COMMENT = re.compile(r"/\*.*?\*/([ \t\r\n]+-)?\}\}", re.DOTALL)
# The alternatives begin with different characters, so that text without an end is found out in one pass. (Possessive
# quantifiers would say so, but Python 3.11.2, which Debian 12 has, gets them wrong.)
_ACTION = re.compile(r"""(?:"(?:\\.|[^"\\\n])*"|`[^`]*`|'(?:\\.|[^'\\\n])*'|[^"`'{}]|\}(?!\})|\{)*""", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text, or what stands in an action."""

    content: str
    at: int
    is_action: bool


def line_and_column(text: str, at: int) -> tuple[int, int]:
    return text.count("\n", 0, at) + 1, at - (text.rfind("\n", 0, at) + 1) + 1


def scan(text: str) -> Iterator[Piece]:
    """The pieces in order, blanks beside trim markers taken away."""
    position, is_trimmed = 0, False
    while True:
        opening = _OPEN.search(text, position)
        plain = text[position : opening.start() if opening else len(text)]
        if is_trimmed:
            plain = plain.lstrip(_BLANK)
        if opening and opening[1]:
            plain = plain.rstrip(_BLANK)
        if plain:
            yield Piece(plain, position, False)
        if not opening:
            return
        piece, position, is_trimmed = _action(text, opening)
        if piece is not None:
            yield piece


def _action(text: str, opening: re.Match[str]) -> tuple[Piece | None, int, bool]:
    start = opening.end()
    if text.startswith("/*", start):
        comment = _COMMENT.match(text, start)
        if comment is None:
            raise TemplateError("unclosed comment, or one that does not end the action", *line_and_column(text, start))
        return None, comment.end(), comment[1] is not None
    end = _end(text, start)
    content = text[start:end]
    is_trimmed = content.endswith("-") and content[:-1].endswith(tuple(_BLANK))
    content = (content[:-1] if is_trimmed else content).rstrip(_BLANK)
    if not content:
        raise TemplateError("missing value for command", *line_and_column(text, opening.start()))
    return Piece(content, start, True), end + 2, is_trimmed


def _end(text: str, start: int) -> int:
    found = _ACTION.match(text, start)
    end = found.end() if found else start
    if not text.startswith("}}", end):
        problem = "unterminated quoted string" if text[end : end + 1] in ('"', "`", "'") else "unclosed action"
        raise TemplateError(problem, *line_and_column(text, min(end, len(text))))
    return end
