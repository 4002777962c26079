"""The strategies by their names in a configuration (`loadBalancer.strategy`)."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Final

from trafficcop.config.own_balancing import ConsistentHash as ConsistentHashOptions
from trafficcop.service.algorithms import Algorithm, LeastConnections, LeastTime, PowerOfTwo, Random, RoundRobin
from trafficcop.service.hashing import ConsistentHash, Rendezvous
from trafficcop.service.servers import Server
from trafficcop.store.interface import Tally
from trafficcop.store.servers import LocalTally

_HASH: Final = ConsistentHashOptions()


class Beginning:
    """What an algorithm begins with.

    `phase`: how far into the turns, from 0 to 1. `whole`: what counts the requests of all servers together.
    """

    __slots__ = ("chance", "consistent_hash", "phase", "whole")

    def __init__(
        self,
        chance: random.Random,
        phase: float = 0.0,
        consistent_hash: ConsistentHashOptions | None = None,
        whole: Tally | None = None,
    ) -> None:
        self.chance = chance
        self.phase = phase
        self.consistent_hash = consistent_hash or _HASH
        self.whole: Tally = LocalTally() if whole is None else whole


class Strategy:
    """An algorithm, and what it wants to know of servers."""

    __slots__ = ("is_counting", "is_timing", "is_weighted", "make")

    def __init__(
        self,
        make: Callable[[Sequence[Server], Beginning], Algorithm],
        *,
        is_counting: bool = False,
        is_timing: bool = False,
        is_weighted: bool = True,
    ) -> None:
        self.make = make
        self.is_counting = is_counting
        self.is_timing = is_timing
        self.is_weighted = is_weighted


def _wrr(servers: Sequence[Server], beginning: Beginning) -> Algorithm:
    return RoundRobin(servers, beginning.phase)


def _p2c(servers: Sequence[Server], beginning: Beginning) -> Algorithm:
    return PowerOfTwo(servers, beginning.chance)


def _hrw(servers: Sequence[Server], beginning: Beginning) -> Algorithm:
    return Rendezvous(servers, beginning.chance)


def _least_time(servers: Sequence[Server], beginning: Beginning) -> Algorithm:
    return LeastTime(servers, beginning.chance)


def _least_connections(servers: Sequence[Server], beginning: Beginning) -> Algorithm:
    return LeastConnections(servers, beginning.chance, beginning.phase)


def _random(servers: Sequence[Server], beginning: Beginning) -> Algorithm:
    return Random(servers, beginning.chance)


def _consistent_hash(servers: Sequence[Server], beginning: Beginning) -> Algorithm:
    return ConsistentHash(servers, beginning.consistent_hash, beginning.whole, beginning.phase)


STRATEGIES: Final[dict[str, Strategy]] = {
    "": Strategy(_wrr),
    "wrr": Strategy(_wrr),
    "p2c": Strategy(_p2c, is_counting=True, is_weighted=False),
    "hrw": Strategy(_hrw),
    "leasttime": Strategy(_least_time, is_counting=True, is_timing=True),
    "leastConn": Strategy(_least_connections, is_counting=True),
    "random": Strategy(_random),
    "consistentHash": Strategy(_consistent_hash, is_counting=True),
}
