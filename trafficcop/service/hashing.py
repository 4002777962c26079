"""Algorithms that give the same server to the same key: an address, a header or a cookie."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from typing import Final

from trafficcop.config.own_balancing import ConsistentHash as ConsistentHashOptions
from trafficcop.http.cookies import read_cookie
from trafficcop.http.messages import Request
from trafficcop.service.algorithms import OfEligible, RoundRobin
from trafficcop.service.rings import ring_of
from trafficcop.service.servers import Server
from trafficcop.store.interface import Tally

Key = Callable[[Request], bytes | None]  # None: the request has none

_REMEMBERED = 4096  # keys whose place is known without working it out
_LONGEST_KEY: Final = 256  # of those: clients choose them


class Rendezvous(OfEligible):
    """The same server for the same client address, as long as it is up (highest random weight)."""

    __slots__ = ("_known",)

    def __init__(self, servers: Sequence[Server], chance: random.Random) -> None:
        self._known: dict[bytes, Server] = {}
        super().__init__(servers, chance)

    def refresh(self) -> None:
        super().refresh()
        self._known.clear()

    def choose(self, request: Request) -> Server | None:
        key = request.peer.ip
        server = self._known.get(key)
        if server is None and self._eligible:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            server = self._known[key] = self._best(key)
        return server

    def _best(self, key: bytes) -> Server:
        start = fnv1a(key)
        best, best_score = self._eligible[0], 0.0
        for server in self._eligible:
            score = _score(fnv1a(server.key, start), server.weight * server.share)
            if score > best_score:
                best, best_score = server, score
        return best


def fnv1a(data: bytes, start: int = 0xCBF29CE484222325) -> int:
    """FNV-1a with 64 bits, continued from `start`."""
    for byte in data:
        start = ((start ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return start


def _score(hashed: int, weight: float) -> float:
    logarithm = math.log(hashed / 2.0**64) if hashed else -math.inf
    return weight / -logarithm if logarithm else 0.0


class Placed:
    """The server of a key on a ring, and those after it."""

    __slots__ = ("_limits", "_ring", "_servers", "_sizes", "_starts")

    def __init__(self, servers: Sequence[Server], nodes: int) -> None:
        self._servers = [server for server in servers if server.weight > 0]
        self._ring, self._sizes = ring_of(self._servers, nodes)
        self._limits: list[int] = []
        self._starts: dict[bytes, int] = {}
        self.refresh()

    def refresh(self) -> None:
        self._limits = [
            max(int(size * server.share), 1) if server.is_eligible else 0
            for server, size in zip(self._servers, self._sizes, strict=True)
        ]

    def _start(self, key: bytes) -> int:
        start = self._starts.get(key)
        if start is None:
            start = self._ring.start(key)
            if len(key) <= _LONGEST_KEY:
                if len(self._starts) >= _REMEMBERED:
                    self._starts.clear()
                self._starts[key] = start
        return start

    def find(self, key: bytes) -> Server | None:
        place = self._ring.walk(self._start(key), self._limits)
        return None if place < 0 else self._servers[self._ring.owner(place)]

    def find_with_room(self, key: bytes, has_room: Callable[[Server], bool]) -> Server | None:
        """The first that has room; the key's own when none has."""
        ring, limits = self._ring, self._limits
        first = place = ring.walk(self._start(key), limits)
        if first < 0:
            return None
        full = False
        while not has_room(self._servers[ring.owner(place)]):
            if not full:
                full, limits = True, list(limits)
            limits[ring.owner(place)] = 0
            place = ring.walk(place, limits)
            if place < 0:
                return self._servers[ring.owner(first)]
        return self._servers[ring.owner(place)]


class ConsistentHash:
    """The same server for the same key, unless it has much more than its share under way already.

    V. Mirrokni, M. Thorup, M. Zadimoghaddam, "Consistent hashing with bounded loads", 2018. Requests without a key
    take turns. `whole` counts what all of the servers have under way.
    """

    __slots__ = ("_factor", "_key", "_placed", "_servers", "_turns", "_weight", "_whole")

    def __init__(self, servers: Sequence[Server], options: ConsistentHashOptions, whole: Tally, phase: float) -> None:
        self._servers = [server for server in servers if server.weight > 0]
        self._placed = Placed(servers, options.virtual_nodes)
        self._turns = RoundRobin(servers, phase)
        self._key = key_of(options.header, options.cookie)
        self._factor = options.load_factor
        self._whole = whole
        self._weight = 1.0
        self.refresh()

    def refresh(self) -> None:
        self._placed.refresh()
        self._turns.refresh()
        self._weight = sum(server.weight * server.share for server in self._servers if server.is_eligible) or 1.0

    def choose(self, request: Request) -> Server | None:
        key = self._key(request)
        if key is None:
            return self._turns.choose(request)
        if not self._factor:
            return self._placed.find(key)
        return self._placed.find_with_room(key, self._has_room)

    def _has_room(self, server: Server) -> bool:
        """Whether one more request leaves it below its share of all of them, times the factor, rounded up."""
        share = (self._whole.total() + 1) * server.weight * server.share / self._weight
        return server.tally.total() < math.ceil(self._factor * share)


# === keys ===


def client_address(request: Request) -> bytes:
    return request.peer.ip


class HeaderKey:
    """The first value of a header."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name.encode()

    def __call__(self, request: Request) -> bytes | None:
        return request.headers.get(self._name) or None


class CookieKey:
    """The value of a cookie."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name.encode() + b"="

    def __call__(self, request: Request) -> bytes | None:
        return read_cookie(request.headers, self._name) or None


def key_of(header: str, cookie: str) -> Key:
    """What requests are told apart by: a header, else a cookie, else the client's address."""
    if header:
        return HeaderKey(header)
    return CookieKey(cookie) if cookie else client_address
