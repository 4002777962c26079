"""What workers and control know together about servers: requests under way, failures, ejections.

One slot for each server of each service, named by a digest of both, so that it outlives reloads. A slot is free when
nobody holds it and nothing is counted in it. Each worker counts in cells of its own, without a lock; the supervisor
clears those of one that died. Failures are noted under one of a few locks, and whoever dies in between leaves at worst
one of them unnoted.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Sequence
from hashlib import blake2b

from trafficcop.store.interface import Tally
from trafficcop.store.locks import LOCK_SIZE, Locks

SLOTS = 16384
_PROBES = 64  # slots next to each other where a server may be
_STRIPES = 16
_KEY = 16
TIMES = 64  # of the last failures
_WORDS = 8 + TIMES  # of a slot
_FAILURES, _NEWS, _UNTIL = 0, 1, 2  # which word is what; the times begin at 8
_FIRST_TIME = 8


class ServerTable:
    """The mapping: made by the supervisor before it forks. It takes memory only where it is used."""

    def __init__(self, workers: int, slots: int = SLOTS) -> None:
        self.workers = workers
        self.slots = slots
        keys = (1 + _STRIPES) * LOCK_SIZE
        words = keys + (slots + _PROBES) * _KEY
        self._keys = keys
        self.counts_start = words + slots * _WORDS * 8
        holds = self.counts_start + slots * workers * 4
        self.memory = mmap.mmap(-1, holds + (slots * workers + 1) * 4)
        self.locks = Locks(self.memory, 1 + _STRIPES)
        view = memoryview(self.memory)
        self.words = view[words : self.counts_start].cast("q")
        self.counts = view[self.counts_start : holds].cast("I")
        self._holds = view[holds:].cast("I")  # the last one: whether anybody ever held one
        self.row = struct.Struct(f"{workers}I")

    # === slots ===

    def hold(self, worker: int, service: str, url: str) -> Hold | None:
        """The slot of a server, for as long as the answer lives; None when there is no room."""
        digest = _digest(service, url)
        self.locks.acquire(0)
        try:
            slot = self._find(digest)
            if slot < 0:
                slot = self._free_slot(digest)
                if slot < 0:
                    return None
                self.record(slot)[:] = _ZEROS
                self._put(slot, digest)
            self._holds[slot * self.workers + worker] += 1
            self._holds[self.slots * self.workers] = 1
        finally:
            self.locks.release(0)
        return Hold(self, slot, worker)

    def let_go(self, slot: int, worker: int) -> None:
        """The last one who does so leaves nothing behind. Workers that die leave what they knew to those after them."""
        self._holds[slot * self.workers + worker] -= 1
        if self._is_free(slot):
            self.record(slot)[:] = _ZEROS

    def bury(self, worker: int) -> None:
        """A dead worker holds nothing and has nothing under way."""
        end = self.slots * self.workers
        if self._holds[end]:  # or else pages would be touched that nobody uses
            nothing = memoryview(bytes(self.slots * 4)).cast("I")
            self.counts[worker : end : self.workers] = nothing
            self._holds[worker : end : self.workers] = nothing

    def used(self) -> int:
        """How many slots are taken."""
        end = self.slots * self.workers
        if not self._holds[end]:
            return 0
        return sum(not self._is_free(slot) for slot in range(self.slots))

    def _home(self, digest: bytes) -> int:
        return int.from_bytes(digest[:4], "little") % (self.slots - min(_PROBES, self.slots - 1))

    def _find(self, digest: bytes) -> int:
        home = self._home(digest)
        start = self._keys + home * _KEY
        keys = self.memory[start : start + _PROBES * _KEY]
        position = keys.find(digest)
        while position > 0 and position % _KEY:  # a match across two keys
            position = keys.find(digest, position + 1)
        slot = home + position // _KEY
        return slot if position >= 0 and slot < self.slots else -1

    def _free_slot(self, digest: bytes) -> int:
        home = self._home(digest)
        for slot in range(home, min(home + _PROBES, self.slots)):
            if self._is_free(slot):
                return slot
        return -1

    def _is_free(self, slot: int) -> bool:
        first, end = slot * self.workers, (slot + 1) * self.workers
        return not any(self._holds[first:end]) and not any(self.counts[first:end])

    def _put(self, slot: int, digest: bytes) -> None:
        start = self._keys + slot * _KEY
        self.memory[start : start + _KEY] = digest

    def stripe(self, slot: int) -> int:
        """The number of the lock of a slot."""
        return 1 + slot % _STRIPES

    def record(self, slot: int) -> memoryview[int]:
        """The numbers of a slot, for whoever gives them another meaning."""
        return self.words[slot * _WORDS : (slot + 1) * _WORDS]

    # === for those who hold nothing ===

    def until(self, service: str, url: str) -> int:
        """When the ejection of a server ends, or ended; 0 if it never was ejected."""
        slot = self._find(_digest(service, url))
        return self.words[slot * _WORDS + _UNTIL] if slot >= 0 else 0

    def restore(self, service: str, url: str, now: int) -> None:
        """A server is well again, whatever the workers think of it."""
        slot, of_service = self._find(_digest(service, url)), self._find(_digest(service, ""))
        if slot >= 0 and of_service >= 0:
            _restore(self, slot, of_service, now)


_ZEROS = memoryview(bytes(_WORDS * 8)).cast("q")


def _digest(service: str, url: str) -> bytes:
    return blake2b(f"{service}\0{url}".encode(), digest_size=_KEY).digest()


def _restore(table: ServerTable, slot: int, of_service: int, now: int) -> None:
    if table.words[slot * _WORDS + _UNTIL] <= now:
        return
    stripe = table.stripe(of_service)
    table.locks.acquire(stripe)
    try:
        table.words[slot * _WORDS + _UNTIL] = now
        table.words[slot * _WORDS + _FAILURES] = 0
        table.words[of_service * _WORDS + _NEWS] += 1
    finally:
        table.locks.release(stripe)


class Hold:
    """A slot that is ours as long as this object lives."""

    __slots__ = ("slot", "table", "worker")

    def __init__(self, table: ServerTable, slot: int, worker: int) -> None:
        self.table = table
        self.slot = slot
        self.worker = worker

    def __del__(self) -> None:
        self.table.let_go(self.slot, self.worker)


class SharedTally:
    """How many requests a server has under way, of all workers."""

    __slots__ = ("_cell", "_counts", "_hold", "_memory", "_start", "_unpack")

    def __init__(self, hold: Hold) -> None:
        table = hold.table
        self._hold = hold
        self._counts = table.counts
        self._cell = hold.slot * table.workers + hold.worker
        self._memory = table.memory
        self._start = table.counts_start + hold.slot * table.row.size
        self._unpack = table.row.unpack_from

    def enter(self) -> None:
        self._counts[self._cell] += 1

    def leave(self) -> None:
        self._counts[self._cell] -= 1

    def total(self) -> int:
        return sum(self._unpack(self._memory, self._start))


class SharedStanding:
    """How the servers of one service have fared, as all workers saw it."""

    __slots__ = ("_holds", "_locks", "_news", "_of_service", "_seen", "_servers", "_stripe", "_table", "_words")

    def __init__(self, table: ServerTable, of_service: Hold, holds: Sequence[Hold]) -> None:
        self._table = table
        self._locks = table.locks
        self._words = table.words
        self._of_service = of_service
        self._holds = holds
        self._servers = [hold.slot * _WORDS for hold in holds]
        self._news = of_service.slot * _WORDS + _NEWS
        self._stripe = table.stripe(of_service.slot)
        self._seen = -1

    def has_news(self) -> bool:
        return self._words[self._news] != self._seen

    def note_news(self) -> None:
        self._seen = self._words[self._news]

    def succeed(self, index: int) -> None:
        word = self._servers[index] + _FAILURES
        if self._words[word]:
            self._words[word] = 0

    def fail(self, index: int, now: int) -> int:
        word = self._servers[index]
        self._locks.acquire(self._stripe)
        try:
            count = self._words[word + _FAILURES]
            self._words[word + _FIRST_TIME + count % TIMES] = now
            self._words[word + _FAILURES] = count + 1
            return count + 1
        finally:
            self._locks.release(self._stripe)

    def has_failed(self, index: int, attempts: int, since: int) -> bool:
        """Of more attempts than there are times kept, only the last ones are looked at."""
        word = self._servers[index]
        count = self._words[word + _FAILURES]
        earliest = count - min(attempts, TIMES)
        return count >= attempts and self._words[word + _FIRST_TIME + earliest % TIMES] > since

    def eject(self, index: int, now: int, until: int, most: int) -> bool:
        words = self._words
        self._locks.acquire(self._stripe)
        try:
            ejected = sum(words[word + _UNTIL] > now for word in self._servers)
            if ejected >= most or words[self._servers[index] + _UNTIL] > now:
                return False
            words[self._servers[index] + _UNTIL] = until
            words[self._news] += 1
            return True
        finally:
            self._locks.release(self._stripe)

    def restore(self, index: int, now: int) -> None:
        _restore(self._table, self._holds[index].slot, self._of_service.slot, now)

    def until(self, index: int) -> int:
        return self._words[self._servers[index] + _UNTIL]


class LocalTally:
    """How many requests a server has under way, of this worker."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0

    def enter(self) -> None:
        self.count += 1

    def leave(self) -> None:
        self.count -= 1

    def total(self) -> int:
        return self.count


class SharedServers:
    """The table as one worker sees it. Who finds no room there keeps a count of its own."""

    __slots__ = ("_table", "_worker")

    def __init__(self, table: ServerTable, worker: int) -> None:
        self._table = table
        self._worker = worker

    def tally(self, service: str, url: str) -> Tally:
        hold = self._table.hold(self._worker, service, url)
        return LocalTally() if hold is None else SharedTally(hold)

    def standing(self, service: str, urls: Sequence[str]) -> SharedStanding:
        table = self._table
        holds = [table.hold(self._worker, service, url) for url in ("", *urls)]
        kept = [hold for hold in holds if hold is not None]
        if len(kept) < len(holds):
            return alone(service, urls)
        return SharedStanding(table, kept[0], kept[1:])


def alone(service: str, urls: Sequence[str]) -> SharedStanding:
    """A standing that nobody shares."""
    table = ServerTable(1, 4 * len(urls) + 2 * _PROBES)
    holds = [table.hold(0, service, url) for url in ("", *urls)]
    kept = [hold for hold in holds if hold is not None]
    return SharedStanding(table, kept[0], kept[1:])
