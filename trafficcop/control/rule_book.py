"""Parsed rules, kept from one compilation to the next: most rules of a reload have been seen before."""

from __future__ import annotations

from trafficcop.rules.ast import Node
from trafficcop.rules.errors import RuleError
from trafficcop.rules.hints import hints
from trafficcop.rules.matchers import check
from trafficcop.rules.names import Kind, Syntax
from trafficcop.rules.parse import parse

_Key = tuple[str, Kind, Syntax]


class RuleBook:
    """Rules by text. What the last compilation did not use is forgotten by `turn`."""

    def __init__(self) -> None:
        self._current: dict[_Key, Node | RuleError] = {}
        self._previous: dict[_Key, Node | RuleError] = {}

    def turn(self) -> None:
        """Start a new compilation."""
        self._previous = self._current
        self._current = {}

    def parse(self, rule: str, kind: Kind, syntax: Syntax) -> Node:
        """The tree of a rule that can be linked; RuleError otherwise."""
        key = (rule, kind, syntax)
        result = self._current.get(key)
        if result is None:
            result = self._previous.get(key) or _parse(rule, kind, syntax)
            self._current[key] = result
        if isinstance(result, RuleError):
            raise result
        return result

    def hints(self, rule: str, kind: Kind, syntax: Syntax) -> tuple[str, ...]:
        """Warnings about a rule that `parse` has returned."""
        node = self._current[rule, kind, syntax] if "{" in rule or "=" in rule else None
        return () if node is None or isinstance(node, RuleError) else hints(node, syntax)


def _parse(rule: str, kind: Kind, syntax: Syntax) -> Node | RuleError:
    try:
        node = parse(rule, kind, syntax)
        check(node, kind, syntax, rule)
    except RuleError as error:
        return error.with_traceback(None)
    except RecursionError:
        return RuleError("too many levels of parentheses and operators")
    return node
