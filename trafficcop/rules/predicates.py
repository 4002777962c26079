"""The little language of conditions on answers: text → a function of some state (github.com/vulcand/predicate).

Which functions there are is the user's of this module to say. An error names the column in which it was found.
"""

from __future__ import annotations

import functools
import json
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from lark import Lark, Token, UnexpectedCharacters, UnexpectedToken, v_args
from lark.exceptions import VisitError
from lark.visitors import Transformer_NonRecursive

S = TypeVar("S")

Test = Callable[[S], bool]
_MAX_LENGTH = 10_000
_MAX_DEPTH = 100
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_GO_TYPES = {int: "int", float: "float64", str: "string"}


@dataclass(frozen=True, slots=True)
class Function(Generic[S]):
    """What an expression may call: the types of its arguments, of its result (bool: it is a condition by itself), and
    what makes the function of the state out of the arguments."""

    parameters: tuple[type, ...]
    result: type
    bind: Callable[..., Callable[[S], Any]]


class _Comparison(Generic[S]):
    __slots__ = ("_compare", "_constant", "_of")

    def __init__(self, of: Callable[[S], Any], compare: Callable[[Any, Any], bool], constant: Any) -> None:
        self._of = of
        self._compare = compare
        self._constant = constant

    def __call__(self, state: S) -> bool:
        return self._compare(self._of(state), self._constant)


class _All(Generic[S]):
    __slots__ = ("_tests",)

    def __init__(self, tests: Sequence[Test[S]]) -> None:
        self._tests = tests

    def __call__(self, state: S) -> bool:
        return all(test(state) for test in self._tests)


class _Any(Generic[S]):
    __slots__ = ("_tests",)

    def __init__(self, tests: Sequence[Test[S]]) -> None:
        self._tests = tests

    def __call__(self, state: S) -> bool:
        return any(test(state) for test in self._tests)


@dataclass(frozen=True, slots=True)
class _Value:
    """A part of an expression: its type (bool for conditions), where it stands, and a constant or a function."""

    type: type
    column: int
    content: Any
    is_constant: bool = False


class _Mistake(ValueError):
    def __init__(self, text: str, column: int) -> None:
        super().__init__(f"1:{column}: {text}")


@v_args(inline=True)
class _Binder(Transformer_NonRecursive[Token, Any]):
    """Checks the types bottom-up and binds."""

    def __init__(self, functions: Mapping[str, Function[Any]]) -> None:
        super().__init__()
        self._functions = functions

    def literal(self, token: Token) -> _Value:
        column = token.column or 1
        if token.type == "FLOAT":
            return _Value(float, column, float(token), True)
        if token.type == "INTEGER":
            if len(token) > 1 and token[0] == "0":  # Go would take it for octal, and strconv.Atoi would not
                raise _Mistake(f"ambiguous number {token}", column)
            return _Value(int, column, int(token), True)
        return _Value(str, column, token[1:-1] if token.type == "RAW" else _unquote(token), True)

    def name(self, token: Token) -> _Value:
        raise _Mistake(f"{token} is not defined", token.column or 1)

    def unary(self, token: Token, operand: _Value) -> _Value:
        raise _Mistake(f"{token} is not supported", token.column or 1)

    def call(self, name: Token, *arguments: _Value | None) -> _Value:
        column = name.column or 1
        function = self._functions.get(name)
        if function is None:
            raise _Mistake(f"unsupported function: {name}", column)
        given = [argument for argument in arguments if argument is not None]
        if len(given) != len(function.parameters):
            text = f"{name} takes {len(function.parameters)} arguments, not {len(given)}"
            raise _Mistake(text, column)
        for argument, expected in zip(given, function.parameters, strict=True):
            if not argument.is_constant or argument.type is not expected:
                raise _Mistake(f"{name} expects {_GO_TYPES[expected]}, got {_describe(argument)}", argument.column)
        return _Value(function.result, column, function.bind(*(argument.content for argument in given)))

    def compare(self, left: _Value, sign: Token, right: _Value) -> _Value:
        if left.is_constant or left.type is bool or (left.type is str and sign not in ("==", "!=")):
            raise _Mistake(f"unsupported argument of {sign}: {_describe(left)}", left.column)
        if not right.is_constant or right.type is not left.type:
            raise _Mistake(f"expected {_GO_TYPES[left.type]}, got {_describe(right)}", right.column)
        return _Value(bool, left.column, _Comparison(left.content, _COMPARISONS[sign], right.content))

    def all_of(self, *parts: _Value) -> _Value:
        return _Value(bool, parts[0].column, _All([_test(part) for part in parts]))

    def any_of(self, *parts: _Value) -> _Value:
        return _Value(bool, parts[0].column, _Any([_test(part) for part in parts]))

    def start(self, value: _Value) -> Any:
        return _test(value)


def _test(value: _Value) -> Any:
    if value.type is not bool:
        raise _Mistake(f"expected predicate, got {_describe(value)}", value.column)
    return value.content


def _describe(value: _Value) -> str:
    if value.type is bool:
        return "a condition"
    return _GO_TYPES[value.type] if value.is_constant else f"a function that returns {_GO_TYPES[value.type]}"


def _unquote(token: Token) -> str:
    try:
        return str(json.loads(token))
    except ValueError:
        raise _Mistake(f"failed to parse argument: {token}", token.column or 1) from None


@functools.cache
def _grammar() -> Lark:
    return Lark.open_from_package(
        __package__, "predicates.lark", parser="lalr", lexer="basic", maybe_placeholders=False
    )


def parse_predicate(text: str, functions: Mapping[str, Function[S]]) -> Test[S]:
    """The condition that `text` states. ValueError with line and column for what is none."""
    if len(text) > _MAX_LENGTH or text.count("(") > _MAX_DEPTH:
        raise ValueError("the expression is too long")
    try:
        test: Test[S] = _Binder(functions).transform(_grammar().parse(text))
    except UnexpectedToken as error:
        if error.token.type == "$END":
            raise ValueError(f"1:{len(text) + 1}: the expression ends too early") from None
        raise ValueError(f"{error.line}:{error.column}: unexpected {str(error.token)!r}") from None
    except UnexpectedCharacters as error:
        raise ValueError(f"{error.line}:{error.column}: unexpected {error.char!r}") from None
    except VisitError as error:
        if isinstance(error.orig_exc, _Mistake):
            raise ValueError(str(error.orig_exc)) from None
        raise
    return test
