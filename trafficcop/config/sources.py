"""Configuration text in YAML, TOML or JSON → Document."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path as FilePath
from typing import Any

from trafficcop.config.document import Document, Path
from trafficcop.config.syntax.marks import Mark, line_and_column
from trafficcop.config.syntax.yaml_reader import compose, read_yaml
from trafficcop.errors import ConfigurationError, Issue, Position

FORMATS = {".yaml": "yaml", ".yml": "yaml", ".json": "json", ".toml": "toml"}


def load_text(text: str, format: str, source: str) -> Document:  # noqa: A002 - the word for it
    """Read `text` ("yaml", "toml" or "json"); ConfigurationError when its syntax is broken or it is not a mapping."""
    text = text.removeprefix("\ufeff")
    nul = text.find("\0")
    if nul >= 0:
        raise ConfigurationError([Issue("a NUL character is not allowed", position=line_and_column(text, nul, source))])
    data = _READERS[format](text, source)
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise ConfigurationError(
            [Issue("expected options at the top level, not a list or a text", position=Position(source, 1, 1))]
        )
    return Document(data, source, _Locator(text, _MARKERS[format], source))


def load_file(path: str | FilePath) -> Document:
    """Read a file whose extension says its format; ConfigurationError when it cannot be read."""
    source = str(path)
    syntax = FORMATS.get(FilePath(path).suffix.lower())
    if syntax is None:
        raise ConfigurationError(
            [Issue(f"unsupported file extension (use {', '.join(FORMATS)})", position=Position(source))]
        )
    try:
        content = FilePath(path).read_bytes()
    except OSError as error:
        raise ConfigurationError([Issue(f"cannot be read: {error.strerror}", position=Position(source))]) from error
    return load_text(decode_text(content, source), syntax, source)


def decode_text(content: bytes, source: str) -> str:
    """UTF-8, with or without a byte order mark, or a ConfigurationError at the first byte that is not."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8-sig", "replace")
        position = line_and_column(before, len(before), source)
        raise ConfigurationError([Issue("not valid UTF-8", position=position)]) from error


class _Locator:
    """`Document.locate`: reads the text a second time when the first Issue asks for a position."""

    def __init__(self, text: str, marker: Callable[[str], Mark], source: str) -> None:
        self._text = text
        self._marker = marker
        self._source = source
        self._root: Mark | None = None

    def __call__(self, path: Path) -> Position:
        if self._root is None:
            self._root = self._marker(self._text)
        mark = self._root.find(path)
        return Position(self._source, mark.line, mark.column)


class _DuplicateKeyError(ValueError):
    """A JSON object that has a key twice."""


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _DuplicateKeyError
    return found


def read_json(text: str, source: str) -> Any:
    """JSON as the YAML reader reads it. The strict and fast reader goes first, the other one for what it refuses:

    Traefik reads `.json` with its YAML parser, which allows comments, and ours says where an error is.
    """
    try:
        data = json.loads(text, parse_int=str, parse_float=str, object_pairs_hook=_pairs)
        if "\\u" in text:
            json.dumps(data, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError):
        return read_yaml(text, source)
    return data


def read_toml(text: str, source: str) -> Any:
    """TOML: its parser is imported when there is some to read."""
    from trafficcop.config.syntax import toml_reader

    return toml_reader.read_toml(text, source)


def mark_toml(text: str) -> Mark:
    from trafficcop.config.syntax import toml_marks

    return toml_marks.mark_toml(text)


_READERS: dict[str, Callable[[str, str], Any]] = {"yaml": read_yaml, "json": read_json, "toml": read_toml}
_MARKERS: dict[str, Callable[[str], Mark]] = {"yaml": compose, "json": compose, "toml": mark_toml}
