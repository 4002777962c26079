"""Routers that can never match, because those before them take whatever their rules let through.

Rules are compared by their structure (`rules/terms.py`); what is not certain is not told. However many routers there
are, each is compared with few: alternatives are found by the rarest of their conditions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from trafficcop.plan.model import Plan, RouterPlan
from trafficcop.plan.streams import TCPRouterPlan
from trafficcop.rules.atoms import PATH, Atom, Proofs, Subject, wildcard_part
from trafficcop.rules.names import Kind
from trafficcop.rules.terms import Term, TermReader, TooManyTermsError

Routed = RouterPlan | TCPRouterPlan
MOST_COMPARISONS = 200_000

_Key = tuple[Subject, object] | Atom


@dataclass(frozen=True, slots=True)
class Shadow:
    """A router on an entry point that takes nothing, and who takes it instead; nobody if its rule never holds."""

    router: Routed
    takers: tuple[Routed, ...]


class ShadowSearch:
    """One search through a Plan. `is_complete`: everything was compared that had to be."""

    def __init__(self, limit: int = MOST_COMPARISONS) -> None:
        self.is_complete = True
        self._left = limit
        self._proofs = Proofs()

    def find(self, plan: Plan) -> Iterator[Shadow]:
        """The routers of the plan that take nothing, on each entry point."""
        yield from self._groups(plan.routers, "http")
        yield from self._groups(plan.tcp_routers, "tcp")
        for router in plan.routers:
            yield from self._children(router)

    def _children(self, parent: RouterPlan) -> Iterator[Shadow]:
        if parent.children:
            # Middlewares of the parent may have made another path of it, even one without a slash.
            reader = TermReader(self._proofs, "http", has_root_paths=False)
            yield from self._group(parent.children, reader)
            for child in parent.children:
                yield from self._children(child)

    def _groups(self, routers: Sequence[Routed], kind: Kind) -> Iterator[Shadow]:
        """Plain and TLS routers of an entry point do not see the same requests."""
        groups: dict[tuple[str, bool], list[Routed]] = {}
        for router in routers:
            groups.setdefault((router.entry_point, router.is_tls), []).append(router)
        reader = TermReader(self._proofs, kind)
        for group in groups.values():
            yield from self._group(group, reader)

    def _group(self, routers: Iterable[Routed], reader: TermReader) -> Iterator[Shadow]:
        ordered = sorted(routers, key=_precedence)
        read = [_terms(reader, router) for router in ordered]
        index = _Index(read)
        for router, terms in zip(ordered, read, strict=True):
            if terms is None:
                continue
            takers = self._takers(terms, index)
            if takers is None:
                index.add(router, terms)  # whoever is shadowed shadows nobody that its takers do not
            else:
                yield Shadow(router, takers)

    def _takers(self, terms: Sequence[Term], index: _Index) -> tuple[Routed, ...] | None:
        """Who takes all of these alternatives; None if some of them are left."""
        chosen: dict[str, Routed] = {}
        common: dict[str, Routed] | None = None
        for term in terms:
            found = self._covering(term, index)
            if not found:
                return None
            common = found if common is None else {name: router for name, router in common.items() if name in found}
            first = next(iter(found.values()))
            chosen[first.name] = first
        return tuple(common.values())[:1] if common else tuple(chosen.values())

    def _covering(self, given: Term, index: _Index) -> dict[str, Routed]:
        """The routers that take this alternative whole, by name."""
        found: dict[str, Routed] = {}
        for router, wanted in index.candidates(given):
            if self._left == 0:
                self.is_complete = False
                break
            self._left -= 1
            if self._covers(wanted, given):
                found[router.name] = router
        return found

    def _covers(self, wanted: Term, given: Term) -> bool:
        follows = self._proofs.follows
        return all(any(follows(one, condition) for one in given) for condition in wanted)


class _Index:
    """Alternatives of routers, each under the rarest of its conditions."""

    def __init__(self, all_terms: Iterable[Sequence[Term] | None]) -> None:
        self._counts = Counter(
            key for terms in all_terms for term in terms or () for atom in term for key in _keys(atom)
        )
        self._found: dict[_Key, list[tuple[Routed, Term]]] = {}
        self._always: list[tuple[Routed, Term]] = []
        self._lengths: set[int] = set()  # of the paths that requests are to start with

    def add(self, router: Routed, terms: Sequence[Term]) -> None:
        for term in terms:
            if not term:
                self._always.append((router, term))
                continue
            rarest = min(term, key=self._frequency)
            if rarest.form == "starts" and not rarest.is_negated:
                self._lengths.update(map(len, rarest.values))
            for key in _keys(rarest):
                self._found.setdefault(key, []).append((router, term))

    def candidates(self, term: Term) -> Iterator[tuple[Routed, Term]]:
        """The alternatives that may hold whenever this one does; some of them twice."""
        yield from self._always
        for atom in term:
            for key in self._probes(atom):
                yield from self._found.get(key, ())

    def _frequency(self, atom: Atom) -> int:
        return sum(self._counts[key] for key in _keys(atom))

    def _probes(self, atom: Atom) -> Iterator[_Key]:
        """The keys of every condition that may follow from this one."""
        subject, form = atom.subject, atom.form
        yield subject, "not"
        if atom.is_negated:
            return
        if form == "is":
            yield subject, "fits"
            for value in atom.values:
                yield subject, ("is", value)
                yield subject, ("wildcard", wildcard_part(value))
        if form == "wildcard":
            yield from ((subject, ("wildcard", value)) for value in atom.values)
        elif form == "in":
            yield subject, "in"
        elif form in ("fits", "other"):
            yield atom
        if subject == PATH and form in ("is", "starts"):
            (path,) = atom.values
            yield from ((subject, ("starts", path[:length])) for length in self._lengths if length <= len(path))


def _keys(atom: Atom) -> Sequence[_Key]:
    """What a condition is found by."""
    subject, form = atom.subject, atom.form
    if atom.is_negated:
        return [(subject, "not")]
    if form in ("is", "starts", "wildcard"):
        return [(subject, (form, value)) for value in atom.values]
    if form == "fits":
        return [(subject, form), atom]
    return [(subject, form)] if form == "in" else [atom]


def _terms(reader: TermReader, router: Routed) -> list[Term] | None:
    try:
        return reader.terms(router.rule, router.syntax)
    except TooManyTermsError:
        return None


def _precedence(router: Routed) -> tuple[int, int, str]:
    return -router.priority, router.rank, router.name
