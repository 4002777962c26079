"""Sprig's functions on regular expressions, with Go's syntax and linear time (RE2)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import re2

from trafficcop.gotemplate.functions.registry import Family
from trafficcop.gotemplate.quoting import from_bytes, to_bytes
from trafficcop.gotemplate.values import LARGEST_TEXT, FunctionError, Slice

REGEX = Family()

_SPECIAL = frozenset("\\.+*?()|[]{}^$")
_REFERENCE = re.compile(r"\$(?:\$|\{(\w+)\}|(\w+))", re.ASCII)


def _compiled(expression: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(to_bytes(expression), options)
    except re2.error as error:
        raise FunctionError(f"error parsing regexp: {error}") from error


def _matches(expression: str, content: bytes) -> Iterator[Any]:
    """All matches; an empty one right behind another does not count in Go."""
    end = -1
    for found in _compiled(expression).finditer(content):
        if found.end() > found.start() or found.start() != end:
            yield found
        end = found.end()


@REGEX("mustRegexMatch", "string string", cost=5)
def must_match(expression: str, text: str) -> bool:
    found: object = _compiled(expression).search(to_bytes(text))
    return found is not None


@REGEX("regexMatch", "string string", cost=5)
def match(expression: str, text: str) -> bool:
    try:
        return must_match(expression, text)
    except FunctionError:
        return False  # Go's answer for an expression that is none


@REGEX("regexFind mustRegexFind", "string string", cost=5)
def find(expression: str, text: str) -> str:
    found = _compiled(expression).search(to_bytes(text))
    return from_bytes(found[0]) if found else ""


@REGEX("regexFindAll mustRegexFindAll", "string string int", cost=5)
def find_all(expression: str, text: str, limit: int) -> Slice:
    made = Slice((), "string")
    for found in _matches(expression, to_bytes(text)):
        if 0 <= limit <= len(made):
            break
        made.append(from_bytes(found[0]))
    return made


def _expanded(template: str, found: Any) -> bytes:
    def insert(reference: re.Match[str]) -> str:
        name = reference[1] or reference[2]
        if name is None:
            return "$"
        groups = found.re.groupindex
        number = int(name) if name.isdigit() else groups.get(name, groups.get(to_bytes(name), -1))
        return from_bytes(found[number] or b"") if 0 <= number <= found.re.groups else ""

    return to_bytes(_REFERENCE.sub(insert, template))


def _replaced(expression: str, text: str, replacement: str, *, is_literal: bool) -> str:
    content = to_bytes(text)
    parts: list[bytes] = []
    position = size = 0
    for found in _matches(expression, content):
        made = to_bytes(replacement) if is_literal else _expanded(replacement, found)
        parts += [content[position : found.start()], made]
        size += len(made)
        if size > LARGEST_TEXT:
            raise FunctionError("the text grows too large")
        position = found.end()
    return from_bytes(b"".join([*parts, content[position:]]))


@REGEX("regexReplaceAll mustRegexReplaceAll", "string string string", cost=5)
def replace_all(expression: str, text: str, replacement: str) -> str:
    return _replaced(expression, text, replacement, is_literal=False)


@REGEX("regexReplaceAllLiteral mustRegexReplaceAllLiteral", "string string string", cost=5)
def replace_all_literal(expression: str, text: str, replacement: str) -> str:
    return _replaced(expression, text, replacement, is_literal=True)


@REGEX("regexSplit mustRegexSplit", "string string int", cost=5)
def split(expression: str, text: str, limit: int) -> Slice:
    """Go's Split: an empty match at the very start or end cuts nothing."""
    content = to_bytes(text)
    if limit == 0:
        return Slice((), "string")
    if expression and not content:
        return Slice([""], "string")
    parts: list[bytes] = []
    begin = end = 0
    for found in _matches(expression, content):
        if 0 < limit == len(parts) + 1:
            break
        end = found.start()
        if found.end() != 0:
            parts.append(content[begin:end])
        begin = found.end()
    if end != len(content):
        parts.append(content[begin:])
    return Slice(map(from_bytes, parts), "string")


@REGEX("regexQuoteMeta", "string")
def quote_meta(text: str) -> str:
    return "".join("\\" + letter if letter in _SPECIAL else letter for letter in text)
