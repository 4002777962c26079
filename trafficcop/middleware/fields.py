"""Header fields from a configuration: names and values made fit for the wire once, applied to messages in one pass."""

from __future__ import annotations

import functools
import operator
import re
from typing import Final

from trafficcop.http.headers import DATE, HOP, Field, Headers, learn

_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+").fullmatch
_BREAKS: Final = re.compile(rb"[\r\n]+")
_CONTROLS: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]").search


def is_field_name(name: str) -> bool:
    """RFC 9110 §5.1."""
    return _TOKEN(name) is not None


def is_field_value(value: bytes) -> bool:
    """Whether a value can stand on the wire as it is (RFC 9110 §5.5)."""
    return _CONTROLS(value) is None


def field_name(name: str) -> bytes:
    """The name as Go writes it: `x-api-key` becomes `X-Api-Key`; what is no token stays as it is."""
    if not is_field_name(name):
        return name.encode()
    return "-".join(part.capitalize() for part in name.split("-")).encode()


def field_value(value: str) -> bytes:
    """The value on one line: a configuration may spread a policy over several."""
    return _BREAKS.sub(b" ", value.encode().strip())


# The same client sends the same fields again: what becomes of them is remembered, for so many of them and not longer.
_KNOWN_LIMIT: Final = 64
_KNOWN_SIZE: Final = 2048


class FieldEdit:
    """Names to drop and pairs to set, in one pass over the fields. A name that is set is dropped first."""

    __slots__ = (
        "_added",
        "_dropped",
        "_is_hop_touched",
        "_known",
        "_lines",
        "_sizes",
        "_without",
        "dropped_marks",
        "marks",
    )

    def __init__(self, values: dict[bytes, bytes | None]) -> None:
        """None drops the field."""
        self._dropped = frozenset(name.lower() for name in values)
        self._sizes = frozenset(map(len, self._dropped))
        self._added: list[Field] = [(name, value) for name, value in values.items() if value is not None]
        self._lines = b"".join([b"%b: %b\r\n" % field for field in self._added])
        self._known: dict[bytes, bytes] = {}
        self._without = self._without_dropped  # bound once
        # What the codec must know about the message afterwards, without looking at its fields again.
        self.marks = functools.reduce(operator.or_, [learn(name) for name, _ in self._added], 0)
        self.dropped_marks = functools.reduce(operator.or_, map(learn, values), 0) & DATE & ~self.marks
        self._is_hop_touched = any(learn(name) & HOP for name in values)

    def __bool__(self) -> bool:
        return bool(self._dropped)

    def apply(self, headers: Headers) -> None:
        if self._is_hop_touched:
            self._apply_slowly(headers)
        elif not headers.edit_lines(self._without, self._lines):
            dropped = self._dropped
            sizes = self._sizes  # most names have another length: cheaper to see than their spelling
            kept = [field for field in headers.fields if len(field[0]) not in sizes or field[0].lower() not in dropped]
            kept += self._added
            headers.fields = kept

    def _without_dropped(self, lines: bytes) -> bytes:
        """The lines but for those of the dropped names."""
        known = self._known.get(lines)
        if known is not None:
            return known
        dropped = self._dropped
        kept = [line for line in lines.split(b"\r\n") if line.partition(b":")[0].lower() not in dropped]
        result = b"\r\n".join(kept)
        if len(lines) <= _KNOWN_SIZE:
            if len(self._known) >= _KNOWN_LIMIT:
                self._known.clear()
            self._known[lines] = result
        return result

    def _apply_slowly(self, headers: Headers) -> None:
        for name in self._dropped:
            headers.remove(name)
        for name, value in self._added:
            headers.add(name, value)
