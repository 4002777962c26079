"""How a balancer picks one of its servers. Every algorithm answers None when no server can take a request."""

from __future__ import annotations

import heapq
import math
import random
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from trafficcop.http.messages import Handler, Request


class Times:
    """The last hundred times to an answer, in whole milliseconds as Traefik counts them."""

    __slots__ = ("_last", "_sum")

    def __init__(self) -> None:
        self._last: deque[int] = deque()
        self._sum = 0

    def add(self, milliseconds: int) -> None:
        if len(self._last) == 100:
            self._sum -= self._last.popleft()
        self._last.append(milliseconds)
        self._sum += milliseconds

    @property
    def mean(self) -> float:
        return self._sum / len(self._last) if self._last else 0.0


class Server:
    """One server, or one child service of a weighted service, where `url` is the child's name.

    `is_fenced`: about to go away, reachable by a sticky cookie only.
    """

    __slots__ = ("handler", "in_flight", "is_fenced", "is_up", "key", "times", "url", "weight")

    def __init__(self, url: str, weight: int, handler: Handler, is_fenced: bool = False) -> None:
        self.url = url
        self.key = url.encode()
        self.weight = weight
        self.handler = handler
        self.is_fenced = is_fenced
        self.is_up = True
        self.in_flight = 0
        self.times = Times()

    @property
    def is_eligible(self) -> bool:
        return self.is_up and not self.is_fenced

    def finish(self) -> None:
        """A request that was counted has ended."""
        self.in_flight -= 1


class Algorithm(Protocol):
    def choose(self, request: Request) -> Server | None: ...

    def refresh(self) -> None:
        """Servers went up or down."""


class RoundRobin:
    """Smooth weighted turns: earliest deadline first, the next deadline being 1/weight after the last.

    The start is random, so that workers do not send their first requests to the same server. Deadlines are whole
    numbers (1/weight times a common multiple of the weights): the order repeats exactly, however long it runs.
    """

    __slots__ = ("_counter", "_has_eligible", "_heap", "_servers")

    def __init__(self, servers: Sequence[Server], chance: random.Random) -> None:
        self._servers = [server for server in servers if server.weight > 0]
        chance.shuffle(self._servers)
        multiple = math.lcm(*(server.weight for server in self._servers))
        self._heap: list[tuple[int, int, int, Server]] = []
        for index, server in enumerate(self._servers):
            step = multiple // server.weight
            self._heap.append((step, index, step, server))
        heapq.heapify(self._heap)
        self._counter = len(self._heap)
        self._has_eligible = False
        self.refresh()

    def refresh(self) -> None:
        self._has_eligible = any(server.is_eligible for server in self._servers)

    def choose(self, request: Request) -> Server | None:
        if not self._has_eligible:
            return None
        heap = self._heap
        while True:
            deadline, _, step, server = heap[0]
            self._counter += 1  # among equal deadlines the one that waited longest comes first
            heapq.heapreplace(heap, (deadline + step, self._counter, step, server))
            if server.is_up and not server.is_fenced:
                return server


class _OfEligible:
    """What the algorithms share that look at every server that can take a request."""

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


class PowerOfTwo(_OfEligible):
    """Of two servers taken at random, the one with fewer requests under way. Weights do not count."""

    __slots__ = ()

    def _usable(self, servers: Sequence[Server]) -> list[Server]:
        return list(servers)

    def choose(self, request: Request) -> Server | None:
        servers = self._eligible
        size = len(servers)
        if size < 2:
            return servers[0] if servers else None
        first, second = int(self._chance.random() * size), int(self._chance.random() * size)
        if first == second:
            second = (second + 1) % size
        return servers[second] if servers[second].in_flight < servers[first].in_flight else servers[first]


class Rendezvous(_OfEligible):
    """The same server for the same client address, as long as it is up (highest random weight)."""

    __slots__ = ()

    def choose(self, request: Request) -> Server | None:
        if not self._eligible:
            return None
        start = fnv1a(request.peer.ip)
        best, best_score = self._eligible[0], 0.0
        for server in self._eligible:
            score = _score(fnv1a(server.key, start), server.weight)
            if score > best_score:
                best, best_score = server, score
        return best


def fnv1a(data: bytes, start: int = 0xCBF29CE484222325) -> int:
    """FNV-1a with 64 bits, continued from `start`."""
    for byte in data:
        start = ((start ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return start


def _score(hashed: int, weight: int) -> float:
    logarithm = math.log(hashed / 2.0**64) if hashed else -math.inf
    return weight / -logarithm if logarithm else 0.0


class LeastTime(_OfEligible):
    """The least of (mean time to the answer) x (1 + requests under way) / weight; weighted turns among equals."""

    __slots__ = ("_deadlines",)

    def __init__(self, servers: Sequence[Server], chance: random.Random) -> None:
        super().__init__(servers, chance)
        deadline = 0.0
        self._deadlines: dict[str, float] = {}
        for server in self._servers:
            deadline += 1.0 / server.weight
            self._deadlines[server.url] = deadline

    def choose(self, request: Request) -> Server | None:
        if len(self._eligible) < 2:
            return self._eligible[0] if self._eligible else None
        lowest = math.inf
        candidates: list[Server] = []
        for server in self._eligible:
            score = server.times.mean * (1 + server.in_flight) / server.weight
            if score < lowest:
                lowest, candidates = score, [server]
            elif score == lowest:
                candidates.append(server)
        return candidates[0] if len(candidates) == 1 else self._by_turns(candidates)

    def _by_turns(self, candidates: list[Server]) -> Server:
        deadlines = self._deadlines
        chosen = candidates[0]
        for server in candidates:
            if deadlines[server.url] < deadlines[chosen.url]:
                chosen = server
        deadlines[chosen.url] += 1.0 / chosen.weight
        return chosen


STRATEGIES: dict[str, Callable[[Sequence[Server], random.Random], Algorithm]] = {
    "": RoundRobin,
    "wrr": RoundRobin,
    "p2c": PowerOfTwo,
    "hrw": Rendezvous,
    "leasttime": LeastTime,
}
