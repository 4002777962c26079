"""The balancer of a service: its servers, how one of them is chosen, and what it shares with other workers."""

from __future__ import annotations

from collections.abc import Sequence

from trafficcop.config.dynamic import LoadBalancer as Options
from trafficcop.service.conditions import Conditions, Judge
from trafficcop.service.load_balancer import LoadBalancer, shared_chance
from trafficcop.service.servers import Server
from trafficcop.service.strategies import STRATEGIES, Beginning
from trafficcop.store.interface import Store, Tally
from trafficcop.worker.linked import Linked

_GOLDEN = 0.6180339887498949  # multiples of it are spread evenly, however many there are


class BalancerLinker:
    """Puts balancers together. `phase`, from 0 to 1: where this worker stands among the others."""

    __slots__ = ("_linked", "_phase", "_store")

    def __init__(self, store: Store, phase: float, linked: Linked) -> None:
        self._store = store
        self._phase = phase
        self._linked = linked

    def beginning(self, name: str) -> Beginning:
        """Services begin at different places; those of one name in all workers equally far from each other.

        And elsewhere with each plan: where plans change more often than turns go round, no server is to come first.
        """
        # Workers are forked from one process: they agree on the hash of a name.
        place = self._phase + (hash(name) & 0xFFFF) / 65536 + self._linked.version * _GOLDEN
        return Beginning(shared_chance(), place % 1.0)

    def link(self, name: str, options: Options, servers: Sequence[Server]) -> LoadBalancer:
        beginning = self.beginning(name)
        beginning.consistent_hash = options.consistent_hash or beginning.consistent_hash
        strategy = options.strategy or "wrr"
        if STRATEGIES[strategy].is_counting:
            for server in servers:
                server.tally = self._store.tally(name, server.url)
            if strategy == "consistentHash":
                beginning.whole = self._store.tally(name, "")
                for server in servers:
                    server.tally = _Both(server.tally, beginning.whole)
        return LoadBalancer(
            name, servers, strategy, options.sticky, beginning, self._conditions(name, options, servers)
        )

    def _conditions(self, name: str, options: Options, servers: Sequence[Server]) -> Conditions | None:
        passive, outlier = options.passive_health_check, options.outlier_detection
        if passive is None and outlier is None and options.slow_start <= 0:
            return None
        standing = self._store.standing(name, [server.url for server in servers])
        if passive is not None or outlier is not None:
            is_checked = options.health_check is not None
            Judge(standing, len(servers), passive, outlier, is_checked=is_checked).watch(servers)
        return Conditions(servers, standing, max(options.slow_start, 0))


class _Both:
    """Counts a request for a server and for all servers of its service."""

    __slots__ = ("_one", "_whole")

    def __init__(self, one: Tally, whole: Tally) -> None:
        self._one = one
        self._whole = whole

    def enter(self) -> None:
        self._one.enter()
        self._whole.enter()

    def leave(self) -> None:
        self._one.leave()
        self._whole.leave()

    def total(self) -> int:
        return self._one.total()
