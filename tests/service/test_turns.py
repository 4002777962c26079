"""Weighted turns: the bound that makes them turns, and their period."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from trafficcop.service.turns import Turns, order_of, reduced, starts_of


@given(st.lists(st.integers(1, 60), min_size=1, max_size=7))
def test_nobody_is_a_whole_turn_ahead_or_behind(weights: list[int]) -> None:
    turns, total = Turns(weights), sum(weights)
    counts = [0] * len(weights)
    for number in range(1, 2 * total + 1):
        counts[turns.next()] += 1
        for count, weight in zip(counts, weights, strict=True):
            assert abs(count * total - number * weight) < total
    assert counts == [2 * weight for weight in weights]


@given(st.lists(st.integers(1, 40), min_size=1, max_size=6))
def test_the_order_is_that_of_the_turns(weights: list[int]) -> None:
    order = order_of(tuple(weights))
    if len(set(weights)) == 1:
        assert order == tuple(range(len(weights)))
    else:
        turns = Turns(weights)
        assert order == tuple(turns.next() for _ in range(sum(weights)))


@given(st.lists(st.integers(1, 12), min_size=1, max_size=5))
def test_wherever_one_begins_nobody_gets_more_than_a_turn_too_many(weights: list[int]) -> None:
    order, total = order_of(tuple(weights)), len(order_of(tuple(weights)))
    starts = starts_of(tuple(weights))
    assert starts[0] == 0
    for start in starts:
        counts = [0] * len(weights)
        for number in range(1, total + 1):
            counts[order[(start + number - 1) % total]] += 1
            for count, weight in zip(counts, weights, strict=True):
                assert abs(count * sum(weights) - number * weight) <= sum(weights)


def test_too_many_turns_are_not_kept() -> None:
    assert order_of((4096, 1)) == ()
    assert len(order_of((4095, 1))) == 4096
    assert order_of(()) == starts_of(()) == ()
    assert starts_of((4096, 1)) == (0,)
    turns = Turns((4096, 1))
    assert Counter(turns.next() for _ in range(4097)) == {0: 4096, 1: 1}


def test_reduced() -> None:
    assert reduced([100, 100, 50]) == (2, 2, 1)
    assert reduced([]) == ()
