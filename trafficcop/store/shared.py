"""Counters and token buckets that the workers of one machine share: hash tables in memory mapped before they fork.

A table is `SETS` sets of `WAYS` slots. A source may be in either of two sets, which its keyed digest names, so nobody
who does not know the key can aim at a set. One lock guards `SETS / STRIPES` sets; both sets of a source are under one.
Whoever dies at any point leaves what is right, or a counter cell of its own that the supervisor sets to zero.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Sequence
from hashlib import blake2b

from trafficcop.store.breaker import Gate, Terms
from trafficcop.store.breakers import BreakerTable
from trafficcop.store.interface import NANOSECONDS, SOURCES, Buckets, Counts, Numbers, Rate, Standing, Tally
from trafficcop.store.locks import LOCK_SIZE, Locks
from trafficcop.store.servers import ServerTable, SharedServers

WAYS = 16
SETS = SOURCES // WAYS
STRIPES = 64
_SETS_OF_STRIPE = SETS // STRIPES
_SLOTS_OF_STRIPE = _SETS_OF_STRIPE * WAYS
_KEY = 16  # bytes of a digest
_SET = WAYS * _KEY
_LOCKS = 2 * STRIPES * LOCK_SIZE
_WORDS = 3  # of a bucket: tokens, when it was used last, when it may be forgotten
_REMEMBERED = 16384  # sources whose place a worker knows without asking


class SharedMemory:
    """The mapping: made by the supervisor, inherited by every worker, also by those that are started later.

    Nothing of it takes memory before it is used.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.secret = os.urandom(16)
        keys = SOURCES * _KEY
        buckets = _LOCKS + keys
        counted = buckets + SOURCES * _WORDS * 8
        cells = counted + keys
        self.memory = mmap.mmap(-1, cells + (SOURCES * workers + 1) * 4)
        self.locks = Locks(self.memory, 2 * STRIPES)
        self.servers = ServerTable(workers)
        self.breakers = BreakerTable(workers)
        view = memoryview(self.memory)
        self.bucket_keys = _Keys(self.memory, _LOCKS)
        self.tokens = view[buckets:counted].cast("d")
        self.times = view[buckets:counted].cast("q")
        self.count_keys = _Keys(self.memory, counted)
        self.cells_start = cells
        self.cells = view[cells:].cast("I")

    def begin_counting(self) -> None:
        """Somebody counts, from now on."""
        self.cells[SOURCES * self.workers] = 1

    def bury(self, worker: int) -> None:
        """What a dead worker had under way is over."""
        self.servers.bury(worker)
        self.breakers.bury(worker)
        end = SOURCES * self.workers
        if self.cells[end]:  # or else pages would be touched that nobody uses
            self.cells[worker : end : self.workers] = memoryview(bytes(SOURCES * 4)).cast("I")


class _Keys:
    """The digests of one table, slot by slot."""

    __slots__ = ("_memory", "_start")

    def __init__(self, memory: mmap.mmap, start: int) -> None:
        self._memory = memory
        self._start = start

    def is_at(self, slot: int, digest: bytes) -> bool:
        start = self._start + slot * _KEY
        return self._memory[start : start + _KEY] == digest

    def find(self, digest: bytes) -> int:
        """The slot of a digest, or -1."""
        for index in homes(digest):
            start = self._start + index * _SET
            keys = self._memory[start : start + _SET]
            position = keys.find(digest)
            while position > 0 and position % _KEY:  # a match across two keys
                position = keys.find(digest, position + 1)
            if position >= 0:
                return index * WAYS + position // _KEY
        return -1

    def put(self, slot: int, digest: bytes) -> None:
        start = self._start + slot * _KEY
        self._memory[start : start + _KEY] = digest


def homes(digest: bytes) -> tuple[int, int]:
    """The two sets where a source may be: different ones under the same lock."""
    bits = int.from_bytes(digest[:4], "little")
    first = bits % SETS
    return first, first ^ (1 + (bits >> 16) % (_SETS_OF_STRIPE - 1))


class _Digests:
    """What a source is called in a table; only the owner of the key can tell."""

    __slots__ = ("_state",)

    def __init__(self, secret: bytes, scope: str) -> None:
        self._state = blake2b(scope.encode() + b"\0", key=secret, digest_size=_KEY)

    def of(self, source: str) -> bytes:
        state = self._state.copy()
        state.update(source.encode())
        return state.digest()


class SharedBuckets:
    """A token bucket for each source. A full pair of sets forgets the bucket that would have expired first."""

    __slots__ = ("_digests", "_keys", "_locks", "_places", "_rate", "_times", "_tokens")

    def __init__(self, memory: SharedMemory, scope: str, rate: Rate) -> None:
        self._digests = _Digests(memory.secret, scope)
        self._keys = memory.bucket_keys
        self._locks = memory.locks
        self._tokens = memory.tokens
        self._times = memory.times
        self._rate = rate
        # Where sources were seen last: another worker may have given the place away, which the digest there tells.
        self._places: dict[str, tuple[bytes, int]] = {}

    def reserve(self, source: str, now: int) -> int:
        """How many nanoseconds until the request may go on; longer than the longest wait: it took no token."""
        place = self._places.get(source)
        digest, slot = (self._digests.of(source), -1) if place is None else place
        stripe = homes(digest)[0] // _SETS_OF_STRIPE if slot < 0 else slot // _SLOTS_OF_STRIPE
        self._locks.acquire(stripe)
        try:
            if slot < 0 or not self._keys.is_at(slot, digest):
                slot = self._find(source, digest)
            return self._take(slot, now)
        finally:
            self._locks.release(stripe)

    def _take(self, slot: int, now: int) -> int:
        rate = self._rate
        word = slot * _WORDS
        second = now // NANOSECONDS
        times = self._times
        if times[word + 2] <= second:
            tokens = float(rate.burst)
        else:
            tokens = rate.refill(self._tokens[word], now - times[word + 1])
        wait = rate.wait(tokens)
        # Who dies between these has refilled nobody's bucket.
        times[word + 1] = now
        self._tokens[word] = tokens if wait > rate.longest_wait else tokens - 1.0
        times[word + 2] = second + rate.time_to_live
        return wait

    def slot_of(self, digest: bytes) -> int:
        """Its slot, given to it now if it had none; the caller holds the lock."""
        slot = self._keys.find(digest)
        if slot < 0:
            slot = self._free_slot(digest)
            self._times[slot * _WORDS + 2] = 0
            self._keys.put(slot, digest)
        return slot

    def _find(self, source: str, digest: bytes) -> int:
        slot = self.slot_of(digest)
        if len(self._places) >= _REMEMBERED:
            self._places.clear()
        self._places[source] = (digest, slot)
        return slot

    def _free_slot(self, digest: bytes) -> int:
        """One that was never used, or the one that expires first."""
        times = self._times
        best, earliest = -1, 0
        for index in homes(digest):
            for slot in range(index * WAYS, index * WAYS + WAYS):
                expiry = times[slot * _WORDS + 2]
                if not expiry:
                    return slot
                if best < 0 or expiry < earliest:
                    best, earliest = slot, expiry
        return best


class SharedNumbers:
    """The highest number that was seen with each word. They live among the buckets: a number where the tokens are."""

    __slots__ = ("_buckets", "_digests", "_locks", "_times", "_tokens")

    def __init__(self, memory: SharedMemory, scope: str) -> None:
        self._digests = _Digests(memory.secret, scope)
        self._buckets = SharedBuckets(memory, scope, Rate(1.0, 0, 0, 0))
        self._locks = memory.locks
        self._times = memory.times
        self._tokens = memory.tokens

    def exceed(self, word: str, number: int, expiry: int) -> int:
        """The highest before this one, 0 for none."""
        digest = self._digests.of(word)
        stripe = homes(digest)[0] // _SETS_OF_STRIPE
        self._locks.acquire(stripe)
        try:
            slot = self._buckets.slot_of(digest) * _WORDS
            highest = int(self._tokens[slot]) if self._times[slot + 2] else 0
            if number > highest:
                self._tokens[slot] = number
                self._times[slot + 2] = expiry
            return highest
        finally:
            self._locks.release(stripe)


class SharedCounts:
    """How many requests of each source are under way. Each worker counts in a cell of its own; the sum is the count.

    A slot belongs to a source as long as any of its cells is not zero. Only when both sets of a source are full of such
    (more than 65536 sources at once, or nearly) there is no room to count one more, and it is refused.
    """

    __slots__ = (
        "_cells",
        "_cells_start",
        "_digests",
        "_held",
        "_keys",
        "_locks",
        "_memory",
        "_row",
        "_worker",
        "_workers",
    )

    def __init__(self, memory: SharedMemory, worker: int, scope: str) -> None:
        self._digests = _Digests(memory.secret, scope)
        self._keys = memory.count_keys
        self._locks = memory.locks
        self._cells = memory.cells
        self._cells_start = memory.cells_start
        self._memory = memory.memory
        self._row = struct.Struct(f"{memory.workers}I")
        self._worker = worker
        self._workers = memory.workers
        # Where we count the sources whose requests we have, or had: nobody can take a slot away where our cell is not
        # zero, and the digest there tells of the others.
        self._held: dict[str, tuple[bytes, int]] = {}
        memory.begin_counting()

    def acquire(self, source: str, limit: int) -> bool:
        """Count one more, unless there are as many as may be."""
        held = self._held.get(source)
        digest, slot = (self._digests.of(source), -1) if held is None else held
        stripe = STRIPES + (homes(digest)[0] // _SETS_OF_STRIPE if slot < 0 else slot // _SLOTS_OF_STRIPE)
        self._locks.acquire(stripe)
        try:
            if slot < 0 or not self._keys.is_at(slot, digest):
                slot = self._find(digest)
            if slot < 0 or self._count(slot) >= limit:
                return False
            self._cells[slot * self._workers + self._worker] += 1
            self._held[source] = (digest, slot)
            return True
        finally:
            self._locks.release(stripe)

    def release(self, source: str) -> None:
        """One store to a cell that only we write: whoever adds up sees it or not, either is right."""
        cell = self._held[source][1] * self._workers + self._worker
        count = self._cells[cell] - 1
        if not count and len(self._held) > _REMEMBERED:
            del self._held[source]  # else the place may serve again, if it is still ours then
        self._cells[cell] = count

    def _count(self, slot: int) -> int:
        return sum(self._row.unpack_from(self._memory, self._cells_start + slot * self._row.size))

    def _find(self, digest: bytes) -> int:
        """The slot of a source, a free one that is now its own, or -1."""
        slot = self._keys.find(digest)
        if slot >= 0:
            return slot
        for index in homes(digest):
            for slot in range(index * WAYS, index * WAYS + WAYS):
                if not self._count(slot):
                    self._keys.put(slot, digest)
                    return slot
        return -1


class SharedStore:
    """The shared state as one worker sees it."""

    __slots__ = ("_memory", "_servers", "_worker")

    def __init__(self, memory: SharedMemory, worker: int) -> None:
        self._memory = memory
        self._worker = worker
        self._servers = SharedServers(memory.servers, worker)

    def buckets(self, scope: str, rate: Rate) -> Buckets:
        return SharedBuckets(self._memory, scope, rate)

    @property
    def secret(self) -> bytes:
        return self._memory.secret

    def counts(self, scope: str) -> Counts:
        return SharedCounts(self._memory, self._worker, scope)

    def numbers(self, scope: str) -> Numbers:
        return SharedNumbers(self._memory, scope)

    def gate(self, scope: str, terms: Terms) -> Gate:
        return self._memory.breakers.gate(self._worker, scope, terms)

    def tally(self, service: str, url: str) -> Tally:
        return self._servers.tally(service, url)

    def standing(self, service: str, urls: Sequence[str]) -> Standing:
        return self._servers.standing(service, urls)
