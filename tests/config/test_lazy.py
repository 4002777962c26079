"""Lazily written dataclasses behave as the standard library's."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Mapping
from typing import Any

import pytest

from trafficcop.config import lazy
from trafficcop.config.schema import mapping, option


@lazy.dataclass(frozen=True, slots=True)
class Lazy:
    """A sample."""

    name: str
    size: int = 3
    names: Mapping[str, str] = mapping()
    other: Lazy | None = option(None, may_be_empty=True)


@dataclasses.dataclass(frozen=True, slots=True)
class Eager:
    """A sample."""

    name: str
    size: int = 3
    names: Mapping[str, str] = mapping()
    other: Eager | None = option(None, may_be_empty=True)


@lazy.dataclass(frozen=True, slots=True)
class Nothing:
    """Without a field."""


@lazy.dataclass(frozen=True, slots=True)
class Single:
    value: tuple[int, ...] = ()

    def __repr__(self) -> str:
        return "its own"


def test_methods_are_written_late() -> None:
    @lazy.dataclass(frozen=True, slots=True)
    class Untouched:
        value: int = 0

    before = Untouched.__init__
    assert Untouched(5).value == 5
    assert Untouched.__init__ is not before


@pytest.mark.parametrize("arguments", [("a",), ("a", 4), ("a", 4, {"x": "y"})])
def test_is_like_the_standard_one(arguments: tuple[Any, ...]) -> None:
    made, model = Lazy(*arguments), Eager(*arguments)
    assert repr(made) == repr(model).replace("Eager", "Lazy")
    assert dataclasses.asdict(made) == dataclasses.asdict(model)
    assert [declared.name for declared in dataclasses.fields(made)] == ["name", "size", "names", "other"]
    assert Lazy.__slots__ == Eager.__slots__
    assert Lazy.__match_args__ == Eager.__match_args__
    assert not hasattr(made, "__dict__")


def test_equality() -> None:
    assert Lazy("a") == Lazy("a", 3)
    assert Lazy("a") != Lazy("b")
    assert Lazy("a") != "a"
    assert Nothing() == Nothing()
    assert hash(Single((1,))) == hash(Single((1,)))
    with pytest.raises(TypeError, match="unhashable"):
        hash(Lazy("a"))


def test_each_default_is_made_anew() -> None:
    assert Lazy("a").names is not Lazy("a").names


def test_is_frozen() -> None:
    made: Any = Lazy("a")
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.name = "b"
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.unknown = "b"
    with pytest.raises(dataclasses.FrozenInstanceError):
        del made.name
    assert made.name == "a"


def test_wrong_arguments() -> None:
    untyped: Any = Lazy
    with pytest.raises(TypeError, match="missing"):
        untyped()
    with pytest.raises(TypeError, match="unexpected"):
        untyped("a", unknown=1)


@pytest.mark.parametrize("value", [Lazy("a", 1, {"b": "c"}, Lazy("d")), Nothing(), Single((1, 2))])
@pytest.mark.parametrize("protocol", [2, pickle.HIGHEST_PROTOCOL])
def test_travels(value: object, protocol: int) -> None:
    assert pickle.loads(pickle.dumps(value, protocol)) == value
    assert copy.deepcopy(value) == value
    assert copy.copy(value) == value


def test_replace() -> None:
    assert dataclasses.replace(Lazy("a"), size=9) == Lazy("a", 9)


def test_own_methods_stay() -> None:
    assert repr(Single()) == "its own"
    assert Single((1,)) == Single((1,))


def test_only_frozen_data_with_slots() -> None:
    with pytest.raises(TypeError, match="frozen"):
        lazy.dataclass(frozen=False, slots=True)
