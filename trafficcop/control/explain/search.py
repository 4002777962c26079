"""Which router takes a request: all of an entry point are tried as a worker tries them, and why each lost is noted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from trafficcop.config.middlewares import EncodedCharacters
from trafficcop.control.explain.broken import Broken
from trafficcop.control.explain.index import PlanIndex
from trafficcop.control.explain.middlewares import Chain
from trafficcop.control.explain.rules import may_want, misses, spelled, text_of, wanted_hosts
from trafficcop.control.explain.services import Services
from trafficcop.http.messages import Request
from trafficcop.http.paths import routing_path
from trafficcop.plan.model import RouterPlan

Object = dict[str, Any]

# So many of the routers that lost are told one by one, and so many matchers of each; the others are counted.
_LOSERS = 20
_MISSES = 10


class Search:
    """Goes through routers for one request. `options`: the TLS options of its connection, "" without TLS."""

    def __init__(self, index: PlanIndex, broken: Broken, request: Request, services: Services, options: str) -> None:
        self._index = index
        self._broken = broken
        self._request = request
        self._services = services
        self._options = options
        self._doubts: list[str] = []

    async def run(self, candidates: Iterable[RouterPlan], others: int, parent: str = "") -> tuple[Object, Object]:
        """What is to be told of the routers, and what comes of it. `others`: how many more there are that want another
        host; `parent`: whose children they are."""
        winner, lost = self._judge(sorted(candidates, key=precedence))
        told = [self._loser(router, winner if is_behind else None) for router, is_behind in lost[:_LOSERS]]
        shown: Object = {"lost": told, "otherHosts": others}
        if len(lost) > _LOSERS:
            shown["more"] = len(lost) - _LOSERS
        broken = self._broken.before(None if winner is None else winner.priority, self._request, parent)
        if broken:
            shown["disabled"] = broken
        if winner is None:
            result = {"kind": "answer", "status": 404, "by": "nobody", "headers": {}}
            return {"router": None} | shown, result | ({"name": parent} if parent else {})
        router_shown, result = await self._follow(winner)
        if self._doubts:
            result["if"] = list(self._doubts)
        return {"router": router_shown} | shown, result

    def _judge(self, candidates: Sequence[RouterPlan]) -> tuple[RouterPlan | None, list[tuple[RouterPlan, bool]]]:
        """The first that matches, and the others; with each whether it matches, too."""
        winner: RouterPlan | None = None
        lost: list[tuple[RouterPlan, bool]] = []
        for router in candidates:
            is_match = self._index.holds(router, self._request)
            if is_match and winner is None:
                winner = router
            else:
                lost.append((router, is_match))
        if winner is None:  # who names the host is nearest
            lost.sort(key=lambda entry: wanted_hosts(entry[0].rule) is None)
        return winner, lost

    def _loser(self, router: RouterPlan, winner: RouterPlan | None) -> Object:
        """`winner`: whom it is behind although it matches."""
        if winner is not None:
            return shown_router(router) | {"behind": _reason(router, winner)}
        found = misses(router.rule, self._request, router.syntax)[:_MISSES]
        return shown_router(router) | {"misses": [{"matcher": miss.matcher, "seen": miss.seen} for miss in found]}

    # === what the winner does ===

    async def _follow(self, router: RouterPlan) -> tuple[Object, Object]:
        """In the order in which `worker/link.py` puts the handlers of a router together."""
        shown = shown_router(router)
        warnings = self._broken.warnings(router.name)
        if warnings:
            shown["warnings"] = warnings
        chain = Chain(self._index.plan.middlewares, self._request, self._doubts)
        shown["middlewares"] = chain.steps
        answer = await self._check_characters(router, chain)
        if answer is None and router.is_tls and router.tls_options != self._options:
            answer = {"status": 421, "by": "TLS options", "name": router.tls_options, "headers": {}}
        if answer is None:
            answer = await chain.run(router.middlewares)
        if answer is not None:
            return shown, {"kind": "answer"} | answer
        return await self._arrive(router, shown)

    async def _check_characters(self, router: RouterPlan, chain: Chain) -> Object | None:
        """`encodedCharacters` of the entry point; told only when it refuses."""
        options = router.encoded_characters
        if options is None:
            return None
        keys = (
            *("allow_encoded_slash", "allow_encoded_back_slash", "allow_encoded_null_character"),
            *("allow_encoded_semicolon", "allow_encoded_percent", "allow_encoded_question_mark", "allow_encoded_hash"),
        )
        config = EncodedCharacters(**{key: getattr(options, key) for key in keys})
        answer = await chain.step("encodedCharacters", "encoded_characters", config)
        chain.steps.clear()
        return None if answer is None else answer | {"by": "entry point"}

    async def _arrive(self, router: RouterPlan, shown: Object) -> tuple[Object, Object]:
        """Behind the middlewares: the children, or the service."""
        if router.children:
            path = routing_path(self._request.raw_path)
            if path is None:
                return shown, {"kind": "answer", "status": 400, "by": "router", "name": router.name, "headers": {}}
            self._request.path = path
            hosts = spelled(self._request.host)
            children = [child for child in router.children if may_want(child.rule, hosts)]
            others = len(router.children) - len(children)
            shown["children"], result = await self.run(children, others, router.name)
            return shown, result
        shown["service"], answer = await self._services.tree(router.service, self._request, self._doubts)
        if answer is not None:
            return shown, {"kind": "answer"} | answer
        return shown, {"kind": "service", "service": router.service}


def precedence(router: RouterPlan) -> tuple[int, int, str]:
    """As `router/http.py` has it."""
    return -router.priority, router.rank, router.name


def shown_router(router: RouterPlan) -> Object:
    return {"name": router.name, "rule": text_of(router.rule), "priority": router.priority}


def _reason(router: RouterPlan, winner: RouterPlan) -> str:
    """What put a router that matches, too, behind the one that came first."""
    if router.priority != winner.priority:
        return "priority"
    return "provider" if router.rank != winner.rank else "name"
