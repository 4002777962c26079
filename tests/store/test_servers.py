"""What workers know together about servers, also when one of them dies."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.store.processes import Stage, fork, fork_all, kill
from trafficcop.store.local import LocalStore
from trafficcop.store.servers import TIMES, LocalTally, ServerTable, SharedServers, SharedStanding, alone

SECOND = 1_000_000_000


def seats(workers: int, slots: int = 512) -> tuple[ServerTable, list[SharedServers]]:
    table = ServerTable(workers, slots)
    return table, [SharedServers(table, worker) for worker in range(workers)]


# === counts ===


def test_counts_of_all_workers_add_up() -> None:
    table, (one, other) = seats(2)
    first, second, elsewhere = one.tally("s", "a"), other.tally("s", "a"), other.tally("t", "a")
    first.enter()
    first.enter()
    second.enter()
    assert (first.total(), second.total(), elsewhere.total()) == (3, 3, 0)
    first.leave()
    assert second.total() == 2
    assert table.used() == 2


def test_nothing_is_lost_between_processes() -> None:
    _, workers = seats(4)

    def work(number: int) -> None:
        tally = workers[number].tally("s", "a")
        for _ in range(5000):
            tally.enter()
            assert tally.total() >= 1
            tally.leave()
        for _ in range(number):
            tally.enter()
        import os

        os._exit(0)  # as if killed: what it counted stays until it is buried

    kept = workers[0].tally("s", "a")
    fork_all([lambda number=number: work(number) for number in range(4)])  # type: ignore[misc]
    assert kept.total() == 6


def test_what_a_killed_worker_had_under_way_is_over() -> None:
    table, workers = seats(2)
    stage = Stage()

    def work() -> None:
        tally = workers[1].tally("s", "a")
        for _ in range(7):
            tally.enter()
        stage.reach()
        signal_never_comes = Stage()
        signal_never_comes.wait()

    pid = fork(work)
    stage.wait()
    ours = workers[0].tally("s", "a")
    ours.enter()
    assert ours.total() == 8
    kill(pid)
    table.bury(1)
    assert ours.total() == 1
    stage.close()
    ours.leave()
    del ours
    assert table.used() == 0


# === slots ===


def test_a_slot_is_kept_over_a_reload_and_free_afterwards() -> None:
    table, (one,) = seats(1)
    before = one.tally("s", "a")
    before.enter()
    after = one.tally("s", "a")  # the next plan
    assert after.total() == 1
    before.leave()
    del before
    assert (after.total(), table.used()) == (0, 1)
    del after
    assert table.used() == 0


def test_a_slot_with_a_request_under_way_is_not_given_away() -> None:
    table, (one,) = seats(1, 1)
    tally = one.tally("s", "a")
    tally.enter()
    del tally
    assert table.used() == 1
    assert isinstance(one.tally("s", "b"), LocalTally)


def test_a_slot_given_away_has_forgotten_everything() -> None:
    _, (one,) = seats(1, 2)
    standing = one.standing("s", ["a"])
    standing.fail(0, 5)
    standing.eject(0, 5, 9, 1)
    del standing
    again = one.standing("s", ["a"])
    assert again.until(0) == 0
    assert again.fail(0, 6) == 1


def test_what_killed_workers_knew_is_left_to_those_after_them() -> None:
    table, (one,) = seats(1)
    stage = Stage()

    def work() -> None:
        standing, tally = one.standing("s", ["a"]), one.tally("s", "a")
        tally.enter()
        standing.fail(0, 5)
        standing.eject(0, 5, 9, 1)
        stage.reach()
        Stage().wait()

    pid = fork(work)
    stage.wait()
    kill(pid)
    table.bury(0)
    standing = one.standing("s", ["a"])
    assert standing.until(0) == 9
    assert standing.fail(0, 6) == 2
    assert one.tally("s", "a").total() == 0
    stage.close()


def test_when_there_is_no_room_everybody_counts_alone() -> None:
    _, (one, other) = seats(2, 3)
    kept = [one.tally("s", name) for name in "abc"]
    mine, theirs = one.tally("s", "d"), other.tally("s", "d")
    mine.enter()
    assert (mine.total(), theirs.total()) == (1, 0)
    standing = one.standing("t", ["a", "b"])
    assert standing.eject(1, 1, 9, 2)
    assert standing.until(1) == 9
    assert len(kept) == 3


def test_many_servers_find_room() -> None:
    table, (one,) = seats(1, 4096)
    tallies = [one.tally("s", f"http://192.0.2.{number}") for number in range(1500)]
    assert table.used() == 1500
    assert not any(isinstance(tally, LocalTally) for tally in tallies)


@given(st.integers(0, 2**32))
def test_random_lives(seed: int) -> None:
    """Whatever workers do and whenever one dies, the counts are those of the living."""
    chance = random.Random(seed)
    table, workers = seats(3, 64)
    held = [{name: worker.tally("s", name) for name in "abcd"} for worker in workers]
    counts = [dict.fromkeys("abcd", 0) for _ in workers]
    for _ in range(60):
        worker, name = chance.randrange(3), chance.choice("abcd")
        if chance.random() < 0.05:
            table.bury(worker)
            counts[worker] = dict.fromkeys("abcd", 0)
            for tally in held[worker].values():  # the dead give nothing back themselves
                tally._hold.table._holds[tally._hold.slot * 3 + worker] += 1  # type: ignore[attr-defined]
        elif counts[worker][name] and chance.random() < 0.4:
            held[worker][name].leave()
            counts[worker][name] -= 1
        else:
            held[worker][name].enter()
            counts[worker][name] += 1
        for each in "abcd":
            assert held[0][each].total() == sum(of_one[each] for of_one in counts)


# === failures and ejections ===


@pytest.fixture(params=["shared", "alone", "local"])
def standing(request: pytest.FixtureRequest) -> SharedStanding:
    if request.param == "alone":
        return alone("s", ["a", "b", "c"])
    if request.param == "local":
        found = LocalStore().standing("s", ["a", "b", "c"])
        assert isinstance(found, SharedStanding)
        return found
    return seats(2)[1][0].standing("s", ["a", "b", "c"])


def test_failures_in_a_window(standing: SharedStanding) -> None:
    assert [standing.fail(0, number * SECOND) for number in range(5)] == [1, 2, 3, 4, 5]
    assert standing.has_failed(0, 3, since=SECOND)
    assert not standing.has_failed(0, 3, since=2 * SECOND)
    assert not standing.has_failed(0, 6, since=-1)
    assert not standing.has_failed(1, 1, since=-1)
    standing.succeed(0)
    assert not standing.has_failed(0, 1, since=-1)
    assert standing.fail(0, 9 * SECOND) == 1


def test_more_failures_than_times_are_kept(standing: SharedStanding) -> None:
    for number in range(TIMES + 30):
        standing.fail(0, number)
    assert standing.has_failed(0, TIMES + 30, since=-1)
    assert not standing.has_failed(0, TIMES + 31, since=-1)
    assert standing.has_failed(0, TIMES, since=29)
    assert not standing.has_failed(0, TIMES, since=30)


def test_an_ejection_ends(standing: SharedStanding) -> None:
    standing.note_news()
    assert standing.eject(1, 10, 20, 1)
    assert standing.has_news()
    standing.note_news()
    assert not standing.eject(1, 12, 30, 3)  # it is already
    assert not standing.eject(0, 12, 30, 1)  # as many as may be
    assert standing.eject(0, 12, 30, 2)
    assert (standing.until(0), standing.until(1), standing.until(2)) == (30, 20, 0)
    assert standing.eject(2, 20, 30, 2)  # the first is back
    standing.restore(0, 22)
    assert standing.until(0) == 22
    standing.note_news()
    standing.restore(0, 40)
    assert standing.until(0) == 22  # there was nothing to restore
    assert not standing.has_news()


def test_workers_and_control_see_the_same() -> None:
    table, (one, other) = seats(2)
    mine, theirs = one.standing("s", ["a", "b"]), other.standing("s", ["b", "a"])
    theirs.note_news()
    assert mine.fail(0, 1) == 1
    assert theirs.fail(1, 2) == 2
    assert theirs.eject(1, 2, 100, 2)
    assert mine.has_news()
    assert mine.until(0) == 100
    assert table.until("s", "a") == 100
    assert table.until("s", "b") == table.until("s", "c") == table.until("t", "a") == 0
    table.restore("s", "a", 50)
    table.restore("s", "c", 50)
    assert mine.until(0) == theirs.until(1) == 50
    assert mine.fail(0, 51) == 1


def test_failures_are_counted_to_the_last_one_by_many_processes() -> None:
    _, workers = seats(4)
    kept = workers[0].standing("s", ["a"])

    def work(number: int) -> None:
        standing = workers[number].standing("s", ["a"])
        for moment in range(2000):
            standing.fail(0, moment)

    fork_all([lambda number=number: work(number) for number in range(4)])  # type: ignore[misc]
    assert kept.fail(0, 1) == 8001


def test_who_dies_holding_the_lock_stops_nobody() -> None:
    table, workers = seats(2)
    kept = workers[0].standing("s", ["a"])
    stage = Stage()

    def work() -> None:
        standing = workers[1].standing("s", ["a"])
        table.locks.acquire(standing._stripe)  # type: ignore[attr-defined]
        stage.reach()
        Stage().wait()

    pid = fork(work)
    stage.wait()
    kill(pid)
    assert kept.fail(0, 1) == 1
    assert kept.eject(0, 1, 2, 1)
    stage.close()
