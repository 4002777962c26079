"""Where things stand in a source: a tree of lines and columns beside the tree of values."""

from __future__ import annotations

from collections.abc import Sequence

from trafficcop.errors import Position


class Mark:
    """The place of one value, and the marks of what is below it. An alias has the marks of its anchor below it."""

    __slots__ = ("column", "items", "keys", "line", "merged", "same")

    def __init__(self, line: int, column: int) -> None:
        self.line = line
        self.column = column
        self.keys: dict[str, Mark] = {}
        self.items: list[Mark] = []
        self.merged: list[Mark] = []
        self.same: Mark | None = None

    def add(self, key: str | None, mark: Mark) -> None:
        """Note a key; the first of two equal ones stays. `<<` is noted as what it is, too."""
        if key is None:
            return
        if key == "<<":
            self.merged.append(mark)
        self.keys.setdefault(key, mark)

    def below(self, step: str | int) -> Mark | None:
        """The mark one step down: a list index, or a key in the case it is written in, else in any case."""
        if self.same is not None:
            return self.same.below(step)
        if isinstance(step, int):
            return self.items[step] if 0 <= step < len(self.items) else None
        found = self.keys.get(step)
        if found is None:
            lowered = step.lower()
            found = next((mark for key, mark in self.keys.items() if key.lower() == lowered), None)
        return found or self._below_merged(step)

    def _below_merged(self, step: str) -> Mark | None:
        for merged in self.merged:
            for part in (merged, *merged.items):
                found = part.below(step)
                if found is not None:
                    return found
        return None

    def find(self, path: Sequence[str | int]) -> Mark:
        """The mark at `path`, or of the nearest thing around it when it is not written."""
        mark = self
        for step in path:
            found = mark.below(step)
            if found is None:
                break
            mark = found
        return mark


def line_and_column(text: str, offset: int, source: str) -> Position:
    """The Position of a character offset."""
    line = text.count("\n", 0, offset) + 1
    return Position(source, line, offset - (text.rfind("\n", 0, offset) + 1) + 1)
