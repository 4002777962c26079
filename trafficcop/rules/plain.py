"""The programs of plain skeletons, for which the grammar need not be loaded: calls joined by `&&` and `||`, no more.

It knows what it can read and leaves everything else to the grammar, mistakes above all.
"""

from __future__ import annotations

import re

from trafficcop.rules.names import MATCHERS, Kind, Syntax, canonical
from trafficcop.rules.program import Group, Leaf, Program, Shape, emit

_CALL = re.compile(r"[ \t]*([A-Za-z0-9]+)[ \t]*\([ \t]*(\0(?:[ \t]*,[ \t]*\0)*)[ \t]*\)[ \t]*", re.ASCII)


def read_plain(skeleton: str, kind: Kind, syntax: Syntax) -> Program | None:
    """The program of a rule whose literals are replaced by NUL characters; None for what is not plain."""
    position = 0
    choices: list[Shape] = []
    for choice in skeleton.split("||"):
        leaves: list[Shape] = []
        for call in choice.split("&&"):
            leaf = _leaf(call, position, kind, syntax)
            if leaf is None:
                return None
            leaves.append(leaf)
            position = leaf.end
        choices.append(leaves[0] if len(leaves) == 1 else Group(False, leaves))
    program: list[Leaf | bool] = []
    emit(choices[0] if len(choices) == 1 else Group(True, choices), False, program, 1)
    return program


def _leaf(call: str, position: int, kind: Kind, syntax: Syntax) -> Leaf | None:
    found = _CALL.fullmatch(call)
    name = canonical(found[1], kind, syntax) if found else None
    if found is None or name is None:
        return None
    count = found[2].count("\0")
    arities = MATCHERS[kind, syntax][name]
    return Leaf(name, position, position + count, False) if not arities or count in arities else None
