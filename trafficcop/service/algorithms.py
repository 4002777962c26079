"""How a balancer picks one of its servers. Every algorithm answers None when no server can take a request."""

from __future__ import annotations

import math
import random
from bisect import bisect
from collections.abc import Sequence
from itertools import accumulate
from typing import Final, Protocol

from trafficcop.http.messages import Request
from trafficcop.service.servers import STEPS, Server, whole_weights
from trafficcop.service.turns import Turns, order_of, reduced, starts_of

_MANY: Final = 8  # servers, of which a strategy looks at a few more than one
_SOME: Final = (0, 1, 2)
_CROWD: Final = 32  # servers, of which a strategy that weighs all of them looks at a sample
_SAMPLE: Final = 8


class Algorithm(Protocol):
    """A strategy with its servers."""

    def choose(self, request: Request) -> Server | None: ...

    def refresh(self) -> None:
        """Servers went up or down, or weigh more or less than before."""


class RoundRobin:
    """Weighted turns. `phase`, from 0 to 1, is how far into the turns it begins: another one in every worker."""

    __slots__ = ("_order", "_phase", "_position", "_servers", "_turns")

    def __init__(self, servers: Sequence[Server], phase: float) -> None:
        self._servers = [server for server in servers if server.weight > 0]
        self._phase = phase
        self._order: list[Server] = []
        self._position = 0
        self._turns: Turns | None = None
        self.refresh()

    def refresh(self) -> None:
        done = self._position / len(self._order) if self._order else self._phase
        eligible = [server for server in self._servers if server.is_eligible]
        weights = reduced(whole_weights(eligible))
        order = order_of(weights)
        self._order = [eligible[index] for index in order] if order else eligible
        starts = starts_of(weights)
        self._position = starts[int(done % 1.0 * len(starts))] if starts else 0
        self._turns = None if order or not eligible else Turns(weights)

    def choose(self, request: Request) -> Server | None:
        order = self._order
        if self._turns is not None:
            return order[self._turns.next()]
        position = self._position
        if position >= len(order):
            if not order:
                return None
            position = 0
        self._position = position + 1
        return order[position]


class OfEligible:
    """What the algorithms share that look at the servers that can take a request."""

    __slots__ = ("_chance", "_eligible", "_servers")

    def __init__(self, servers: Sequence[Server], chance: random.Random) -> None:
        self._servers = self._usable(servers)
        self._chance = chance
        chance.shuffle(self._servers)
        self._eligible: list[Server] = []
        self.refresh()

    def _usable(self, servers: Sequence[Server]) -> list[Server]:
        return [server for server in servers if server.weight > 0]

    def refresh(self) -> None:
        self._eligible = [server for server in self._servers if server.is_eligible]


class PowerOfTwo(OfEligible):
    """Of two servers taken at random, the one with fewer requests under way; or the one that had the fewest of those
    looked at last time, if it has fewer still. Weights do not count.

    M. Mitzenmacher, B. Prabhakar, D. Shah, "Load balancing with memory", 2002: one server remembered is worth more than
    another one taken at random.
    """

    __slots__ = ("_kept",)

    def _usable(self, servers: Sequence[Server]) -> list[Server]:
        return list(servers)

    def refresh(self) -> None:
        super().refresh()
        if any(server.share < 1.0 for server in self._eligible):  # the less it is to be given, the rarer it is taken
            copies = [(server, max(round(server.share * STEPS), 1)) for server in self._eligible]
            self._eligible = [server for server, count in copies for _ in range(count)]
        # One on its way back is not to be remembered: it would get all.
        has_memory = len(self._eligible) > 2 and all(server.share == 1.0 for server in self._eligible)
        self._kept: Server | None = self._eligible[0] if has_memory else None

    def choose(self, request: Request) -> Server | None:
        servers = self._eligible
        size = len(servers)
        if size < 2:
            return servers[0] if servers else None
        chance = self._chance.random
        first, second = int(chance() * size), int(chance() * size)
        if first == second:
            second = (second + 1) % size
        best, other = servers[first], servers[second]
        count, rest = best.tally.total(), other.tally.total()
        if rest < count:
            best, other, count, rest = other, best, rest, count
        kept = self._kept
        if kept is None:
            return best
        remembered = kept.tally.total()
        # One that has much less to do than others may be failing fast: memory must not send it everything.
        if remembered < count <= 2 * remembered:
            best, other, count, rest = kept, best, remembered, count
        self._kept = best if count < rest else other
        return best


class LeastTime(OfEligible):
    """The least of (mean time to the answer) x (1 + requests under way) / weight; weighted turns among equals.

    Of many servers it looks at some, taken at random for each request.
    """

    __slots__ = ("_deadlines",)

    def __init__(self, servers: Sequence[Server], chance: random.Random) -> None:
        super().__init__(servers, chance)
        deadline = 0.0
        self._deadlines: dict[Server, float] = {}
        for server in self._servers:
            deadline += 1.0 / server.weight
            self._deadlines[server] = deadline

    def choose(self, request: Request) -> Server | None:
        if len(self._eligible) < 2:
            return self._eligible[0] if self._eligible else None
        lowest = math.inf
        best = self._eligible[0]
        equals: list[Server] | None = None
        servers = self._eligible
        if len(servers) > _CROWD:
            size, chance = len(servers), self._chance.random
            servers = [servers[int(chance() * size)] for _ in range(_SAMPLE)]
        for server in servers:
            score = server.times.mean * (1 + server.tally.total()) / (server.weight * server.share)
            if score < lowest:
                lowest, best, equals = score, server, None
            elif score == lowest:
                if equals is None:
                    equals = [best]
                equals.append(server)
        return best if equals is None else self._by_turns(equals)

    def _by_turns(self, candidates: list[Server]) -> Server:
        deadlines = self._deadlines
        chosen = candidates[0]
        for server in candidates:
            if deadlines[server] < deadlines[chosen]:
                chosen = server
        deadlines[chosen] += 1.0 / (chosen.weight * chosen.share)
        return chosen


class LeastConnections(OfEligible):
    """The fewest requests under way for its weight; weighted turns among equals.

    Of many servers it looks at the one whose turn it is and at a few taken at random, which is nearly as good.
    """

    __slots__ = ("_turns",)

    def __init__(self, servers: Sequence[Server], chance: random.Random, phase: float) -> None:
        self._turns = RoundRobin(servers, phase)
        super().__init__(servers, chance)

    def refresh(self) -> None:
        super().refresh()
        self._turns.refresh()

    def choose(self, request: Request) -> Server | None:
        best = self._turns.choose(request)
        if best is None:
            return None
        count = best.tally.total()
        if count == 0:
            return best
        score = count / (best.weight * best.share)
        servers = self._eligible
        if len(servers) > _MANY:
            size, chance = len(servers), self._chance.random
            servers = [servers[int(chance() * size)] for _ in _SOME]
        for server in servers:
            other = server.tally.total() / (server.weight * server.share)
            if other < score:
                best, score = server, other
        return best


class Random(OfEligible):
    """One taken at random, the likelier the more it weighs."""

    __slots__ = ("_ends", "_sum")

    def refresh(self) -> None:
        super().refresh()
        self._ends = list(accumulate(whole_weights(self._eligible)))
        self._sum = self._ends[-1] if self._ends else 0

    def choose(self, request: Request) -> Server | None:
        if not self._eligible:
            return None
        return self._eligible[bisect(self._ends, int(self._chance.random() * self._sum))]
