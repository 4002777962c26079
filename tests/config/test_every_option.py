"""Every option there is, set once in a file and once by flag or label-like name, reaches its field."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from trafficcop.config.assign import Assembly, split_name
from trafficcop.config.coerce import CONVERTERS
from trafficcop.config.decode import decode, decode_dynamic, decode_static
from trafficcop.config.dynamic import DynamicConfiguration
from trafficcop.config.scalars import Duration
from trafficcop.config.shape import Kind, Option, Shape, options_of
from trafficcop.config.static import StaticConfiguration

_VALUES: dict[type, str] = {bool: "true", int: "7", float: "0.5", Duration: "42s"}
Step = tuple[str, str | int]


def _leaves(section: type, names: tuple[str, ...], path: tuple[Any, ...]) -> Iterator[tuple[tuple, tuple, Shape]]:
    """(names for a flag, attribute path, shape) of every scalar and list of scalars."""
    for option in options_of(section):
        if not option.labels_only:
            yield from _of_shape(option.shape, (*names, option.key), (*path, option.name), option)


def _of_shape(shape: Shape, names: tuple, path: tuple, option: Option) -> Iterator[tuple[tuple, tuple, Shape]]:
    if shape.kind is Kind.SECTION:
        if not options_of(shape.type):
            return
        yield from _leaves(shape.type, names, path)
    elif shape.kind is Kind.MAP:
        yield from _of_shape(shape.item, (*names, "Name"), (*path, "Name"), option)
    elif shape.kind is Kind.LIST and shape.item.kind is Kind.SECTION:
        yield from _of_shape(shape.item, (*names, 0), (*path, 0), option)
    elif shape.kind is Kind.ANY:
        yield (*names, "x"), (*path, "x"), Shape(Kind.SCALAR, str)
    else:
        yield names, path, shape


STATIC = list(_leaves(StaticConfiguration, (), ()))
DYNAMIC = list(_leaves(DynamicConfiguration, (), ()))


def _value(shape: Shape) -> tuple[str, Any]:
    scalar = shape.item.type if shape.kind is Kind.LIST else shape.type
    text = _VALUES.get(scalar, "some text")
    value = CONVERTERS[scalar](text)
    return text, ((value,) if shape.kind is Kind.LIST else value)


def _nested(names: tuple, value: Any) -> Any:
    for step in reversed(names):
        value = [value] if isinstance(step, int) else {step: value}
    return value


def _flag(names: tuple) -> str:
    text = ""
    for step in names:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def _reached(value: Any, path: tuple) -> Any:
    for step in path:
        value = value[step] if isinstance(value, dict | tuple) else getattr(value, step)
    return value


def _decode(section: type, data: Any) -> Any:
    decoded = (decode_static if section is StaticConfiguration else decode_dynamic)(data)
    assert [issue for issue in decoded.issues if not issue.is_warning] == []
    return decoded.value


@pytest.mark.parametrize(("section", "leaves"), [(StaticConfiguration, STATIC), (DynamicConfiguration, DYNAMIC)])
def test_by_file_in_any_case_and_by_name(section: type, leaves: list):
    assert len(leaves) > 200
    for names, path, shape in leaves:
        text, expected = _value(shape)
        lower = tuple(step.lower() if isinstance(step, str) and step != "Name" else step for step in names)
        assert _reached(_decode(section, _nested(names, text)), path) == expected, names
        assert _reached(_decode(section, _nested(lower, text)), path) == expected, lower
        assembly = Assembly(section)
        assembly.set(split_name(_flag(names)), text, "a flag")
        assert assembly.issues == [], names
        assert _reached(_decode(section, assembly.document("").data), path) == expected, names


@pytest.mark.parametrize(("section", "leaves"), [(StaticConfiguration, STATIC), (DynamicConfiguration, DYNAMIC)])
def test_a_wrong_value_of_any_option_is_an_issue_with_its_path(section: type, leaves: list):
    for names, _, shape in leaves:
        if shape.kind is Kind.LIST or "plugin" in names:
            continue
        (issue, *_) = [issue for issue in decode(section, _nested(names, ["x", "y"])).issues if not issue.is_warning]
        assert issue.path == _flag(names)
        assert "\n" not in str(issue)
