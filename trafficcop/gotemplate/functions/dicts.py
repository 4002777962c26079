"""Sprig's functions on dictionaries, default values, types and flow."""

from __future__ import annotations

from collections.abc import Callable

from trafficcop.gotemplate.functions.registry import Family
from trafficcop.gotemplate.functions.strings import text_of
from trafficcop.gotemplate.values import (
    LARGEST_LIST,
    FunctionError,
    Map,
    Slice,
    are_equal,
    is_empty,
    kind_name,
    type_name,
)

DICTS = Family()
add = DICTS.add

add("get", "map string", lambda given, key: given.get(key, ""))
add("hasKey", "map string", lambda given, key: key in given)
add("pluck", "string ...map", lambda key, *maps: Slice(given[key] for given in maps if key in given))
add("keys", "...map", lambda *maps: Slice((key for given in maps for key in sorted(given)), "string"))
add("values", "map", lambda given: Slice(given[key] for key in sorted(given)))
add("pick", "map ...string", lambda given, *keys: Map({key: given[key] for key in keys if key in given}))
add("omit", "map ...string", lambda given, *keys: Map({key: value for key, value in given.items() if key not in keys}))
add("empty", "any", is_empty)
add("coalesce", "...any", lambda *values: next((value for value in values if not is_empty(value)), None))
add("all", "...any", lambda *values: not any(map(is_empty, values)))
add("any", "...any", lambda *values: not all(map(is_empty, values)))
add("ternary", "any any bool", lambda yes, no, condition: yes if condition else no)
add("typeOf", "any", type_name)
add("typeIs", "string any", lambda target, value: target == type_name(value))
add("typeIsLike", "string any", lambda target, value: type_name(value) in (target, "*" + target))
add("kindOf", "any", kind_name)
add("kindIs", "string any", lambda target, value: target == kind_name(value))
add("deepEqual", "any any", are_equal, cost=50)


@DICTS("default", "any ...any")
def default(fallback: object, *given: object) -> object:
    return given[0] if given and not is_empty(given[0]) else fallback


@DICTS("dict", "...any")
def make_dict(*given: object) -> Map:
    keys = [text_of(key) for key in given[::2]]
    values = [*given[1::2], ""]
    return Map(zip(keys, values, strict=False))


@DICTS("set", "map string any")
def set_key(given: Map, key: str, value: object) -> Map:
    given[key] = value
    if len(given) > LARGEST_LIST:
        raise FunctionError("the dictionary grows too large")
    return given


@DICTS("unset", "map string")
def unset(given: Map, key: str) -> Map:
    given.pop(key, None)
    return given


@DICTS("dig", "...any")
def dig(*given: object) -> object:
    if len(given) < 3:
        raise FunctionError("dig needs at least three arguments")
    *keys, fallback, value = given
    for key in keys:
        if not isinstance(value, Map):
            raise FunctionError(f"interface conversion: {type_name(value)} is not a map")
        if key not in value:
            return fallback
        value = value[str(key)]
    return value


class _Budget:
    """Counts what a nested copy makes, so that shared parts cannot make it endless."""

    def __init__(self) -> None:
        self.left = LARGEST_LIST

    def spend(self, depth: int) -> None:
        self.left -= 1
        if depth > 60 or self.left < 0:
            raise FunctionError("a value is nested too deeply or too large to copy")


def _merged(target: Map, source: Map, budget: _Budget, *, overwrites: bool, depth: int = 0) -> Map:
    """`source` put into `target`, section by section (mergo `Merge`)."""
    for key, value in source.items():
        budget.spend(depth)
        known = target.get(key)
        if isinstance(known, Map) and isinstance(value, Map):
            if known is not value:
                _merged(known, value, budget, overwrites=overwrites, depth=depth + 1)
        elif overwrites or is_empty(known):
            target[key] = value
    return target


def _merger(*, overwrites: bool) -> Callable[..., Map]:
    def merge(target: Map, *sources: Map) -> Map:
        budget = _Budget()
        for source in sources:
            _merged(target, source, budget, overwrites=overwrites)
        return target

    return merge


add("merge mustMerge", "map ...map", _merger(overwrites=False), cost=50)
add("mergeOverwrite mustMergeOverwrite", "map ...map", _merger(overwrites=True), cost=50)


def _copied(value: object, budget: _Budget, depth: int = 0) -> object:
    budget.spend(depth)
    if isinstance(value, Slice):
        return Slice((_copied(item, budget, depth + 1) for item in value), value.element)
    if isinstance(value, Map):
        return Map({key: _copied(item, budget, depth + 1) for key, item in value.items()}, value.element)
    return value


@DICTS("deepCopy mustDeepCopy", "any", cost=50)
def deep_copy(value: object) -> object:
    if value is None:
        raise FunctionError("deepCopy error: nothing to copy")
    return _copied(value, _Budget())


@DICTS("fail", "string")
def fail(message: str) -> object:
    raise FunctionError(message)
