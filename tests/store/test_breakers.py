"""Circuit breakers that all workers share."""

from __future__ import annotations

import random
import signal

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.store.processes import Stage, fork, fork_all, kill
from trafficcop.config.middlewares import CircuitBreaker
from trafficcop.middleware.circuit_breaker import _terms
from trafficcop.store.breaker import Breaker, Gate, Terms
from trafficcop.store.breakers import BreakerTable, SharedGate

SECOND = 1_000_000_000
START = 1000 * SECOND
ERRORS = _terms(CircuitBreaker(expression="ResponseCodeRatio(500, 600, 0, 600) > 0.5"))


def gates(count: int, terms: Terms = ERRORS, scope: str = "1 1 cb@file") -> tuple[BreakerTable, list[Gate]]:
    table = BreakerTable(count, 8)
    return table, [table.gate(worker, scope, terms) for worker in range(count)]


def test_what_all_have_seen_trips_it_for_all() -> None:
    _, (one, other) = gates(2)
    for _ in range(3):
        one.record(200, 0, START)
    other.record(500, 0, START + SECOND)
    assert one.admit(START + SECOND)
    for number in range(3):
        other.record(503, 0, START + (2 + number) * SECOND)
    assert not one.admit(START + 5 * SECOND)
    assert not other.admit(START + 5 * SECOND)


def test_a_worker_that_saw_one_failure_among_many_successes_elsewhere_does_not_trip_it() -> None:
    _, (one, other) = gates(2)
    for _ in range(10):
        one.record(200, 0, START)
    other.record(500, 0, START + SECOND)
    assert one.admit(START + SECOND)
    assert other.admit(START + SECOND)


ANSWERS = st.tuples(st.integers(0, 3), st.sampled_from([200, 404, 500, 502, 599]), st.integers(0, 3000))


@given(st.lists(ANSWERS, max_size=60))
@settings(max_examples=60)
def test_four_workers_are_as_one(answers: list[tuple[int, int, int]]) -> None:
    _, shared = gates(4)
    alone = Breaker(ERRORS)
    now = START
    for worker, status, gap in answers:
        now += gap * 1_000_000
        assert shared[worker].admit(now) == alone.admit(now)
        shared[worker].record(status, 0, now)
        alone.record(status, 0, now)
    assert shared[0].admit(now) == alone.admit(now)


def test_latencies_of_before_a_trip_are_forgotten_by_all() -> None:
    _, (one, other) = gates(2, _terms(CircuitBreaker(expression="LatencyAtQuantileMS(50.0) > 100")))
    other.record(200, 50_000_000, START)
    one.record(200, 900_000_000, START + SECOND)
    assert not other.admit(START + 2 * SECOND)
    other.record(200, 900_000_000, START + 2 * SECOND)  # it was under way
    assert not other.admit(START + 12 * SECOND)  # recovers
    other.record(200, 1_000_000, START + 13 * SECOND)
    other.record(200, 1_000_000, START + 13 * SECOND)
    other.record(200, 1_000_000, START + 14 * SECOND)
    assert other.admit(START + 30 * SECOND)


def test_scopes_are_apart_and_their_places_are_given_on() -> None:
    table, (one,) = gates(1)
    other = table.gate(0, "1 2 cb@file", ERRORS)
    one.record(500, 0, START)
    assert not one.admit(START + 1)
    assert other.admit(START + 1)
    for version in range(2, 40):  # reloads
        one = table.gate(0, f"{version} 1 cb@file", ERRORS)
        assert isinstance(one, SharedGate)
        one.record(200, 0, START)  # were the failures of before still there, it would trip
        one.record(500, 0, START + SECOND)
        assert one.admit(START + SECOND)


def test_without_room_there_is_a_breaker_all_the_same() -> None:
    table = BreakerTable(2, 1)
    kept = table.gate(0, "1 1 a", ERRORS)
    alone = table.gate(0, "1 1 b", ERRORS)
    assert isinstance(kept, SharedGate)
    assert isinstance(alone, Breaker)
    many = " && ".join(f"ResponseCodeRatio({n}, {n + 1}, 0, 600) > 0.1" for n in range(500, 516))
    assert isinstance(BreakerTable(2, 1).gate(0, "1 1 c", _terms(CircuitBreaker(expression=many))), Breaker)


def test_answers_of_many_processes_are_all_counted() -> None:
    table, shared = gates(4)
    del shared

    def work(worker: int) -> None:
        gate = table.gate(worker, "1 1 cb@file", ERRORS)
        for number in range(1000):
            gate.record(200 if number % 2 else 404, 0, START)

    kept = table.gate(0, "1 1 cb@file", ERRORS)
    assert isinstance(kept, SharedGate)
    fork_all([lambda worker=worker: work(worker) for worker in range(4)])  # type: ignore[misc]
    statuses = kept._breaker._metrics._statuses
    assert statuses.count(0, 600, START) == 4000


def test_a_worker_killed_at_any_moment_leaves_a_breaker_that_works() -> None:
    table, (kept, _) = gates(2)
    chance = random.Random(5)
    for _ in range(5):
        stage = Stage()

        def work(stage: Stage = stage) -> None:
            gate = table.gate(1, "1 1 cb@file", ERRORS)
            stage.reach()
            now = START
            while True:
                now += SECOND // 3
                gate.record(500, 0, now)
                gate.admit(now)

        pid = fork(work)
        stage.wait()
        signal.sigtimedwait([], chance.random() / 100)
        kill(pid)
        table.bury(1)
        stage.close()
        end = START + 10**6 * SECOND
        assert kept.admit(end) in (True, False)
        kept.record(200, 0, end)
        end += 100 * SECOND
        kept.admit(end)
        end += 100 * SECOND
        assert kept.admit(end)
