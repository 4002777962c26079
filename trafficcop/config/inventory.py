"""The static configuration as it acts, value by value, each with where it comes from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from trafficcop.config.document import Document
from trafficcop.config.encode import MASK
from trafficcop.config.lazy import dataclass
from trafficcop.config.scalars import Duration
from trafficcop.config.sections import path_text
from trafficcop.config.shape import Kind, Option, Shape, options_of
from trafficcop.errors import Position

Path = tuple[str | int, ...]

DEFAULT = "default"
IMPLIED = "implied"  # written by nobody, and not the default: it follows from other options
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+(?=@)")
_SECRET_NAME = re.compile(r"token|secret|passw|credential|apikey|api_key|private", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Node:
    """An option: a plain `value`, or sections below it, of a mapping or (`is_list`) of a list."""

    key: str
    path: Path
    source: str = ""
    value: Any = None
    below: tuple[Node, ...] | None = None
    is_list: bool = False


class Inventory:
    """Goes through a static configuration. `document` is what it was decoded from, None when that could not be read.

    Secrets are masked. `has_defaults`: what nobody wrote down is listed as well.
    """

    def __init__(self, document: Document | None, *, has_defaults: bool = False) -> None:
        self._document = document or Document({})
        self._has_defaults = has_defaults

    def of(self, section: Any) -> tuple[Node, ...]:
        return tuple(self._section(section, ()))

    def _section(self, section: Any, path: Path) -> Iterator[Node]:
        for option in options_of(type(section)):
            value = getattr(section, option.name)
            if value is None or option.labels_only:
                continue
            node = self._node(option.key, (*path, option.key), value, option.shape, option)
            if node is not None:
                yield node

    def _node(self, key: str, path: Path, value: Any, shape: Shape, option: Option | None) -> Node | None:
        """`option` is None for what is named by users: it is there because somebody wrote it."""
        if shape.kind is Kind.SECTION:
            return self._sections(key, path, tuple(self._section(value, path)), option)
        if shape.kind is Kind.MAP:
            item = cast("Shape", shape.item)
            found = [self._node(str(name), (*path, name), value[name], item, None) for name in value]
            return self._sections(key, path, _some(found), option)
        if shape.kind is Kind.LIST and cast("Shape", shape.item).kind is Kind.SECTION:
            items = (self._section(one, (*path, index)) for index, one in enumerate(value))
            below = tuple(Node("", (*path, index), below=tuple(item)) for index, item in enumerate(items))
            return Node(key, path, below=below, is_list=True) if below else None
        source = self._source(path, value, option)
        if source == DEFAULT and not self._has_defaults:
            return None
        # Headers that are sent to a provider or a collector are there to be let in.
        is_secret = option.secret if option is not None else path[-2] == "headers"
        return Node(key, path, source, masked(value, path, is_secret=is_secret))

    def _sections(self, key: str, path: Path, below: tuple[Node, ...], option: Option | None) -> Node | None:
        if below:
            return Node(key, path, below=below)
        written = self._written(path)
        if written is None and option is not None and not (self._has_defaults and option.default is None):
            return None  # it is there with its parent
        return Node(key, path, self._source(path, None, None), below=())

    def _source(self, path: Path, value: Any, option: Option | None) -> str:
        position = self._written(path)
        if position is not None:
            return str(Position(position.source, position.line))
        return DEFAULT if option is not None and value == option.make_default() else IMPLIED

    def _written(self, path: Path) -> Position | None:
        """Where an option stands, if it was given at all."""
        data: Any = self._document.data
        for step in path:
            found, data = _below(data, step)
            if not found:
                return None
        return None if data is None else self._document.locate(path)


def _some(nodes: Sequence[Node | None]) -> tuple[Node, ...]:
    return tuple(node for node in nodes if node is not None)


def _below(data: Any, step: str | int) -> tuple[bool, Any]:
    if isinstance(data, Mapping):
        if step in data:
            return True, data[step]
        lowered = str(step).lower()
        return next(((True, value) for key, value in data.items() if str(key).lower() == lowered), (False, None))
    if isinstance(data, list) and isinstance(step, int) and step < len(data):
        return True, data[step]
    return False, None


def masked(value: Any, path: Path, *, is_secret: bool) -> Any:
    """A value in the types of JSON, without what helps to log in anywhere."""
    if isinstance(value, Mapping):
        return {str(key): masked(item, (*path, str(key)), is_secret=is_secret) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [masked(item, path, is_secret=is_secret) for item in value]
    if isinstance(value, Duration):
        return str(value)
    if not isinstance(value, str):
        return value
    is_secret = is_secret or "PRIVATE KEY-----" in value
    if value and (is_secret or ("plugin" in path and _SECRET_NAME.search(str(path[-1])))):
        return MASK
    return _CREDENTIALS.sub(MASK, value)


def plain(nodes: Sequence[Node], *, is_list: bool = False) -> Any:
    """The same without sources, as JSON has it."""
    if is_list:
        return [plain(node.below or ()) for node in nodes]
    return {node.key: node.value if node.below is None else plain(node.below, is_list=node.is_list) for node in nodes}


def sources(nodes: Sequence[Node]) -> dict[str, str]:
    """The source of each value by its path."""
    found: dict[str, str] = {}
    for node in nodes:
        if node.source:
            found[path_text(node.path)] = node.source
        found |= sources(node.below or ())
    return found
