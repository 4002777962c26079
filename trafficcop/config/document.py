"""A configuration source after its syntax is read, before it is decoded: a nested dict that knows where it stands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from trafficcop.errors import NOWHERE, Issue, Position

T = TypeVar("T")
Path = Sequence[str | int]

STATIC = ""  # stands in the place of a provider: the source of the static configuration


def _nowhere(path: Path) -> Position:
    return NOWHERE


@dataclass(frozen=True, slots=True)
class Document:
    """`data`: mappings, lists and scalars as the source has them. `locate(path)`: where a key or list item stands.

    Positions are worked out only when somebody asks, that is, when there is an Issue to print.
    """

    data: Mapping[str, Any]
    source: str = ""
    locate: Callable[[Path], Position] = _nowhere


@dataclass(frozen=True, slots=True)
class Decoded(Generic[T]):
    """Typed data and everything there is to say about it. What an error Issue is about is left out of `value`."""

    value: T
    issues: tuple[Issue, ...] = ()
