"""Circles on which keys find their servers (D. Karger and others, "Consistent hashing and random trees", 1997)."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from hashlib import blake2b
from weakref import WeakValueDictionary

from trafficcop.service.servers import Server

_LARGEST = 65536  # places of a ring


class Ring:
    """Places on a circle, many for each server; a key belongs to the first one after its own place."""

    __slots__ = ("__weakref__", "_owners", "_places", "_ranks")

    def __init__(self, nodes: Sequence[tuple[str, int]]) -> None:
        """`nodes`: the name of each server and how many places it has."""
        found: list[tuple[int, int, int]] = []
        for index, (name, count) in enumerate(nodes):
            key = name.encode()
            for block in range(-(-count // 8)):  # of eight places
                digest = blake2b(b"%d" % block, key=blake2b(key, digest_size=32).digest()).digest()
                found += [
                    (int.from_bytes(digest[8 * rank : 8 * rank + 8]), index, 8 * block + rank)
                    for rank in range(min(8, count - 8 * block))
                ]
        found.sort()
        self._places = [place for place, _, _ in found]
        self._owners = [index for _, index, _ in found]
        self._ranks = [rank for _, _, rank in found]

    def start(self, key: bytes) -> int:
        """Where a key's walk around the ring begins."""
        return bisect(self._places, int.from_bytes(blake2b(key, digest_size=8).digest()))

    def walk(self, start: int, limits: Sequence[int]) -> int:
        """The place of the first server from there on, round the ring; `limits`: how many places of each count.

        -1 when none of them counts.
        """
        owners, ranks = self._owners, self._ranks
        size = len(owners)
        for step in range(size):
            place = start + step
            if place >= size:
                place -= size
            if ranks[place] < limits[owners[place]]:
                return place
        return -1

    def owner(self, place: int) -> int:
        return self._owners[place]


# Rings are the same for the same servers: the next plan takes over those of the one in force.
_rings: WeakValueDictionary[tuple[tuple[str, int], ...], Ring] = WeakValueDictionary()


def ring_of(servers: Sequence[Server], nodes: int) -> tuple[Ring, list[int]]:
    """The ring of these servers, and how many places each has."""
    total = sum(server.weight for server in servers)
    while nodes > 1 and nodes * total > _LARGEST:
        nodes //= 2
    sizes = [nodes * server.weight for server in servers]
    key = tuple([(server.url, size) for server, size in zip(servers, sizes, strict=True)])
    ring = _rings.get(key)
    if ring is None:
        ring = _rings[key] = Ring(key)
    return ring, sizes
