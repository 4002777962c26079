"""Profiles: what a worker sees of itself, and how control gathers it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator

import pytest

from trafficcop.control import profiles
from trafficcop.control.profiles import Profiles
from trafficcop.plan.profile import Profile, TakeProfile
from trafficcop.worker.profiling import Profiler


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    before = signal.getsignal(signal.SIGPROF)
    yield
    signal.signal(signal.SIGPROF, before)


def burn(answers: asyncio.Queue[Profile]) -> int:
    return sum(number * number for number in range(100_000) if answers.empty())


async def test_time_is_found_where_it_is_spent() -> None:
    answers: asyncio.Queue[Profile] = asyncio.Queue()
    profiler = Profiler(3, answers.put_nowait)
    profiler.take(TakeProfile(7, 0.2))
    while answers.empty():
        burn(answers)
        await asyncio.sleep(0)
    found = await answers.get()
    assert (found.worker, found.turn, found.period) == (3, 7, 10_000_000)
    seen = [place[0] for stack, _ in found.stacks for place in stack]
    assert any("burn" in name for name in seen)
    assert signal.getitimer(signal.ITIMER_PROF) == (0.0, 0.0)


async def test_nobody_waits_any_more() -> None:
    answers: asyncio.Queue[Profile] = asyncio.Queue()
    profiler = Profiler(0, answers.put_nowait)
    profiler.cut_off()
    profiler.take(TakeProfile(1, 60))
    profiler.take(TakeProfile(2, 0.01))
    assert (await asyncio.wait_for(answers.get(), 10)).turn == 2
    profiler.take(TakeProfile(3, 60))
    profiler.cut_off()
    signal.raise_signal(signal.SIGPROF)  # one that was on its way harms nobody
    assert answers.empty()


def profile(worker: int, turn: int) -> Profile:
    return Profile(worker, turn, 1, ())


async def test_all_that_were_asked_are_waited_for() -> None:
    asked: list[TakeProfile] = []

    def ask(question: TakeProfile) -> frozenset[int]:
        asked.append(question)
        return frozenset((0, 1))

    book = Profiles(ask)
    taking = asyncio.create_task(book.take(0.0))
    await asyncio.sleep(0)
    assert book.is_busy
    turn = asked[0].turn
    book.note(profile(0, turn - 1))  # of an earlier question
    book.note(profile(1, turn))
    assert not taking.done()
    book.note(profile(0, turn))
    assert [found.worker for found in await taking] == [1, 0]
    assert not book.is_busy
    book.note(profile(0, turn))  # late


async def test_a_worker_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiles, "_PATIENCE", 0.01)
    assert await Profiles(lambda question: frozenset((0,))).take(0.0) == []
    assert await Profiles(lambda question: frozenset()).take(60.0) == []
