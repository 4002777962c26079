"""Where the things that an Issue is about stand in the sources of their provider."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field, replace
from pathlib import Path

from trafficcop.config.document import Path as KeyPath
from trafficcop.config.lazy import dataclass
from trafficcop.errors import NOWHERE, Position

Locate = Callable[[KeyPath], Position]


@dataclass(frozen=True, slots=True)
class Places:
    """Positions by provider, worked out only when there is an Issue to tell."""

    by_provider: Mapping[str, Locate] = field(default_factory=dict)

    def key(self, provider: str, path: KeyPath) -> Position:
        """Where an option stands, or the nearest section around it that is there."""
        locate = self.by_provider.get(provider)
        return NOWHERE if locate is None else locate(path)

    def inside(self, provider: str, path: KeyPath, text: str, column: int) -> Position:
        """Where a column of an option's text stands, if the text is written on one line as it is."""
        position = self.key(provider, path)
        if not column or not position.line or "\n" in text:
            return position
        try:
            line = Path(position.source).read_text(encoding="utf-8", errors="replace").splitlines()[position.line - 1]
        except (OSError, ValueError, IndexError):
            return position  # the key will do: the source is no file, or has changed meanwhile
        start = line.find(text, max(position.column - 1, 0))
        return position if start < 0 else replace(position, column=start + column)


NO_PLACES = Places()
