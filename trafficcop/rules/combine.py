"""Matchers made of matchers: not, and, or. The usual numbers of operands are spelled out for speed."""

from __future__ import annotations

import typing
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from trafficcop.rules.ast import And, Matcher, Node, Or
from trafficcop.rules.walk import operands

T = TypeVar("T")
Predicate = Callable[[T], bool]


class Always:
    """What every request fulfils."""

    __slots__ = ()

    def __call__(self, subject: object) -> bool:
        return True


class Never:
    """What no request can fulfil."""

    __slots__ = ()

    def __call__(self, subject: object) -> bool:
        return False


class Not(Generic[T]):
    """The opposite of a matcher."""

    __slots__ = ("_matcher",)

    def __init__(self, matcher: Predicate[T]) -> None:
        self._matcher = matcher

    def __call__(self, subject: T) -> bool:
        return not self._matcher(subject)


class And2(Generic[T]):
    """Both of two."""

    __slots__ = ("_first", "_second")

    def __init__(self, first: Predicate[T], second: Predicate[T]) -> None:
        self._first = first
        self._second = second

    def __call__(self, subject: T) -> bool:
        return self._first(subject) and self._second(subject)


class And3(Generic[T]):
    """All of three."""

    __slots__ = ("_first", "_second", "_third")

    def __init__(self, first: Predicate[T], second: Predicate[T], third: Predicate[T]) -> None:
        self._first = first
        self._second = second
        self._third = third

    def __call__(self, subject: T) -> bool:
        return self._first(subject) and self._second(subject) and self._third(subject)


class And4(Generic[T]):
    """All of four."""

    __slots__ = ("_first", "_fourth", "_second", "_third")

    def __init__(self, first: Predicate[T], second: Predicate[T], third: Predicate[T], fourth: Predicate[T]) -> None:
        self._first = first
        self._second = second
        self._third = third
        self._fourth = fourth

    def __call__(self, subject: T) -> bool:
        return self._first(subject) and self._second(subject) and self._third(subject) and self._fourth(subject)


class All(Generic[T]):
    """All of many."""

    __slots__ = ("_matchers",)

    def __init__(self, matchers: Sequence[Predicate[T]]) -> None:
        self._matchers = tuple(matchers)

    def __call__(self, subject: T) -> bool:
        for matcher in self._matchers:  # noqa: SIM110 - a generator would cost three times as much
            if not matcher(subject):
                return False
        return True


class Or2(Generic[T]):
    """One of two."""

    __slots__ = ("_first", "_second")

    def __init__(self, first: Predicate[T], second: Predicate[T]) -> None:
        self._first = first
        self._second = second

    def __call__(self, subject: T) -> bool:
        return self._first(subject) or self._second(subject)


class Or3(Generic[T]):
    """One of three."""

    __slots__ = ("_first", "_second", "_third")

    def __init__(self, first: Predicate[T], second: Predicate[T], third: Predicate[T]) -> None:
        self._first = first
        self._second = second
        self._third = third

    def __call__(self, subject: T) -> bool:
        return self._first(subject) or self._second(subject) or self._third(subject)


class Any(Generic[T]):
    """One of many."""

    __slots__ = ("_matchers",)

    def __init__(self, matchers: Sequence[Predicate[T]]) -> None:
        self._matchers = tuple(matchers)

    def __call__(self, subject: T) -> bool:
        for matcher in self._matchers:  # noqa: SIM110 - a generator would cost three times as much
            if matcher(subject):
                return True
        return False


def bound(matcher: Predicate[T]) -> Predicate[T]:
    """The same as a bound method: to call that costs half of what it costs to call an object."""
    instance: typing.Any = matcher
    call: Predicate[T] = instance.__call__
    return call


def all_of(matchers: Sequence[Predicate[T]]) -> Predicate[T]:
    """One predicate that holds where all of them do; they are asked in their order."""
    matchers = [bound(matcher) for matcher in matchers]
    if len(matchers) == 1:
        return matchers[0]
    if len(matchers) == 2:
        return And2(*matchers)
    if len(matchers) == 3:
        return And3(*matchers)
    return And4(*matchers) if len(matchers) == 4 else All(matchers)


def any_of(matchers: Sequence[Predicate[T]]) -> Predicate[T]:
    """One predicate that holds where one of them does; they are asked in their order."""
    matchers = [bound(matcher) for matcher in matchers]
    if len(matchers) == 1:
        return matchers[0]
    if len(matchers) == 2:
        return Or2(*matchers)
    return Or3(*matchers) if len(matchers) == 3 else Any(matchers)


def link(node: Node, leaf: Callable[[Matcher], Predicate[T]]) -> Predicate[T]:
    """A tree as something that runs; `leaf` makes a matcher of a leaf that is not negated."""
    if isinstance(node, Matcher):
        matcher = leaf(node)
        return Not(bound(matcher)) if node.is_negated else matcher
    if isinstance(node, And):
        return all_of([link(operand, leaf) for operand in operands(node, And)])
    return any_of([link(operand, leaf) for operand in operands(node, Or)])
