"""Shared counters and buckets under real processes: exact under contention, and right whoever is killed."""

from __future__ import annotations

import mmap
import os
import signal
import struct
from collections.abc import Iterator
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.store.processes import Stage, fork, fork_all, kill
from trafficcop.store import shared
from trafficcop.store.interface import SOURCES, Rate
from trafficcop.store.local import TokenBuckets
from trafficcop.store.locks import LOCK_SIZE, Locks
from trafficcop.store.shared import STRIPES, WAYS, SharedBuckets, SharedCounts, SharedMemory, SharedStore, homes

SECOND = 1_000_000_000
WORKERS = 4


@pytest.fixture
def memory() -> SharedMemory:
    return SharedMemory(WORKERS)


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.close()


def counts(memory: SharedMemory, worker: int = 0, scope: str = "limit@file") -> SharedCounts:
    return SharedCounts(memory, worker, scope)


# === locks ===


def test_a_lock_keeps_others_out_and_outlives_its_holder(stage: Stage) -> None:
    memory = mmap.mmap(-1, 2 * LOCK_SIZE + 8)
    locks = Locks(memory, 2)

    def hold() -> None:
        locks.acquire(1)
        stage.reach()
        signal.pause()

    def increment() -> None:
        for _ in range(20_000):
            locks.acquire(1)
            (number,) = struct.unpack_from("q", memory, 2 * LOCK_SIZE)
            struct.pack_into("q", memory, 2 * LOCK_SIZE, number + 1)
            locks.release(1)

    pid = fork(hold)
    stage.wait()
    locks.acquire(0)  # another one: free
    locks.release(0)
    kill(pid)
    fork_all([increment] * WORKERS)
    assert struct.unpack_from("q", memory, 2 * LOCK_SIZE) == (20_000 * WORKERS,)


def test_who_waits_for_a_lock_gets_it_when_its_holder_is_killed(stage: Stage) -> None:
    memory = mmap.mmap(-1, LOCK_SIZE)
    locks = Locks(memory, 1)
    second = Stage()

    def hold() -> None:
        locks.acquire(0)
        stage.reach()
        signal.pause()

    def wait() -> None:
        second.reach()
        locks.acquire(0)
        locks.release(0)
        second.reach()

    holder = fork(hold)
    stage.wait()
    waiter = fork(wait)
    second.wait()
    kill(holder)
    second.wait()
    assert os.waitpid(waiter, 0)[1] == 0
    second.close()


def test_a_lock_that_is_none_is_told() -> None:
    memory = mmap.mmap(-1, LOCK_SIZE)
    locks = Locks(memory, 1)
    memory[:LOCK_SIZE] = b"\xff" * LOCK_SIZE
    with pytest.raises(OSError):
        locks.acquire(0)


# === requests under way ===


def test_a_limit_is_exact_over_processes(memory: SharedMemory, stage: Stage) -> None:
    """Each process tries far more often than may be; together they get in exactly as often as may be."""
    granted = mmap.mmap(-1, 8 * WORKERS)

    def hammer(worker: int) -> None:
        mine = counts(memory, worker)
        got = sum(mine.acquire("192.0.2.1", 1000) for _ in range(3000))
        struct.pack_into("q", granted, 8 * worker, got)
        stage.reach()
        signal.pause()  # die with all of it held

    pids = [fork(partial(hammer, worker)) for worker in range(WORKERS)]
    stage.wait(WORKERS)
    ours = counts(memory, 0, "limit@file")
    assert not ours.acquire("192.0.2.1", 1000)
    got = struct.unpack(f"{WORKERS}q", granted)
    assert sum(got) == 1000
    for worker, pid in enumerate(pids):
        kill(pid)
        memory.bury(worker)
        left = 1000 - sum(got[: worker + 1])
        assert not ours.acquire("192.0.2.1", left)
        assert ours.acquire("192.0.2.1", left + 1)
        ours.release("192.0.2.1")


def test_never_more_than_the_limit_at_once(memory: SharedMemory) -> None:
    """Four processes come and go; a counter of their own, under a lock of their own, sees who is in."""
    inside = mmap.mmap(-1, LOCK_SIZE + 8)
    locks = Locks(inside, 1)

    def step(change: int) -> int:
        locks.acquire(0)
        (number,) = struct.unpack_from("q", inside, LOCK_SIZE)
        struct.pack_into("q", inside, LOCK_SIZE, number + change)
        locks.release(0)
        return int(number + change)

    def come_and_go(worker: int) -> None:
        mine = counts(memory, worker)
        for _ in range(5000):
            if mine.acquire("a", 2):
                assert step(1) <= 2
                step(-1)
                mine.release("a")

    fork_all([partial(come_and_go, worker) for worker in range(WORKERS)])
    ours = counts(memory, 1)
    assert [ours.acquire("a", 2) for _ in range(3)] == [True, True, False]


def test_scopes_and_sources_are_apart(memory: SharedMemory) -> None:
    first, second = counts(memory, 0, "a@file"), counts(memory, 1, "b@file")
    assert first.acquire("x", 1)
    assert first.acquire("y", 1)
    assert second.acquire("x", 1)
    assert not counts(memory, 2, "a@file").acquire("x", 1)
    first.release("x")
    assert counts(memory, 2, "a@file").acquire("x", 1)


def test_two_of_one_scope_in_one_process_share_a_count(memory: SharedMemory) -> None:
    """As while a plan retires whose successor has the same number."""
    old, new = counts(memory), counts(memory)
    assert old.acquire("a", 2)
    assert new.acquire("a", 2)
    assert not new.acquire("a", 2)
    old.release("a")
    new.release("a")
    assert [old.acquire("a", 1), new.acquire("a", 1)] == [True, False]
    old.release("a")


def test_a_place_that_was_left_and_given_away_is_noticed(memory: SharedMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "homes", lambda digest: (0, 1))
    ours, others = counts(memory), counts(memory, 1)
    assert ours.acquire("a", 1)
    ours.release("a")
    assert all(others.acquire(f"s{number}", 1) for number in range(2 * WAYS))
    assert not ours.acquire("a", 5)  # full of others, whose counts are not ours to take
    others.release("s3")
    assert [ours.acquire("a", 1), ours.acquire("a", 1)] == [True, False]


def test_places_are_not_remembered_without_end(memory: SharedMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "_REMEMBERED", 8)
    ours = counts(memory)
    for number in range(100):
        assert ours.acquire(f"s{number}", 1)
        ours.release(f"s{number}")
    assert len(ours._held) == 8


def test_when_there_is_no_room_to_count_one_more_it_is_refused(memory: SharedMemory) -> None:
    ours = counts(memory)
    refused = [number for number in range(SOURCES) if not ours.acquire(f"s{number}", 1)]
    assert len(refused) < SOURCES // 4
    assert not counts(memory, 1).acquire("s0", 1)
    taken = next(number for number in range(SOURCES) if number not in set(refused[:1]))
    ours.release(f"s{taken}")
    assert ours.acquire(f"s{taken}", 1)
    full = [number for number in range(SOURCES, SOURCES + 5_000) if not ours.acquire(f"s{number}", 1)]
    assert full  # none of those that are counted was forgotten for them
    for number in set(range(SOURCES)) - set(refused):
        ours.release(f"s{number}")
    assert all(ours.acquire(f"s{number}", 1) for number in full)


# === buckets ===

RATE = Rate(10.0, 3, SECOND // 20, 1000)


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from("abc"), st.integers(0, SECOND // 2)), max_size=80))
def test_workers_together_are_one_local_bucket(steps: list[tuple[int, str, int]]) -> None:
    memory = SharedMemory(3)
    workers = [SharedStore(memory, worker).buckets("rate@file", RATE) for worker in range(3)]
    local = TokenBuckets(RATE)
    now = 5 * SECOND
    for worker, source, gap in steps:
        now += gap
        assert workers[worker].reserve(source, now) == local.reserve(source, now)


def test_no_token_is_given_twice(memory: SharedMemory) -> None:
    """The clock stands still: four processes share a burst of 1000 to the last token."""
    rate = Rate(1.0, 1000, 0, 1000)
    granted = mmap.mmap(-1, 8 * WORKERS)

    def hammer(worker: int) -> None:
        buckets = SharedBuckets(memory, "rate@file", rate)
        got = sum(not buckets.reserve("a", 5 * SECOND) for _ in range(3000))
        struct.pack_into("q", granted, 8 * worker, got)

    fork_all([partial(hammer, worker) for worker in range(WORKERS)])
    assert sum(struct.unpack(f"{WORKERS}q", granted)) == 1000


def test_killed_at_any_time_a_worker_leaves_buckets_that_serve(memory: SharedMemory, stage: Stage) -> None:
    rate = Rate(1e6, 1, 0, 1000)

    def hammer() -> None:
        buckets = SharedBuckets(memory, "rate@file", rate)
        stage.reach()
        for now in range(SECOND, 10**15, 1000):
            buckets.reserve(f"s{now // 1000 % 50}", now)

    ours = SharedBuckets(memory, "rate@file", rate)
    for turn in range(20):
        pid = fork(hammer)
        stage.wait()
        for now in range(SECOND, SECOND + turn * 100):
            ours.reserve(f"s{now % 50}", now)
        kill(pid)
        assert all(ours.reserve(f"s{number}", 10**15) == 0 for number in range(50))
        assert all(ours.reserve(f"s{number}", 10**15) > 0 for number in range(50))


def test_a_bucket_expires(memory: SharedMemory) -> None:
    buckets = SharedBuckets(memory, "rate@file", Rate(1.0, 100, SECOND // 2, 2))
    for _ in range(100):
        assert buckets.reserve("a", SECOND) == 0
    assert buckets.reserve("a", SECOND) == SECOND
    assert [buckets.reserve("a", 3 * SECOND) for _ in range(100)] == [0] * 100


def test_a_full_table_forgets_what_would_have_expired_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "_REMEMBERED", 8)
    memory = SharedMemory(2)
    buckets = SharedBuckets(memory, "rate@file", Rate(1e-6, 1, 0, 1000))
    # Sources that share the last pair of sets of the table with one another.
    wanted = homes(b"\xff" * 16)
    assert max(wanted) == SOURCES // WAYS - 1
    monkeypatch.setattr(shared, "homes", lambda digest: wanted)
    names = [f"s{number}" for number in range(2 * WAYS + 2)]
    for index, name in enumerate(names):
        assert buckets.reserve(name, (5 + index) * SECOND) == 0
    # Two more than there is room for: the first two gave way, and every bucket costs one more when it comes back.
    late = (5 + len(names)) * SECOND
    fresh = SharedBuckets(memory, "rate@file", Rate(1e-6, 1, 0, 1000))
    assert [fresh.reserve(name, late) > 0 for name in reversed(names[2:])] == [True] * (2 * WAYS)
    assert [fresh.reserve(name, late) for name in names[:2]] == [0, 0]


def test_a_place_given_away_meanwhile_is_noticed(memory: SharedMemory, monkeypatch: pytest.MonkeyPatch) -> None:
    rate = Rate(1.0, 1, 0, 1000)
    monkeypatch.setattr(shared, "homes", lambda digest: (0, 1))
    first, second = SharedBuckets(memory, "rate@file", rate), SharedBuckets(memory, "rate@file", rate)
    assert first.reserve("a", 5 * SECOND) == 0
    for number in range(2 * WAYS):
        assert second.reserve(f"s{number}", 6 * SECOND) == 0
    assert first.reserve("a", 6 * SECOND) == 0  # a new bucket, not somebody else's
    assert first.reserve("a", 6 * SECOND) > 0


@given(st.binary(min_size=16, max_size=16))
def test_both_homes_are_apart_and_under_one_lock(digest: bytes) -> None:
    first, second = homes(digest)
    of_stripe = SOURCES // WAYS // STRIPES
    assert first != second
    assert first // of_stripe == second // of_stripe < STRIPES


def test_a_key_that_matches_across_two_is_none(memory: SharedMemory) -> None:
    digest = bytes(range(16))
    slot = homes(digest)[0] * WAYS
    memory.bucket_keys.put(slot, b"\xee" * 8 + digest[:8])
    memory.bucket_keys.put(slot + 1, digest[8:] + b"\xee" * 8)
    assert memory.bucket_keys.find(digest) == -1
    memory.bucket_keys.put(slot + 5, digest)
    assert memory.bucket_keys.find(digest) == slot + 5


def test_burying_touches_nothing_when_nobody_counts(memory: SharedMemory) -> None:
    memory.cells[0] = 7
    memory.bury(0)
    assert memory.cells[0] == 7
    memory.begin_counting()
    memory.cells[1] = 8
    memory.bury(0)
    assert list(memory.cells[:2]) == [0, 8]
