"""From the text of a rule to its tree.

Rules of one configuration are mostly alike but for their literals. So the grammar sees each *skeleton* (the rule
without what stands in backticks) once; after that a rule costs a split, a look-up and its nodes. What may not be split
at backticks alone (double quotes, comments …) always takes the slow way through `shape.py`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trafficcop.rules.ast import And, Matcher, Node, Or
from trafficcop.rules.errors import RuleError
from trafficcop.rules.names import Kind, Syntax
from trafficcop.rules.plain import read_plain
from trafficcop.rules.program import Program

if TYPE_CHECKING:
    from trafficcop.rules.shape import Parsed

__all__ = ["MAX_LENGTH", "RuleError", "locate", "parse"]

MAX_LENGTH = 1 << 20  # characters of a rule

_CATCH_ALL: dict[Kind, Matcher] = {"tcp": Matcher("HostSNI", ("*",)), "udp": Matcher("*", ())}
_LITERAL = re.compile("`([^`]*)`")
_INSEPARABLE = re.compile("[\"'/`]")  # what may hide a backtick, or be a backtick without its other half
_SKELETONS_LIMIT = 4096
_SKELETON_LENGTH = 1024
_skeletons: dict[tuple[str, Kind, Syntax], Program] = {}


def parse(text: str, kind: Kind = "http", syntax: Syntax = "v3") -> Node:
    """The tree of a rule. Raises RuleError with the line and column where it goes wrong."""
    pieces = _LITERAL.split(text)
    values = pieces[1::2]
    skeleton = "\0".join(pieces[0::2])
    if "" in values or "\r" in text or not text.isascii() or len(text) > MAX_LENGTH:
        return _parse_slowly(text, kind, syntax)
    program = _skeletons.get((skeleton, kind, syntax))
    if program is not None:
        return _instantiate(program, values)
    if "\0" in text or len(skeleton) >= _SKELETON_LENGTH or _INSEPARABLE.search(skeleton) is not None:
        return _parse_slowly(text, kind, syntax)
    program = read_plain(skeleton, kind, syntax)
    if program is None:
        if kind in _CATCH_ALL and text.strip() == "*":
            return _CATCH_ALL[kind]
        program = _read(text, kind, syntax).program
    if len(_skeletons) >= _SKELETONS_LIMIT:
        _skeletons.clear()
    _skeletons[skeleton, kind, syntax] = program
    return _instantiate(program, values)


def _parse_slowly(text: str, kind: Kind, syntax: Syntax) -> Node:
    if kind in _CATCH_ALL and text.strip() == "*":
        return _CATCH_ALL[kind]
    parsed = _read(text, kind, syntax)
    return _instantiate(parsed.program, parsed.values)


def _read(text: str, kind: Kind, syntax: Syntax) -> Parsed:
    if len(text) > MAX_LENGTH:
        raise RuleError(f"the rule is longer than {MAX_LENGTH} characters")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        before = text[: error.start]
        raise RuleError(
            "the rule is not valid Unicode", error.start - before.rfind("\n"), before.count("\n") + 1
        ) from None
    # Lark is loaded by the process that parses, not by the workers that only link.
    from trafficcop.rules.shape import read

    return read(text, kind, syntax)


def _instantiate(program: Program, values: list[str]) -> Node:
    stack: list[Node] = []
    for step in program:
        if step is True:
            right = stack.pop()
            stack[-1] = Or(stack[-1], right)
        elif step is False:
            right = stack.pop()
            stack[-1] = And(stack[-1], right)
        else:
            name, start, end, is_negated = step
            stack.append(Matcher(name, tuple(values[start:end]), is_negated))
    return stack[0]


def locate(text: str, kind: Kind, syntax: Syntax, leaf: int, argument: int) -> tuple[int, int]:
    """Line and column of an argument of the nth matcher of a rule that parses."""
    parsed = _read(text, kind, syntax)
    found = [step for step in parsed.program if not isinstance(step, bool)][leaf]
    token = parsed.tokens[min(found.start + max(argument, 0), found.end - 1)]
    return token.line or 1, token.column or 1
