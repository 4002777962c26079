"""What a single matcher says, as data that can be compared: does one condition follow from another?

Nothing is claimed that is not certain: "no" means that it could not be shown.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from trafficcop.http.addresses import Range

Test = Callable[[bytes], bool]
# How a condition looks at its subject: it is one of some values, starts with a text, is any one label and then one of
# some texts, fits an expression, is in one of some ranges, or something that is only equal to itself.
Form = Literal["always", "is", "starts", "wildcard", "fits", "in", "other"]


class Subject(NamedTuple):
    """What of a request or a connection is looked at. `has_many`: any of several values will do, as of a header."""

    name: str
    key: bytes = b""
    has_many: bool = False


HOST, PATH, METHOD, PEER = Subject("host"), Subject("path"), Subject("method"), Subject("peer")
SERVER_NAME, PROTOCOL = Subject("server name"), Subject("protocol", has_many=True)
NOTHING = Subject("")


class Atom(NamedTuple):
    """One condition. Two are equal if they say the same in the same words. A tuple: many are compared."""

    subject: Subject
    form: Form
    values: frozenset[bytes] = frozenset()
    ranges: frozenset[Range] = frozenset()
    is_negated: bool = False

    def opposite(self) -> Atom:
        return Atom(self.subject, self.form, self.values, self.ranges, not self.is_negated)


TRUE = Atom(NOTHING, "always")
FALSE = TRUE.opposite()


class Proofs:
    """Decides about atoms; it keeps the expressions that they name by their text."""

    __slots__ = ("_tests",)

    def __init__(self) -> None:
        self._tests: dict[Atom, Test] = {}

    def learn(self, atom: Atom, test: Test) -> Atom:
        """An atom with an expression, and the expression."""
        self._tests[atom] = test
        return atom

    def follows(self, given: Atom, wanted: Atom) -> bool:
        """Whether everything that fulfils `given` fulfils `wanted`."""
        if wanted == TRUE or given in (FALSE, wanted):
            return True
        if given.subject != wanted.subject:
            return False
        if not wanted.is_negated:
            return not given.is_negated and self._implies(given, wanted)
        if given.is_negated:
            return self._implies(wanted.opposite(), given.opposite())
        return self.exclude(given, wanted.opposite())

    def exclude(self, one: Atom, other: Atom) -> bool:
        """Whether nothing fulfils both; neither is negated."""
        if one.subject != other.subject or one.subject.has_many:
            return False
        if other.form == "is":
            one, other = other, one
        if one.form == "is" and self._is_known(other):
            return not any(self._holds(other, value) for value in one.values)
        if one.form == "starts" and other.form == "starts":
            (first,), (second,) = one.values, other.values
            return not first.startswith(second) and not second.startswith(first)
        if one.form == "in" and other.form == "in":
            return not any(_meet(first, second) for first in one.ranges for second in other.ranges)
        return False

    def _implies(self, given: Atom, wanted: Atom) -> bool:
        if given == wanted:
            return True
        if given.form == "is" and self._is_known(wanted):
            return all(self._holds(wanted, value) for value in given.values)
        if given.form != wanted.form:
            return False
        if given.form == "starts":
            (longer,), (shorter,) = given.values, wanted.values
            return longer.startswith(shorter)
        if given.form == "wildcard":
            return given.values <= wanted.values
        if given.form == "in":
            return all(any(_is_inside(one, other) for other in wanted.ranges) for one in given.ranges)
        return False

    def _is_known(self, atom: Atom) -> bool:
        """Whether it can be told of a single value if it fulfils the atom."""
        return atom.form in ("is", "starts", "wildcard") or atom in self._tests

    def _holds(self, atom: Atom, value: bytes) -> bool:
        if atom.form == "is":
            return value in atom.values
        if atom.form == "starts":
            return all(value.startswith(start) for start in atom.values)
        if atom.form == "wildcard":
            return wildcard_part(value) in atom.values
        return self._tests[atom](value)


def wildcard_part(host: bytes) -> bytes:
    """A host without its first label: b".example.com"; nothing if that is all."""
    dot = host.find(b".")
    return host[dot:] if dot >= 0 else b""


def _is_inside(one: Range, other: Range) -> bool:
    """Whether a range (mask and network) is part of another."""
    return one[0] & other[0] == other[0] and one[1] & other[0] == other[1]


def _meet(one: Range, other: Range) -> bool:
    common = one[0] & other[0]
    return one[1] & common == other[1] & common
