"""The slow, exact way from text to tree: lexed and parsed by the grammar, with every mistake explained."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field

from lark import Lark, Token, UnexpectedToken
from lark.exceptions import VisitError
from lark.visitors import Transformer_NonRecursive

from trafficcop.rules import literals
from trafficcop.rules.errors import RuleError
from trafficcop.rules.explain import explain
from trafficcop.rules.names import MATCHERS, Kind, Syntax, canonical, unsupported
from trafficcop.rules.program import Group, Leaf, Negation, Shape, emit

MAX_NESTING = 100  # parentheses within parentheses


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

    def any_of(self, items: list[Shape]) -> Shape:
        return Group(True, items)

    def all_of(self, items: list[Shape]) -> Shape:
        return Group(False, items)

    def negation(self, items: list[Shape]) -> Shape:
        item = items[0]
        return item.item if isinstance(item, Negation) else Negation(item)

    def call(self, items: list[Token]) -> Shape:
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

    def start(self, items: list[Shape]) -> Parsed:
        emit(items[0], False, self.parsed.program, 1)
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
