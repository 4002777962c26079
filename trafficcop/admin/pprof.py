"""Profiles in the format of pprof (its `proto/profile.proto`), and as lines of text."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePath

from trafficcop.plan.profile import Place, Profile

# Numbers of fields. Of Profile:
_TYPES, _SAMPLES, _LOCATIONS, _FUNCTIONS, _STRINGS, _TIME, _DURATION, _PERIOD_TYPE, _PERIOD = (
    1,
    2,
    4,
    5,
    6,
    9,
    10,
    11,
    12,
)


def encoded(profiles: Iterable[Profile], started: int, duration: int) -> bytes:
    """All of them as one, compressed; each stack has its worker as a label. Times in nanoseconds."""
    return gzip.compress(_Encoding().profile(list(profiles), started, duration), 1)


def collapsed(profiles: Iterable[Profile]) -> str:
    """A line for each stack, outermost first, and how often it was seen: what flame graphs are made of."""
    counts: dict[str, int] = {}
    for profile in profiles:
        for stack, count in profile.stacks:
            line = ";".join([f"worker {profile.worker}", *map(_name, reversed(stack))])
            counts[line] = counts.get(line, 0) + count
    return "".join(f"{line} {count}\n" for line, count in sorted(counts.items()))


def _name(place: Place) -> str:
    function, file, _ = place
    return f"{PurePath(file).stem}.{function}".replace(";", ":")


class _Encoding:
    """Tables of what samples refer to by number."""

    def __init__(self) -> None:
        self._strings: dict[str, int] = {"": 0}
        self._functions: dict[tuple[str, str], int] = {}
        self._locations: dict[Place, int] = {}
        self._tables: list[bytes] = []

    def profile(self, profiles: Sequence[Profile], started: int, duration: int) -> bytes:
        cpu = self._type("cpu", "nanoseconds")
        pieces = [_message(_TYPES, self._type("samples", "count")), _message(_TYPES, cpu)]
        for profile in profiles:
            pieces += self._samples(profile)
        pieces += self._tables
        pieces += [_message(_STRINGS, text.encode("utf-8", "replace")) for text in self._strings]
        period = profiles[0].period if profiles else 0
        pieces += [_number(_TIME, started), _number(_DURATION, duration)]
        pieces += [_message(_PERIOD_TYPE, cpu), _number(_PERIOD, period)]
        return b"".join(pieces)

    def _type(self, kind: str, unit: str) -> bytes:
        return _number(1, self._string(kind)) + _number(2, self._string(unit))

    def _samples(self, profile: Profile) -> Iterator[bytes]:
        label = _message(3, _number(1, self._string("worker")) + _number(2, self._string(str(profile.worker))))
        for stack, count in profile.stacks:
            places = b"".join([_varint(self._location(place)) for place in stack])
            values = _varint(count) + _varint(count * profile.period)
            yield _message(_SAMPLES, _message(1, places) + _message(2, values) + label)

    def _location(self, place: Place) -> int:
        found = self._locations.get(place)
        if found is None:
            function, file, line = place
            found = self._locations[place] = len(self._locations) + 1
            content = _number(1, self._function(function, file)) + _number(2, line)
            self._tables.append(_message(_LOCATIONS, _number(1, found) + _message(4, content)))
        return found

    def _function(self, function: str, file: str) -> int:
        found = self._functions.get((function, file))
        if found is None:
            found = self._functions[function, file] = len(self._functions) + 1
            name = self._string(f"{PurePath(file).stem}.{function}")
            content = _number(1, found) + _number(2, name) + _number(3, name) + _number(4, self._string(file))
            self._tables.append(_message(_FUNCTIONS, content))
        return found

    def _string(self, text: str) -> int:
        return self._strings.setdefault(text, len(self._strings))


# === Protocol Buffers: a key (number and kind), then a varint or a length and bytes ===


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _message(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)
