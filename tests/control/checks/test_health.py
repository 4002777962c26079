"""The schedule of health checks: thresholds, news, reloads, a control process that was started again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable

import pytest

from trafficcop.control.checks.health import CheckFailed, Checks, HealthChecks, Schedule
from trafficcop.plan.messages import Health
from trafficcop.plan.model import Plan

SOON = Schedule(interval=0.005, unhealthy_interval=0.005, timeout=5.0)
NEVER = Schedule(interval=3600.0, unhealthy_interval=3600.0, timeout=5.0)
URL = "http://192.0.2.1"
OTHER = "http://192.0.2.2"


class Patient:
    """A server as its probe finds it: `answers` one after the other, the last for ever."""

    def __init__(self, *answers: Exception | None) -> None:
        self.answers = list(answers)
        self.asked = 0
        self.on_asked = asyncio.Event()

    async def __call__(self) -> None:
        self.asked += 1
        self.on_asked.set()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is not None:
            raise answer

    async def until_asked(self, times: int) -> None:
        while self.asked < times:
            self.on_asked.clear()
            await self.on_asked.wait()


class Watch:
    """Health checks of what `checks` holds, and all that was told of them."""

    def __init__(self, checks: Iterable[Checks] = ()) -> None:
        self.checks = list(checks)
        self.told: list[Health] = []
        self.on_told = asyncio.Event()
        self.health = HealthChecks(self._note, (lambda plan: self.checks,))

    def _note(self, health: Health) -> None:
        self.told.append(health)
        self.on_told.set()

    def update(self, *checks: Checks) -> None:
        self.checks = list(checks)
        self.health.update(Plan())

    async def until_told(self, count: int) -> list[frozenset[str]]:
        while len(self.told) < count:
            self.on_told.clear()
            await self.on_told.wait()
        return [health.down for health in self.told]


@pytest.fixture
async def watch() -> AsyncIterator[Watch]:
    watch = Watch()
    yield watch
    await watch.health.close()


def of(schedule: Schedule = SOON, basis: object = "", service: str = "s@file", **probes: Patient) -> Checks:
    """The checks of a service with servers named `a`, `b` …"""
    return Checks("http", service, basis, schedule, dict(probes))


DOWN = [frozenset({"a"})]
UP = [frozenset[str]()]
ILL = CheckFailed("503")


async def test_only_changes_are_told(watch: Watch) -> None:
    watch.update(of(a=Patient(None, ILL, ILL, ILL, None, None, ILL)))
    assert await watch.until_told(3) == DOWN + UP + DOWN


@pytest.mark.parametrize(
    "failure", [ILL, ConnectionRefusedError("no"), TimeoutError(), ZeroDivisionError(), CheckFailed("")]
)
async def test_whatever_goes_wrong_is_a_failure(watch: Watch, failure: Exception) -> None:
    watch.update(of(a=Patient(failure), b=Patient(None)))
    assert await watch.until_told(1) == DOWN


async def test_one_that_hangs_is_down_and_keeps_nobody_waiting(watch: Watch) -> None:
    class Hanging(Patient):
        async def __call__(self) -> None:
            self.asked += 1
            await asyncio.Event().wait()

    well = Patient(None)
    watch.update(of(Schedule(0.005, 0.005, timeout=0.2), a=Hanging(None), b=well))
    await well.until_asked(3)
    assert watch.told == []
    assert await watch.until_told(1) == DOWN


@pytest.mark.parametrize(
    ("healthy", "unhealthy", "answers", "told_after"),
    [
        (1, 1, [ILL, None], (1, 2)),
        (1, 3, [ILL, ILL, None, ILL, ILL, ILL, None], (6, 7)),
        (2, 1, [ILL, None, ILL, None, None], (1, 5)),
        (3, 2, [ILL, ILL, None, None, None], (2, 5)),
    ],
)
async def test_thresholds(
    watch: Watch, healthy: int, unhealthy: int, answers: list[Exception | None], told_after: tuple[int, int]
) -> None:
    asked_when_told: list[int] = []
    patient = Patient(*answers)

    def note(health: Health) -> None:
        asked_when_told.append(patient.asked)
        watch._note(health)

    watch.health._tell = note
    watch.update(of(Schedule(0.001, 0.001, 5.0, healthy, unhealthy), a=patient))
    assert await watch.until_told(2) == DOWN + UP
    assert tuple(asked_when_told) == told_after


async def test_a_reload_that_does_not_touch_a_service_changes_nothing(watch: Watch) -> None:
    first, second = Patient(ILL), Patient(None)
    watch.update(of(a=first))
    await watch.until_told(1)
    (task,) = [server.task for service in watch.health._services.values() for server in service._servers.values()]
    watch.update(of(a=second))
    assert await watch.until_told(2) == DOWN + DOWN  # for the workers' new plan
    asked = first.asked
    await first.until_asked(asked + 2)
    assert second.asked == 0
    assert task is not None
    assert not task.done()


async def test_servers_keep_their_state_when_others_come_and_go(watch: Watch) -> None:
    ill = Patient(ILL)
    watch.update(of(a=ill, b=Patient(ILL)))
    assert (await watch.until_told(2))[-1] == {"a", "b"}
    watch.update(of(a=Patient(None), c=Patient(None)))
    assert watch.told[-1].down == {"a"}
    asked = ill.asked
    await ill.until_asked(asked + 1)
    assert watch.told[-1].down == {"a"}


async def test_another_question_is_asked_at_once_of_those_that_are_down(watch: Watch) -> None:
    watch.update(of(a=Patient(ILL), b=Patient(None)))
    await watch.until_told(1)
    well, other = Patient(None), Patient(None)
    watch.update(of(NEVER, "another path", a=well, b=other))
    assert (await watch.until_told(3))[-1] == set()
    assert (well.asked, other.asked) == (1, 0)


async def test_a_service_that_is_checked_no_more_has_no_server_down(watch: Watch) -> None:
    patient = Patient(ILL)
    watch.update(of(a=patient))
    await watch.until_told(1)
    watch.update()
    assert await watch.until_told(2) == DOWN + UP
    asked = patient.asked
    await asyncio.sleep(0.02)
    assert patient.asked == asked


async def test_the_same_name_in_another_protocol_is_another_service(watch: Watch) -> None:
    tcp = Checks("tcp", "s@file", "", SOON, {"a": Patient(ILL)})
    watch.update(of(a=Patient(None)), tcp)
    await watch.until_told(1)
    assert watch.told == [Health("s@file", frozenset({"a"}), "tcp")]


async def test_services_that_judge_by_answers_hear_of_every_pass(watch: Watch) -> None:
    patient = Patient(None)
    watch.update(Checks("http", "s@file", "", SOON, {"a": patient}, is_telling_passes=True))
    await watch.until_told(3)
    assert [health.passes for health in watch.told] == [{"a": 1}, {"a": 2}, {"a": 3}]


class TestRestart:
    """What a control process learns from workers that were told by the one before."""

    @pytest.mark.parametrize("is_early", [True, False])
    async def test_servers_that_were_down_stay_so_until_they_pass(self, watch: Watch, is_early: bool) -> None:
        patient = Patient(ILL, None)
        checks = of(Schedule(3600.0, 0.005, 5.0), a=patient, b=Patient(None))
        steps: list[Callable[[], None]] = [
            lambda: watch.update(checks),
            lambda: watch.health.learn(Health("s@file", frozenset({"a"}))),
        ]
        for step in reversed(steps) if is_early else steps:
            step()
        told = await watch.until_told(2)
        assert told[0] == told[-2] == {"a"}
        assert told[-1] == set()
        assert patient.asked == 2

    async def test_what_was_asked_since_is_known_better(self, watch: Watch) -> None:
        patient = Patient(None)
        watch.update(of(a=patient))
        await patient.until_asked(2)
        watch.health.learn(Health("s@file", frozenset({"a"})))
        assert [health.down for health in watch.told] == UP

    @pytest.mark.parametrize("is_early", [True, False])
    async def test_a_service_that_is_not_checked_any_more_comes_back(self, watch: Watch, is_early: bool) -> None:
        learned = Health("gone@file", frozenset({"a"}), "tcp")
        if is_early:
            watch.health.learn(learned)
            assert watch.told == []
            watch.update()
        else:
            watch.update()
            watch.health.learn(learned)
        assert watch.told == [Health("gone@file", frozenset(), "tcp")]
