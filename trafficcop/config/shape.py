"""What the declarations say, read once per class: every option's key, kind of value and default."""

from __future__ import annotations

import enum
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any

from trafficcop.config.lazy import dataclass
from trafficcop.config.schema import has_flag, key_of


class Kind(enum.Enum):
    """What a value is made of."""

    SECTION = "section"
    MAP = "map"
    LIST = "list"
    SCALAR = "scalar"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class Shape:
    """The declared type of a value: `type` of a section or scalar, `item` of a map or list."""

    kind: Kind
    type: type[Any] = object
    item: Shape | None = None


@dataclass(frozen=True, slots=True)
class Option:
    """One field of a section."""

    name: str
    key: str
    shape: Shape
    default: Any
    default_factory: Any
    may_be_empty: bool
    labels_only: bool
    not_in_labels: bool
    secret: bool
    deprecated: str

    def make_default(self) -> Any:
        return self.default if self.default_factory is MISSING else self.default_factory()


_options: dict[type[Any], tuple[Option, ...]] = {}


def options_of(section: type[Any]) -> tuple[Option, ...]:
    """The options of a section, in the order they are declared."""
    known = _options.get(section)
    if known is None:
        known = _options[section] = _read_options(section)
    return known


def _read_options(section: type[Any]) -> tuple[Option, ...]:
    hints = typing.get_type_hints(section)
    return tuple(
        Option(
            name=declared.name,
            key=key_of(declared),
            shape=shape_of(hints[declared.name]),
            default=declared.default,
            default_factory=declared.default_factory,
            may_be_empty=has_flag(declared, "may_be_empty"),
            labels_only=has_flag(declared, "labels_only"),
            not_in_labels=has_flag(declared, "not_in_labels"),
            secret=has_flag(declared, "secret"),
            deprecated=str(declared.metadata.get("deprecated", "")),
        )
        for declared in fields(section)
    )


_by_key: dict[type[Any], Mapping[str, Option]] = {}


def options_by_key(section: type[Any]) -> Mapping[str, Option]:
    """The options of a section by their key in lower case."""
    known = _by_key.get(section)
    if known is None:
        known = _by_key[section] = {option.key.lower(): option for option in options_of(section)}
    return known


def shape_of(hint: Any) -> Shape:
    """The Shape of a type annotation; `X | None` has the shape of X."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        (inner,) = (argument for argument in arguments if argument is not types.NoneType)
        return shape_of(inner)
    if origin is tuple:
        return Shape(Kind.LIST, item=shape_of(arguments[0]))
    if origin is not None and issubclass(origin, Mapping):
        return Shape(Kind.MAP, item=shape_of(arguments[1]))
    if hint is object:
        return Shape(Kind.ANY)
    return Shape(Kind.SECTION if is_dataclass(hint) else Kind.SCALAR, hint)
