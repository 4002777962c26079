"""`dataclass` for frozen data: the methods of a class are written when the first of them is called.

There are hundreds of sections of options and a configuration uses a few dozen of them, but writing the methods of all
would take half of the time in which the program starts.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

T = TypeVar("T")

_METHODS = ("__init__", "__eq__", "__hash__", "__repr__")


def _dataclass(*, frozen: bool, slots: bool) -> Callable[[type[T]], type[T]]:
    """The same as `dataclasses.dataclass(frozen=True, slots=True)`, but cheap for a class that has no instance."""
    if not (frozen and slots):
        raise TypeError("only for frozen data with slots")
    return _prepare


if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:
    dataclass = _dataclass


def _prepare(cls: type[T]) -> type[T]:
    missing = [name for name in _METHODS if name not in cls.__dict__]
    made: Any = dataclasses.dataclass(init=False, repr=False, eq=False, slots=True)(cls)
    for name in missing:
        setattr(made, name, _written_later(made, name, missing))
    made.__setattr__ = _refuse_to_set
    made.__delattr__ = _refuse_to_delete
    made.__reduce__ = _reduce
    prepared: type[T] = made
    return prepared


def _written_later(cls: type[Any], name: str, missing: list[str]) -> Callable[..., Any]:
    def method(self: Any, *arguments: Any, **named: Any) -> Any:
        _write(cls, missing)
        return getattr(cls, name)(self, *arguments, **named)

    return method


def _write(cls: type[Any], missing: list[str]) -> None:
    """Have `dataclasses` write the methods for a class with the same fields, and take them over."""
    namespace = {
        "__annotations__": cls.__annotations__,
        "__doc__": cls.__doc__ or cls.__name__,
        "__module__": cls.__module__,
        **{declared.name: declared for declared in dataclasses.fields(cls)},
    }
    twin: Any = dataclasses.dataclass(frozen=True)(type(cls.__name__, (), namespace))
    for name in missing:
        setattr(cls, name, twin.__dict__[name])


def _refuse_to_set(self: object, name: str, value: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(self: object, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


_getters: dict[type[Any], Callable[[Any], tuple[Any, ...]]] = {}


def _reduce(self: Any) -> tuple[type[Any], tuple[Any, ...]]:
    """How it is pickled and copied: its values in order, which is shorter and faster than with their names."""
    cls = type(self)
    getter = _getters.get(cls)
    if getter is None:
        getter = _getters[cls] = _getter(cls)
    return cls, getter(self)


def _getter(cls: type[Any]) -> Callable[[Any], tuple[Any, ...]]:
    names = [declared.name for declared in dataclasses.fields(cls)]
    if len(names) < 2:  # attrgetter makes no tuple of one
        return lambda value: tuple(getattr(value, name) for name in names)
    return attrgetter(*names)
