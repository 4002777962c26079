"""Sprig's functions on semantic versions (Masterminds `semver`)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import total_ordering
from typing import Any, ClassVar

from trafficcop.gotemplate.functions.registry import Family
from trafficcop.gotemplate.values import FunctionError, Int64

VERSIONS = Family()

_VERSION = re.compile(
    r"v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?",
    re.ASCII,
)
_TERM = re.compile(
    r"\s*(=|==|!=|>=|=>|<=|=<|>|<|~>?|\^|)\s*v?(\d+|[xX*])(?:\.(\d+|[xX*]))?(?:\.(\d+|[xX*]))?"
    r"(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?\s*",
    re.ASCII,
)
_HYPHEN = re.compile(r"\s*(\S+)\s+-\s+(\S+)\s*")


@total_ordering
@dataclass(frozen=True, slots=True, eq=False)
class Version:
    """A `*semver.Version`."""

    numbers: tuple[int, int, int]
    prerelease: str = ""
    metadata: str = ""
    original: str = ""

    type: ClassVar[str] = "*semver.Version"
    methods: ClassVar[Mapping[str, Callable[..., Any]]] = {
        "Major": lambda version: Int64(version.numbers[0]),
        "Minor": lambda version: Int64(version.numbers[1]),
        "Patch": lambda version: Int64(version.numbers[2]),
        "Prerelease": lambda version: version.prerelease,
        "Metadata": lambda version: version.metadata,
        "Original": lambda version: version.original,
        "String": str,
        "Compare": lambda version, other: (version > other) - (version < other),
        "Equal": lambda version, other: version == other,
        "LessThan": lambda version, other: version < other,
        "GreaterThan": lambda version, other: version > other,
    }

    def __str__(self) -> str:
        text = ".".join(map(str, self.numbers))
        text += f"-{self.prerelease}" if self.prerelease else ""
        return text + (f"+{self.metadata}" if self.metadata else "")

    def _order(self) -> tuple[Any, ...]:
        """A prerelease comes before its release; its parts compare as numbers where they are."""
        parts = [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in self.prerelease.split(".")]
        return (*self.numbers, not self.prerelease, parts if self.prerelease else [])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self._order() == other._order()

    def __lt__(self, other: Version) -> bool:
        return bool(self._order() < other._order())

    def __hash__(self) -> int:
        return hash((self.numbers, self.prerelease))


@VERSIONS("semver", "string", cost=5)
def parse(text: str) -> Version:
    found = _VERSION.fullmatch(text)
    if found is None or len(text) > 256:
        raise FunctionError("Invalid Semantic Version")
    numbers = (int(found[1]), int(found[2] or 0), int(found[3] or 0))
    return Version(numbers, found[4] or "", found[5] or "", text)


@dataclass(frozen=True, slots=True)
class _Term:
    """One comparison; `known` says how many of its numbers are written."""

    operator: str
    version: Version
    known: int

    def allows(self, version: Version) -> bool:
        if version.prerelease and not self.version.prerelease and self.operator != "!=":
            return False
        return _OPERATORS[self.operator](self, version)

    def is_within(self, version: Version, count: int) -> bool:
        return version >= self.version and version.numbers[:count] == self.version.numbers[:count]


def _caret(term: _Term, version: Version) -> bool:
    """The first number that is not zero stays."""
    numbers = term.version.numbers
    if term.known == 0 or numbers[0] or term.known == 1:
        return term.is_within(version, min(term.known, 1))
    return term.is_within(version, 2 if numbers[1] or term.known == 2 else 3)


def _above(term: _Term, version: Version) -> bool:
    if term.known < 3 and not term.version.prerelease:
        return version.numbers[: term.known] > term.version.numbers[: term.known]
    return version > term.version


def _up_to(term: _Term, version: Version) -> bool:
    return version <= term.version or (
        term.known < 3 and version.numbers[: term.known] == term.version.numbers[: term.known]
    )


def _equal(term: _Term, version: Version) -> bool:
    return term.is_within(version, term.known) if term.known < 3 else version == term.version


_OPERATORS: Mapping[str, Callable[[_Term, Version], bool]] = {
    "": _equal,
    "=": _equal,
    "==": _equal,
    "!=": lambda term, version: not _equal(term, version),
    ">": _above,
    "<": lambda term, version: version < term.version,
    ">=": lambda term, version: version >= term.version,
    "=>": lambda term, version: version >= term.version,
    "<=": _up_to,
    "=<": _up_to,
    "~": lambda term, version: term.is_within(version, min(term.known, 2)),
    "~>": lambda term, version: term.is_within(version, min(term.known, 2)),
    "^": _caret,
}


def _terms(text: str) -> list[_Term]:
    terms: list[_Term] = []
    text = _HYPHEN.sub(r">=\1 <=\2", text)
    position = 0
    while position < len(text) or not terms:
        found = _TERM.match(text, position)
        if found is None:
            raise FunctionError(f"improper constraint: {text}")
        numbers = [int(part) if part and part.isdigit() else None for part in found.groups()[1:4]]
        known = numbers.index(None) if None in numbers else 3
        written = [number or 0 for number in numbers[:known]] + [0] * (3 - known)
        version = Version((written[0], written[1], written[2]), found[5] or "")
        terms.append(_Term(found[1], version, known))
        position = found.end()
        if text[position : position + 1] == ",":
            position += 1
    return terms


@VERSIONS("semverCompare", "string string", cost=10)
def compare(constraint: str, version: str) -> bool:
    """Whether the version meets every comparison of one of the alternatives."""
    alternatives = [_terms(part) for part in constraint.split("||")]
    given = parse(version)
    return any(all(term.allows(given) for term in terms) for terms in alternatives)
