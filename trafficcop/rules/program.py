"""What a rule is between its text and its tree: a shape of groups and leaves, written down as a program."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from trafficcop.rules.errors import RuleError

MAX_DEPTH = 150  # of the tree: it is pickled and walked by recursion


class Leaf(NamedTuple):
    """A matcher whose arguments are those literals of the rule that have the indices `start` to `end`."""

    name: str
    start: int
    end: int
    is_negated: bool


# A tree in postfix order. True and False are Or and And over the last two.
Program = Sequence[Leaf | bool]


class Group(NamedTuple):
    """What `&&` or `||` join, two at least."""

    is_or: bool
    items: Sequence[Shape]


class Negation(NamedTuple):
    """What stands behind a `!`."""

    item: Leaf | Group


Shape = Leaf | Group | Negation


def emit(shape: Shape, is_negated: bool, program: list[Leaf | bool], depth: int) -> None:
    """Write a shape in postfix order, with negations pushed down to the leaves (De Morgan)."""
    if isinstance(shape, Negation):
        is_negated = not is_negated
        shape = shape.item
    if isinstance(shape, Leaf):
        program.append(shape._replace(is_negated=is_negated))
    else:
        _emit_range(shape, 0, len(shape.items), is_negated, program, depth)


def _emit_range(group: Group, start: int, end: int, is_negated: bool, program: list[Leaf | bool], depth: int) -> None:
    """Long lists are halved, so that the tree of thousands of hosts is a dozen nodes deep."""
    if depth > MAX_DEPTH:
        raise RuleError("too deeply nested")
    if end - start == 1:
        emit(group.items[start], is_negated, program, depth + 1)
        return
    middle = start + (end - start + 1) // 2
    _emit_range(group, start, middle, is_negated, program, depth + 1)
    _emit_range(group, middle, end, is_negated, program, depth + 1)
    program.append(group.is_or != is_negated)
