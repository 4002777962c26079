"""An inventory as YAML, with the source of each value as a comment."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from trafficcop.config.inventory import Node

_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./@+-]*|-?(?:[0-9]+(?:\.[0-9]+)?(?:h|m|s|ms|ns))+", re.ASCII)
# Plain scalars that YAML 1.1 or 1.2 reads as something else than a text.
_WORDS = frozenset(("true", "false", "yes", "no", "on", "off", "y", "n", "null"))
_INDENT = "  "
_COLUMN = 48  # where comments stand, if the line is short enough


def write_yaml(nodes: Sequence[Node]) -> str:
    """A file that loads to the same values, but for those that are masked."""
    return "".join(f"{line}\n" for line in _section(nodes, "")) or "{}\n"


def _section(nodes: Sequence[Node], indent: str) -> Iterator[str]:
    for node in nodes:
        head = f"{indent}{scalar(node.key)}:"
        if node.below is None:
            yield _commented(f"{head} {_value(node.value)}", node.source)
        elif not node.below:
            yield _commented(f"{head} {{}}", node.source)
        elif node.is_list:
            yield head
            for item in node.below:
                yield from _item(item, indent + _INDENT)
        else:
            yield head
            yield from _section(node.below, indent + _INDENT)


def _item(item: Node, indent: str) -> Iterator[str]:
    """A section of a list: its first line has the dash."""
    lines = list(_section(item.below or (), indent + _INDENT))
    yield f"{indent}- {lines[0].lstrip()}" if lines else f"{indent}- {{}}"
    yield from lines[1:]


def _commented(text: str, source: str) -> str:
    # A source is one line, whatever a file is called.
    shown = "".join(character if character.isprintable() else "?" for character in source)
    return f"{text:<{_COLUMN}}  # {shown}"


def _value(value: Any) -> str:
    """In one line: lists and mappings in brackets."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(key)}: {_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return scalar(value) if isinstance(value, str) else str(value)


def scalar(text: str) -> str:
    """A text, in quotes unless it is certain to stay what it is without them."""
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
