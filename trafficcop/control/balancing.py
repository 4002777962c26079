"""How a service balances, checked: strategies, stickiness, ejections. Most of it is ours, so the texts are, too."""

from __future__ import annotations

from collections.abc import Iterator

from trafficcop.config.dynamic import LoadBalancer, Service, Sticky
from trafficcop.control.ledger import Entry, Ledger

# What Traefik calls a balancer with each strategy when it has no health check.
STRATEGIES = {
    "": "WRR",
    "wrr": "WRR",
    "p2c": "P2C",
    "hrw": "HRW",
    "leasttime": "LeastTime",
    "leastConn": "LeastConn",
    "random": "Random",
    "consistentHash": "ConsistentHash",
}
# What other routers call them.
_ALSO_CALLED = {
    "consistent": "consistentHash",
    "ketama": "consistentHash",
    "ringhash": "consistentHash",
    "hash": "consistentHash",
    "iphash": "hrw",
    "rendezvous": "hrw",
    "leastconnection": "leastConn",
    "leastconnections": "leastConn",
    "leastrequest": "leastConn",
    "leastresponsetime": "leasttime",
    "poweroftwo": "p2c",
    "poweroftwochoices": "p2c",
    "roundrobin": "wrr",
    "weighted": "wrr",
    "weightedroundrobin": "wrr",
}

Mistake = tuple[str, tuple[str, ...]]


def check_balancing(entry: Entry[Service], balancer: LoadBalancer, ledger: Ledger) -> str:
    """The first mistake, "" without any; all of them are told."""
    first = ""
    if balancer.strategy not in STRATEGIES:
        first = f'unsupported load-balancer strategy "{balancer.strategy}"'
        entry.blame(first)
        ledger.tell(entry, first + _meant(balancer.strategy, ledger), "loadBalancer", "strategy")
    for text, option in _mistakes(balancer):
        first = first or text
        ledger.fail(entry, text, "loadBalancer", *option)
    return first


def _meant(strategy: str, ledger: Ledger) -> str:
    bare = "".join(letter for letter in strategy.lower() if letter.isalnum())
    same = {name.lower(): name for name in STRATEGIES} | _ALSO_CALLED
    return f" (did you mean {same[bare]}?)" if bare in same else ledger.suggest(strategy, list(STRATEGIES))


def sticky_mistakes(sticky: Sticky | None) -> Iterator[Mistake]:
    """Options of `sticky` that cannot be met: (what is wrong, the path of the option)."""
    if sticky is None:
        return
    if sticky.header is not None and not sticky.header.name:
        yield "the name of the header is missing", ("sticky", "header", "name")
    subnet = sticky.client_ip.ipv6_subnet if sticky.client_ip is not None else None
    if subnet is not None and not 0 < subnet <= 128:
        yield f"invalid IPv6 subnet {subnet}: it must be from 1 to 128", ("sticky", "clientIP", "ipv6Subnet")


def _mistakes(balancer: LoadBalancer) -> Iterator[Mistake]:
    yield from sticky_mistakes(balancer.sticky)
    hashed = balancer.consistent_hash
    if hashed is not None:
        if balancer.strategy != "consistentHash" and balancer.strategy in STRATEGIES:
            yield "consistentHash is for the strategy of that name", ("consistentHash",)
        if hashed.header and hashed.cookie:
            yield "header and cookie are mutually exclusive", ("consistentHash",)
        if not (hashed.load_factor == 0 or 1 < hashed.load_factor < float("inf")):
            yield "loadFactor must be greater than 1, or 0 for no bound", ("consistentHash", "loadFactor")
        if not 0 < hashed.virtual_nodes <= 65536:
            yield "virtualNodes must be from 1 to 65536", ("consistentHash", "virtualNodes")
    outlier = balancer.outlier_detection
    if outlier is not None:
        if outlier.consecutive_errors < 1:
            yield "consecutiveErrors must be at least 1", ("outlierDetection", "consecutiveErrors")
        if outlier.ejection_time <= 0:
            yield "ejectionTime must be greater than zero", ("outlierDetection", "ejectionTime")
        if not 0 < outlier.max_ejected_percent <= 100:
            yield "maxEjectedPercent must be from 1 to 100", ("outlierDetection", "maxEjectedPercent")
    if balancer.slow_start < 0:
        yield "slowStart must not be negative", ("slowStart",)
