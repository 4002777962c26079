"""The routers that share a host, found by path where there are many of them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Generator, Sequence
from operator import attrgetter
from typing import Final

from trafficcop.http.messages import Handler, Request, Route
from trafficcop.rules.ast import Node
from trafficcop.rules.combine import bound
from trafficcop.rules.matchers import HTTPMatcher, link_http
from trafficcop.rules.requirements import required_paths

_FEW: Final = 4  # so many candidates are tried faster than found
_LAST: Final = 1 << 62
_STEP: Final = 32  # so many candidates are a few tenths of a millisecond of work


class Claim:
    """A router that wants the requests of a bucket, as far as `rule` lets it; None is all of them.

    Linked once, although a rule with many hosts has its claim in many buckets.
    """

    __slots__ = ("_candidate", "handler", "order", "route", "rule", "syntax")

    def __init__(self, order: int, route: Route, handler: Handler, rule: Node | None, syntax: str) -> None:
        self.order = order
        self.route = route
        self.handler = handler
        self.rule = rule
        self.syntax = syntax
        self._candidate: Candidate | None = None

    def candidate(self) -> Candidate:
        if self._candidate is None:
            self._candidate = self.asking(self.rule)
        return self._candidate

    def asking(self, rule: Node | None) -> Candidate:
        """What is left of the claim when only `rule` is to be asked."""
        matcher = None if rule is None else bound(link_http(rule, self.syntax))
        return Candidate(self.order, matcher, self.route, self.handler)


class Candidate:
    """A linked router. `order` is its place among all of the entry point."""

    __slots__ = ("handler", "matcher", "order", "route")

    def __init__(self, order: int, matcher: HTTPMatcher | None, route: Route, handler: Handler) -> None:
        self.order = order
        self.matcher = matcher
        self.route = route
        self.handler = handler


class _Prefix:
    """The candidates of one prefix, and the next shorter prefix of which this one is a continuation."""

    __slots__ = ("candidates", "parent", "text")

    def __init__(self, text: bytes, candidates: Sequence[Candidate], parent: _Prefix | None) -> None:
        self.text = text
        self.candidates = tuple(candidates)
        self.parent = parent


class Bucket:
    """The routers of a host, of a wildcard, or of no host. `more` are the buckets that claim its requests as well."""

    __slots__ = ("_found", "_more", "candidates")

    def __init__(self, candidates: Sequence[Candidate], more: Sequence[Bucket] = ()) -> None:
        self.candidates = found = tuple(candidates)
        # Few routers of `more` stand among the own ones: one walk is shorter than two.
        rest = []
        for bucket in more:
            is_indexed = isinstance(self, IndexedBucket) or isinstance(bucket, IndexedBucket)
            if is_indexed or len(found) + len(bucket.candidates) > _FEW:
                rest.append(bucket)
            else:
                found = tuple(sorted(found + bucket.candidates, key=attrgetter("order")))
        self._found = found
        self._more = tuple(rest)

    @property
    def is_empty(self) -> bool:
        return not self.candidates

    def find(self, request: Request) -> Candidate | None:
        """The first router that takes the request, of this bucket and of `more`."""
        found: Candidate | None = None
        for candidate in self._found:
            matcher = candidate.matcher
            if matcher is None or matcher(request):
                found = candidate
                break
        for bucket in self._more:
            found = bucket.outrank(request, found)
        return found

    def outrank(self, request: Request, best: Candidate | None) -> Candidate | None:
        """The first router of this bucket alone that takes the request and comes before `best`, or else that."""
        return first(self.candidates, request, best)


class IndexedBucket(Bucket):
    """A bucket of many routers, most of which require a path: `candidates` are the others."""

    __slots__ = ("_exact", "_nodes", "_prefixes")

    def __init__(
        self,
        candidates: Sequence[Candidate],
        exact: dict[bytes, list[Candidate]],
        nodes: list[_Prefix],
        more: Sequence[Bucket] = (),
    ) -> None:
        super().__init__(candidates, more)
        self._exact = exact
        self._nodes = nodes
        self._prefixes = [node.text for node in nodes]

    def pieces(self) -> Sequence[object]:
        """What it is made of, to be freed one by one."""
        return (*self.candidates, *self._exact.values(), *self._nodes)

    @property
    def is_empty(self) -> bool:
        return False

    def find(self, request: Request) -> Candidate | None:
        found = self.outrank(request, None)
        for bucket in self._more:
            found = bucket.outrank(request, found)
        return found

    def outrank(self, request: Request, best: Candidate | None) -> Candidate | None:
        path = request.path
        if self._exact:
            candidates = self._exact.get(path)
            if candidates is not None:
                best = first(candidates, request, best)
        place = bisect_right(self._prefixes, path)
        # The greatest prefix that is not after the path is either a prefix of it, or continues the longest that is.
        node = self._nodes[place - 1] if place else None
        while node is not None:
            if path.startswith(node.text):
                best = first(node.candidates, request, best)
            node = node.parent
        return first(self.candidates, request, best) if self.candidates else best


def first(candidates: Sequence[Candidate], request: Request, best: Candidate | None) -> Candidate | None:
    """The first of the candidates that takes the request and comes before `best`, or else that."""
    limit = _LAST if best is None else best.order
    for candidate in candidates:
        if candidate.order >= limit:
            break
        matcher = candidate.matcher
        if matcher is None or matcher(request):
            return candidate
    return best


def build_bucket(claims: Sequence[Claim], more: Sequence[Bucket] = ()) -> Generator[None, None, Bucket]:
    """A bucket of claims in their order, with an index if there are many; built in short steps."""
    if len(claims) <= _FEW:
        return Bucket([claim.candidate() for claim in claims], more)
    others: list[Candidate] = []
    exact: dict[bytes, list[Candidate]] = {}
    prefixes: dict[bytes, list[Candidate]] = {}
    for number, claim in enumerate(claims):
        if number % _STEP == 0:
            yield
        required = None if claim.rule is None else required_paths(claim.rule, claim.syntax)
        if required is None:
            others.append(claim.candidate())
            continue
        candidate = claim.asking(required.rest)
        for key in required.keys:
            (prefixes if key.is_prefix else exact).setdefault(key.text, []).append(candidate)
    nodes = yield from _nest(prefixes)
    return IndexedBucket(others, exact, nodes, more)


def _nest(prefixes: dict[bytes, list[Candidate]]) -> Generator[None, None, list[_Prefix]]:
    """The prefixes in their order, each with the next shorter one that it continues."""
    nodes: list[_Prefix] = []
    open_prefixes: list[_Prefix] = []
    for number, text in enumerate(sorted(prefixes)):
        if number % _STEP == 0:
            yield
        while open_prefixes and not text.startswith(open_prefixes[-1].text):
            open_prefixes.pop()
        node = _Prefix(text, prefixes[text], open_prefixes[-1] if open_prefixes else None)
        nodes.append(node)
        open_prefixes.append(node)
    return nodes
