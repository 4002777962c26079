"""The TCP routers of one entry point: found by server name, and tried in order of priority."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Generic, TypeVar

from trafficcop.plan.streams import TCPRouterPlan
from trafficcop.rules.requirements import required_server_names
from trafficcop.rules.tcp_matchers import TCPFacts, TCPMatcher, link_tcp

T = TypeVar("T")

_STEP: Final = 32  # so many routers are linked in a few tenths of a millisecond


class _Candidate(Generic[T]):
    """A linked router. `order` is its place among all of the entry point; no matcher: nothing is left to ask."""

    __slots__ = ("matcher", "order", "target")

    def __init__(self, order: int, matcher: TCPMatcher | None, target: T) -> None:
        self.order = order
        self.matcher = matcher
        self.target = target


class TCPRouter(Generic[T]):
    """Finds the first router whose rule holds. Those that ask for a server name are only tried for that name."""

    __slots__ = ("_any", "_by_name", "_by_suffix", "_size")

    def __init__(self) -> None:
        self._by_name: dict[str, list[_Candidate[T]]] = {}
        self._by_suffix: dict[str, list[_Candidate[T]]] = {}  # of wildcards: ".example.com"
        self._any: list[_Candidate[T]] = []
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def index(self, entries: Sequence[tuple[TCPRouterPlan, T]]) -> Iterator[None]:
        """Take all routers of the entry point, in short steps."""
        self._size = len(entries)
        ordered = sorted(entries, key=_precedence)
        for order, (plan, target) in enumerate(ordered):
            if order % _STEP == 0:
                yield
            self._add(order, plan, target)

    def _add(self, order: int, plan: TCPRouterPlan, target: T) -> None:
        requirement = required_server_names(plan.rule, plan.syntax)
        rest = plan.rule if requirement is None else requirement.rest
        candidate = _Candidate(order, None if rest is None else link_tcp(rest, plan.syntax), target)
        if requirement is None:
            self._any.append(candidate)
            return
        for key in requirement.keys:
            names = self._by_suffix if key.is_wildcard else self._by_name
            names.setdefault(key.name, []).append(candidate)

    def find(self, facts: TCPFacts) -> T | None:
        """The target of the first router that takes the connection."""
        best = _first(self._any, facts)
        name = facts.server_name
        if name:
            best = _earlier(best, self._by_name.get(name), facts)
            dot = name.find(".")
            if dot >= 0:
                best = _earlier(best, self._by_suffix.get(name[dot:]), facts)
        return None if best is None else best.target


def _precedence(entry: tuple[TCPRouterPlan, object]) -> tuple[int, int, str]:
    plan = entry[0]
    return -plan.priority, plan.rank, plan.name


def _first(candidates: Sequence[_Candidate[T]], facts: TCPFacts) -> _Candidate[T] | None:
    for candidate in candidates:
        if candidate.matcher is None or candidate.matcher(facts):
            return candidate
    return None


def _earlier(
    best: _Candidate[T] | None, candidates: Sequence[_Candidate[T]] | None, facts: TCPFacts
) -> _Candidate[T] | None:
    found = None if candidates is None else _first(candidates, facts)
    if found is None or (best is not None and best.order < found.order):
        return best
    return found
