"""Options set one by one by a dotted name (flags, variables) → the nested data that a file would have given.

The declarations say what a name means: which parts are option names, in any case, and which are keys of a map, whose
first spelling stays. A list of sections is indexed, `domains[0].main`; its items are sorted by the text of the index
(Traefik sorts whole flag names, `paerser/parser/labels_decode.go`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from trafficcop.config.document import Document, Path
from trafficcop.config.removed import removal_advice
from trafficcop.config.sections import path_text, suggestion
from trafficcop.config.shape import Kind, Shape, options_by_key
from trafficcop.errors import NOWHERE, Issue, Position

_INDEXED = re.compile(r"(.+?)\[(\d+)\]")


def split_name(name: str) -> list[str]:
    """`entryPoints.web.http.tls.domains[0].main` → its parts, the index a part of its own."""
    parts: list[str] = []
    for part in name.split("."):
        indexed = _INDEXED.fullmatch(part)
        parts.extend(indexed.groups() if indexed else (part,))
    return parts


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a name means: the path in Traefik's spelling, the shape of each step, or why it means nothing."""

    path: tuple[str, ...]
    shapes: tuple[Shape, ...]
    error: str = ""

    @property
    def takes_no_value(self) -> bool:
        """A switch or a section: `--api` alone means `--api=true`."""
        last = self.shapes[-1]
        return last.kind is Kind.SECTION or (last.kind is Kind.SCALAR and last.type is bool)


def resolve(section: type[Any], parts: Sequence[str]) -> Resolved:
    """Follow a name through the declarations."""
    shape = Shape(Kind.SECTION, section)
    path: list[str] = []
    shapes: list[Shape] = []
    rest = list(parts)
    while rest:
        part = rest.pop(0)
        if shape.kind is Kind.SECTION:
            known = options_by_key(shape.type)
            option = known.get(part.lower())
            if option is None or option.labels_only:
                advice = removal_advice((*path, part))
                near = suggestion(part, [known_option.key for known_option in known.values()])
                return Resolved((*path, part), tuple(shapes), advice or f"unknown option {part!r}{near}")
            path.append(option.key)
            shape = option.shape
        elif shape.kind is Kind.ANY or (shape.kind is Kind.MAP and cast("Shape", shape.item).kind is not Kind.SCALAR):
            path.append(part)
            shape = shape.item or shape
        elif shape.kind is Kind.MAP:
            # The key of a scalar may have dots itself: everything that is left is the key.
            path.append(".".join([part, *rest]))
            rest = []
            shape = shape.item or shape
        elif shape.kind is Kind.LIST and part.isdecimal():
            path.append(part)
            shape = shape.item or shape
        else:
            return Resolved((*path, part), tuple(shapes), f"unknown option {part!r}: there are none below")
        shapes.append(shape)
    return Resolved(tuple(path), tuple(shapes))


class _Indexed(dict[str, Any]):
    """A list while it is being put together: its items by the text of their index."""


@dataclass(slots=True)
class Assembly:
    """The nested data so far, where each option came from, and what was wrong with names."""

    section: type[Any]
    data: dict[str, Any] = field(default_factory=dict)
    origins: dict[tuple[str, ...], str] = field(default_factory=dict)
    issues: list[Issue] = field(default_factory=list)

    def set(self, parts: Sequence[str], value: str, origin: str) -> None:
        """Set one option; a list gets one more item, of anything else the last value counts."""
        resolved = resolve(self.section, parts)
        if resolved.error:
            self.issues.append(Issue(resolved.error, path_text(resolved.path), Position(origin)))
            return
        node: Any = self.data
        path: list[str] = []
        steps = list(zip(resolved.path, resolved.shapes, strict=True))
        for step, shape in steps[:-1]:
            key = _spelled(node, step)
            path.append(key)
            node = _descend(node, key, shape)
        step, shape = steps[-1]
        key = _spelled(node, step)
        self.origins.setdefault((*(part.lower() for part in path), key.lower()), origin)
        _place(node, key, shape, value)

    def document(self, source: str) -> Document:
        """What was put together, as if read from a file."""
        return Document(_finished(self.data), source, self._locate)

    def _locate(self, path: Path) -> Position:
        steps = tuple(str(step).lower() for step in path)
        for length in range(len(steps), 0, -1):
            for known, origin in self.origins.items():
                if known[:length] == steps[:length]:
                    return Position(origin)
        return NOWHERE


def _spelled(node: Mapping[str, Any], step: str) -> str:
    lowered = step.lower()
    return next((key for key in node if key.lower() == lowered), step)


def _descend(node: dict[str, Any], key: str, shape: Shape) -> dict[str, Any]:
    below = node.get(key)
    if isinstance(below, dict):
        return below
    made: dict[str, Any] = _Indexed() if shape.kind is Kind.LIST else {}
    if isinstance(below, str) and below != "true":
        # `--api=false` switches the whole section off, whatever else is set in it.
        return made
    if isinstance(below, list):
        made = _Indexed({str(index): item for index, item in enumerate(below)})
    node[key] = made
    return made


def _place(node: dict[str, Any], key: str, shape: Shape, value: str) -> None:
    if shape.kind is Kind.LIST and cast("Shape", shape.item).kind is not Kind.SECTION:
        items = node.setdefault(key, [])
        new = [item.strip() for item in value.split(",")] if value else []
        if isinstance(items, _Indexed):
            items.update((str(len(items) + index), item) for index, item in enumerate(new))
        else:
            items.extend(new)
    elif shape.kind is Kind.SECTION and value.lower() in ("true", "") and isinstance(node.get(key), dict):
        pass  # it is on already, and has options
    else:
        node[key] = value


def _finished(value: Any) -> Any:
    if isinstance(value, _Indexed):
        return [_finished(value[index]) for index in sorted(value)]
    if isinstance(value, dict):
        return {key: _finished(item) for key, item in value.items()}
    return value
