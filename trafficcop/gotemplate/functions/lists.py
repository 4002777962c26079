"""Sprig's functions on lists."""

from __future__ import annotations

from collections.abc import Callable

from trafficcop.gotemplate.functions.registry import Declared, Family
from trafficcop.gotemplate.numbers import to_int64
from trafficcop.gotemplate.values import (
    LARGEST_LIST,
    FunctionError,
    Slice,
    are_equal,
    is_empty,
    kind_name,
)

LISTS = Family()


def _both(name: str, parameters: str, cost: int = 1) -> Callable[[Declared], Declared]:
    """Declares `name` and `mustName`, which differ in how they fail in Go and in nothing that can be seen here."""
    return LISTS(f"{name} must{name[0].upper()}{name[1:]}", parameters, cost=cost)


def _list(value: object, doing: str) -> Slice:
    if isinstance(value, Slice):
        return value
    raise FunctionError(f"Cannot {doing} type {kind_name(value)}")


LISTS.add("list tuple", "...any", lambda *items: Slice(items))


@LISTS("append push mustAppend mustPush", "any any", cost=5)
def push(value: object, item: object) -> Slice:
    return Slice([*_list(value, "push on"), item])


@_both("prepend", "any any", 5)
def prepend(value: object, item: object) -> Slice:
    return Slice([item, *_list(value, "prepend on")])


@_both("first", "any")
def first(value: object) -> object:
    items = _list(value, "find first on")
    return items[0] if items else None


@_both("last", "any")
def last(value: object) -> object:
    items = _list(value, "find last on")
    return items[-1] if items else None


@_both("rest", "any", 5)
def rest(value: object) -> Slice:
    return Slice(_list(value, "find rest on")[1:])


@_both("initial", "any", 5)
def initial(value: object) -> Slice:
    return Slice(_list(value, "find initial on")[:-1])


@_both("reverse", "any", 5)
def reverse(value: object) -> Slice:
    return Slice(_list(value, "find reverse on")[::-1])


@_both("compact", "any", 5)
def compact(value: object) -> Slice:
    return Slice(item for item in _list(value, "compact on") if not is_empty(item))


def _is_in(items: list[object], sought: object) -> bool:
    return any(are_equal(item, sought) for item in items)


@_both("uniq", "any", 50)
def uniq(value: object) -> Slice:
    items = _list(value, "find uniq on")
    seen: set[tuple[type, object]] = set()
    unique: list[object] = []
    for item in items:
        if isinstance(item, str | int | float):
            if (type(item), item) not in seen:
                seen.add((type(item), item))
                unique.append(item)
        elif not _is_in(unique, item):
            unique.append(item)
    return Slice(unique)


@_both("without", "any ...any", 50)
def without(value: object, *omitted: object) -> Slice:
    return Slice(item for item in _list(value, "find without on") if not _is_in(list(omitted), item))


@_both("has", "any any", 5)
def has(sought: object, value: object) -> bool:
    return value is not None and _is_in(_list(value, "find has on"), sought)


@_both("chunk", "int any", 5)
def chunk(size: int, value: object) -> Slice:
    items = _list(value, "chunk")
    if size < 1:
        raise FunctionError("a chunk needs a size")
    parts = [Slice(items[start : start + size]) for start in range(0, len(items), size)]
    return Slice(parts, "[]interface {}")


@LISTS("concat", "...any", cost=5)
def concat(*values: object) -> Slice:
    total = sum(len(value) for value in values if isinstance(value, Slice))
    if total > LARGEST_LIST:
        raise FunctionError("the list grows too long")
    return Slice(item for value in values for item in _list(value, "concat as list"))


@_both("slice", "any ...any", 5)
def slice_of(value: object, *bounds: object) -> object:
    """Sprig's slice of a list. It stands in the place of Go's own, which also takes strings."""
    items = _list(value, "slice")
    if not items:
        return None
    start = to_int64(bounds[0]) if bounds else 0
    end = to_int64(bounds[1]) if len(bounds) > 1 else len(items)
    if not 0 <= start <= end <= len(items):
        raise FunctionError("slice bounds out of range")
    return Slice(items[start:end], items.element)


@LISTS("until", "int", cost=5)
def until(count: int) -> Slice:
    return until_step(0, count, -1 if count < 0 else 1)


@LISTS("untilStep", "int int int", cost=5)
def until_step(start: int, stop: int, step: int) -> Slice:
    if step == 0 or (stop < start) != (step < 0):
        return Slice((), "int")
    numbers = range(start, stop, step)
    if abs(stop - start) // abs(step) > LARGEST_LIST:
        raise FunctionError("the list grows too long")
    return Slice(numbers, "int")


@LISTS("seq", "...int", cost=5)
def seq(*bounds: int) -> str:
    if len(bounds) not in (1, 2, 3):
        return ""
    start, end = (1, bounds[0]) if len(bounds) == 1 else (bounds[0], bounds[-1])
    turn = -1 if end < start else 1
    step = bounds[1] if len(bounds) == 3 else turn
    if turn < 0 and step > 0:
        return ""
    return " ".join(map(str, until_step(start, end + turn, step)))
