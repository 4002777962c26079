"""Where the options of the file provider stand: its files are read again when somebody asks, that is, for an Issue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from trafficcop.config.document import Document
from trafficcop.config.document import Path as KeyPath
from trafficcop.config.providers import FileProvider as FileOptions
from trafficcop.config.sources import load_text
from trafficcop.errors import NOWHERE, ConfigurationError, Position
from trafficcop.gotemplate import TemplateError, render
from trafficcop.providers.listing import format_of, list_directory, list_file


class FilePlaces:
    """Called with the path of an option, answers where it stands in the files of `options` or in `one_file`."""

    def __init__(
        self, options: FileOptions | None, environ: Mapping[str, str], one_file: str = "", *, limit: int = 0
    ) -> None:
        self._options = options
        self._environ = environ
        self._one_file = one_file
        self._limit = limit  # bytes of a file, 0 for any
        self._documents: list[tuple[Document, str, str]] | None = None  # with the text as written and as rendered

    def __call__(self, path: KeyPath) -> Position:
        if self._documents is None:
            self._documents = list(self._load())
        for document, written, rendered in self._documents:
            if _has(document.data, path[:3]):
                position = document.locate(path)
                return position if _is_same_line(position, written, rendered) else Position(position.source)
        return NOWHERE

    def _load(self) -> Iterator[tuple[Document, str, str]]:
        if self._one_file:
            yield from self._read(self._one_file, is_template=False)
        if self._options is not None:
            place = self._options.directory or self._options.filename
            listing = list_directory(place) if self._options.directory else list_file(place)
            for path in listing.files:
                yield from self._read(path, is_template=True)

    def _read(self, path: str, *, is_template: bool) -> Iterator[tuple[Document, str, str]]:
        try:
            written = Path(path).read_text(encoding="utf-8-sig")
            if self._limit and len(written) > self._limit:
                return
            rendered = render(written, source=path, environ=self._environ) if is_template else written
            yield load_text(rendered, format_of(path), path), written, rendered
        except (OSError, UnicodeDecodeError, TemplateError, ConfigurationError):
            # The provider has told it; what stands in such a file is not in use.
            return


def _has(data: Any, path: KeyPath) -> bool:
    """Whether a document has the object: the keys of options in any case, names as they are."""
    for depth, key in enumerate(path):
        if isinstance(key, int):
            return isinstance(data, list) and key < len(data)
        if not isinstance(data, Mapping):
            return False
        if depth == 2:
            return key in data
        data = next((value for name, value in data.items() if str(name).lower() == key.lower()), None)
    return True


def _is_same_line(position: Position, written: str, rendered: str) -> bool:
    """Whether the line of a rendered template is the line of the file as well."""
    if written == rendered or not position.line:
        return True
    lines, made = written.splitlines(), rendered.splitlines()
    index = position.line - 1
    return index < len(lines) and index < len(made) and lines[index] == made[index] and "{{" not in lines[index]
