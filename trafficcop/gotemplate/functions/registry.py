"""How a template function is declared: the types it takes, as Go's signature says them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from trafficcop.gotemplate.values import (
    Certificate,
    FunctionError,
    Map,
    Named,
    Slice,
    Time,
    checked,
    type_name,
)

Declared = TypeVar("Declared", bound=Callable[..., Any])

_NAMES = {"any": "interface {}", "map": "map[string]interface {}", "list": "[]interface {}", "time": "time.Time"}


@dataclass(frozen=True, slots=True)
class Function:
    """A function of templates. `parameters`: types; a last one that begins with `...` takes any number.

    `cost`: how many steps of the render's allowance one call takes.
    """

    name: str
    call: Callable[..., Any]
    parameters: tuple[str, ...]
    cost: int = 1

    def __call__(self, arguments: list[object]) -> object:
        return checked(self.call(*self._arguments(arguments)))

    def _arguments(self, given: list[object]) -> list[object]:
        fixed, rest = self.parameters, ""
        if fixed and fixed[-1].startswith("..."):
            fixed, rest = fixed[:-1], fixed[-1][3:]
        if len(given) < len(fixed) or (not rest and len(given) > len(fixed)):
            least = "at least " if rest else ""
            raise FunctionError(
                f"wrong number of args for {self.name}: want {least}{len(fixed)} got {len(given)}", is_call=False
            )
        kinds = [*fixed, *[rest] * (len(given) - len(fixed))]
        return [_accepted(value, kind) for value, kind in zip(given, kinds, strict=True)]


def _accepted(value: object, kind: str) -> object:
    match kind:
        case "any":
            return value
        case "string" if isinstance(value, str):
            return value
        case "int" if isinstance(value, int) and not isinstance(value, bool | Named):
            return value
        case "float" if isinstance(value, int | float) and not isinstance(value, bool | Named):
            return float(value)
        case "bool" if isinstance(value, bool):
            return value
        case "map" if isinstance(value, Map) and value.element == "interface {}":
            return value
        case "list" if isinstance(value, Slice):
            return value
        case "time" if isinstance(value, Time):
            return value
        case "certificate" if isinstance(value, Certificate):
            return value
    expected = _NAMES.get(kind, kind)
    if value is None:
        raise FunctionError(f"invalid value; expected {expected}", is_call=False)
    raise FunctionError(f"wrong type for value; expected {expected}; got {type_name(value)}", is_call=False)


class Family:
    """Some functions that belong together, declared by a decorator."""

    def __init__(self) -> None:
        self.functions: dict[str, Function] = {}

    def __call__(self, names: str, parameters: str = "", *, cost: int = 1) -> Callable[[Declared], Declared]:
        def declare(call: Declared) -> Declared:
            self.add(names, parameters, call, cost=cost)
            return call

        return declare

    def add(self, names: str, parameters: str, call: Callable[..., Any], *, cost: int = 1) -> None:
        """Declare `call` under each of `names`."""
        for name in names.split():
            self.functions[name] = Function(name, call, tuple(parameters.split()), cost)
