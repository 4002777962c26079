"""The slow, exact way from text to tree: lexed and parsed by the grammar, with every mistake explained."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from lark import Lark, Token, UnexpectedToken
from lark.exceptions import VisitError
from lark.visitors import Transformer_NonRecursive

from trafficcop.rules import literals
from trafficcop.rules.errors import RuleError
from trafficcop.rules.explain import explain
from trafficcop.rules.names import MATCHERS, Kind, Syntax, canonical, unsupported

MAX_NESTING = 100  # parentheses within parentheses
MAX_DEPTH = 150  # of the tree: it is pickled and walked by recursion


class Leaf(NamedTuple):
    """A matcher whose arguments are those literals of the rule that have the indices `start` to `end`."""

    name: str
    start: int
    end: int
    is_negated: bool


# A tree in postfix order. True and False are Or and And over the last two.
Program = Sequence[Leaf | bool]


@dataclass(slots=True)
class _Group:
    is_or: bool
    items: list[_Shape]


@dataclass(slots=True)
class _Negation:
    item: Leaf | _Group


_Shape = Leaf | _Group | _Negation


@dataclass(slots=True)
class Parsed:
    """A rule as it was read: the shape of its tree, its literals and where each of them stands."""

    program: list[Leaf | bool] = field(default_factory=list)
    values: list[str] = field(default_factory=list)
    tokens: list[Token] = field(default_factory=list)


class _Lines:
    """Go's automatic semicolon: a line break after `)` ends the expression, unless parentheses are still open."""

    always_accept = ("OPEN_TEXT", "OPEN_COMMENT", "OTHER")

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        depth = 0
        last: Token | None = None
        for token in stream:
            if last is not None and depth == 0 and last.type in ("_RIGHT", "NAME") and token.line != last.end_line:
                yield Token("SEMICOLON", "\n", line=last.end_line, column=last.end_column)
            if token.type == "_LEFT":
                depth += 1
                if depth > MAX_NESTING:
                    raise RuleError("too many parentheses within parentheses", token.column or 0, token.line or 1)
            elif token.type == "_RIGHT" and depth:
                depth -= 1
            last = token
            yield token


class _Builder(Transformer_NonRecursive[Token, Parsed]):
    """Collects the arguments and returns the shape."""

    def __init__(self, kind: Kind, syntax: Syntax) -> None:
        super().__init__()
        self.kind = kind
        self.syntax = syntax
        self.parsed = Parsed()

    def any_of(self, items: list[_Shape]) -> _Shape:
        return _Group(True, items)

    def all_of(self, items: list[_Shape]) -> _Shape:
        return _Group(False, items)

    def negation(self, items: list[_Shape]) -> _Shape:
        item = items[0]
        return item.item if isinstance(item, _Negation) else _Negation(item)

    def call(self, items: list[Token]) -> _Shape:
        name, *arguments = items
        matcher = canonical(name, self.kind, self.syntax)
        if matcher is None:
            raise _at(name, unsupported(name, self.kind, self.syntax))
        start = len(self.parsed.values)
        values = [_value(argument, matcher) for argument in arguments]
        self._check(matcher, name, arguments, values)
        self.parsed.values += values
        self.parsed.tokens += arguments
        return Leaf(matcher, start, start + len(values), False)

    def start(self, items: list[_Shape]) -> Parsed:
        _emit(items[0], False, self.parsed.program, 1)
        return self.parsed

    def _check(self, matcher: str, name: Token, arguments: list[Token], values: list[str]) -> None:
        if not values:
            raise _at(name, f"no args for matcher {matcher}")
        arities = MATCHERS[self.kind, self.syntax][matcher]
        if arities and len(values) not in arities:
            raise _at(arguments[min(len(values), arities[-1]) - 1], _arity(matcher, len(values), arities))
        if "" in values:
            raise _at(arguments[values.index("")], f"empty args for matcher {matcher}, {values}")


def _arity(matcher: str, count: int, arities: tuple[int, ...]) -> str:
    expected = " or ".join(map(str, arities))
    message = f"unexpected number of parameters for {matcher}; got {count}, expected {expected}"
    if count > arities[-1] == 1:
        message += (
            f" (several values are written {matcher}(`a`) || {matcher}(`b`); {matcher}(`a`, `b`) is the v2 syntax:"
            " `ruleSyntax: v2` on the router or `core.defaultRuleSyntax: v2`)"
        )
    return message


def _at(token: Token, message: str) -> RuleError:
    return RuleError(message, token.column or 0, token.line or 1)


def _value(token: Token, matcher: str) -> str:
    if token.type == "RAW":
        return literals.raw(token)
    if token.type == "TEXT":
        try:
            return literals.interpreted(token)
        except RuleError as error:
            raise RuleError(error.message, (token.column or 1) + error.column - 1, token.line or 1) from None
    if token.type == "RUNE":
        inner = token[1:-1]
        raise _at(
            token, f"unsupported argument of {matcher}: {token} is in single quotes, write `{inner}` in backticks"
        )
    what = "a number" if token.type == "NUMBER" else "not defined"
    raise _at(token, f"unsupported argument of {matcher}: {token} is {what}, write `{token}` in backticks")


def _emit(shape: _Shape, is_negated: bool, program: list[Leaf | bool], depth: int) -> None:
    """Write a shape in postfix order, with negations pushed down to the leaves (De Morgan)."""
    if isinstance(shape, _Negation):
        is_negated = not is_negated
        shape = shape.item
    if isinstance(shape, Leaf):
        program.append(shape._replace(is_negated=is_negated))
    else:
        _emit_range(shape, 0, len(shape.items), is_negated, program, depth)


def _emit_range(group: _Group, start: int, end: int, is_negated: bool, program: list[Leaf | bool], depth: int) -> None:
    """Long lists are halved, so that the tree of thousands of hosts is a dozen nodes deep."""
    if depth > MAX_DEPTH:
        raise RuleError("too deeply nested")
    if end - start == 1:
        _emit(group.items[start], is_negated, program, depth + 1)
        return
    middle = start + (end - start + 1) // 2
    _emit_range(group, start, middle, is_negated, program, depth + 1)
    _emit_range(group, middle, end, is_negated, program, depth + 1)
    program.append(group.is_or != is_negated)


@functools.cache
def _grammar() -> Lark:
    return Lark.open_from_package(
        __package__, "grammar.lark", parser="lalr", lexer="basic", postlex=_Lines(), maybe_placeholders=False
    )


def read(text: str, kind: Kind, syntax: Syntax) -> Parsed:
    """Parse a rule. Columns in errors count characters from 1."""
    try:
        return _Builder(kind, syntax).transform(_grammar().parse(text))
    except UnexpectedToken as error:
        raise explain(text, error) from None
    except VisitError as error:
        if isinstance(error.orig_exc, RuleError):
            raise error.orig_exc from None
        raise
