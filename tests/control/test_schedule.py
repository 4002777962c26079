"""When configurations are applied, with a clock that the tests turn."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from trafficcop.config.dynamic import DynamicConfiguration, HTTPConfiguration, Router
from trafficcop.config.static import StaticConfiguration
from trafficcop.control.schedule import Schedule
from trafficcop.control.watcher import Watcher
from trafficcop.errors import Issue
from trafficcop.providers.message import Message


def message(rule: str, provider: str = "file", *issues: Issue) -> Message:
    http = HTTPConfiguration(routers={"web": Router(rule=rule)}) if rule else None
    return Message(provider, DynamicConfiguration(http=http), issues)


def rules(taken: tuple[Mapping[str, DynamicConfiguration], Mapping[str, Sequence[Issue]]]) -> dict[str, str]:
    found = {}
    for name, configuration in taken[0].items():
        assert configuration.http is not None
        found[name] = configuration.http.routers["web"].rule
    return found


def test_our_own_configuration_is_due_at_once_when_nobody_must_speak_first():
    schedule = Schedule(2)
    assert schedule.seconds_left(0) == 0
    assert schedule.is_due(0)
    assert schedule.take(0) == ({}, {})
    assert not schedule.is_due(100)
    assert schedule.seconds_left(100) is None


def test_the_required_provider_holds_back_the_others():
    schedule = Schedule(2, required="file", patience=5)
    schedule.offer(message("docker", "docker"), 1)
    assert not schedule.is_due(1)
    assert schedule.seconds_left(1) == 4
    schedule.offer(message("file"), 2)
    assert schedule.is_due(2)
    assert rules(schedule.take(2)) == {"docker": "docker", "file": "file"}


def test_patience_with_the_required_provider_ends():
    schedule = Schedule(2, required="file", patience=5, start=10)
    schedule.offer(message("docker", "docker"), 11)
    assert not schedule.is_due(14.9)
    assert schedule.is_due(15)
    assert rules(schedule.take(15)) == {"docker": "docker"}


def test_an_empty_word_of_the_required_provider_counts():
    schedule = Schedule(2, required="file", patience=5)
    schedule.offer(message(""), 1)
    assert schedule.is_due(1)
    assert schedule.take(1) == ({}, {})


def test_the_first_is_forwarded_at_once_and_of_the_next_only_the_newest():
    schedule = Schedule(2)
    schedule.take(0)
    schedule.offer(message("a"), 1)
    assert rules(schedule.take(1)) == {"file": "a"}
    schedule.offer(message("b"), 1.5)
    schedule.offer(message("c"), 2)
    assert not schedule.is_due(2.9)
    assert schedule.seconds_left(2.5) == 0.5
    assert schedule.is_due(3)
    assert rules(schedule.take(3)) == {"file": "c"}
    assert schedule.seconds_left(3) is None


def test_providers_are_throttled_each_for_itself():
    schedule = Schedule(2)
    schedule.offer(message("a"), 0)
    schedule.take(0)
    schedule.offer(message("b"), 1)
    schedule.offer(message("d", "docker"), 1)
    assert rules(schedule.take(1)) == {"file": "a", "docker": "d"}
    assert rules(schedule.take(2)) == {"file": "b", "docker": "d"}


@pytest.mark.parametrize("again", ["a", ""])
def test_what_says_nothing_new_is_dropped(again: str):
    schedule = Schedule(2)
    schedule.offer(message(again), 0)
    schedule.take(0)
    schedule.offer(message(again), 5)
    assert not schedule.is_due(5)


def test_a_change_that_is_taken_back_in_time_is_never_applied():
    schedule = Schedule(2)
    schedule.offer(message("a"), 0)
    schedule.take(0)
    schedule.offer(message("b"), 1)
    schedule.offer(message("a"), 1.5)
    assert not schedule.is_due(10)
    assert schedule.seconds_left(10) is None


def test_an_emptied_configuration_clears():
    schedule = Schedule(0)
    schedule.offer(message("a"), 0)
    schedule.take(0)
    schedule.offer(message(""), 1)
    assert schedule.is_due(1)
    assert schedule.take(1)[0]["file"] == DynamicConfiguration()


def test_issues_alone_are_news():
    schedule = Schedule(0)
    issue = Issue("broken")
    schedule.offer(message("a"), 0)
    schedule.take(0)
    schedule.offer(message("a", "file", issue), 1)
    assert schedule.take(1)[1] == {"file": (issue,)}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_watcher_publishes_in_steps():
    clock, published = Clock(), []
    watcher = Watcher(
        StaticConfiguration(), lambda given, issues: published.append(rules((given, issues))), required="file",
        clock=clock,
    )  # fmt: skip
    assert watcher.step() == 5
    assert published == []
    watcher.accept(message("a"))
    assert watcher.step() is None
    watcher.accept(message("b"))
    clock.now = 0.5
    assert watcher.step() == 1.5
    clock.now = 2
    assert watcher.step() is None
    assert published == [{"file": "a"}, {"file": "b"}]


async def test_watcher_runs_until_cancelled():
    published: list[dict[str, str]] = []
    seen = asyncio.Event()

    def publish(given: Mapping[str, DynamicConfiguration], issues: Mapping[str, Sequence[Issue]]) -> None:
        published.append(rules((given, issues)))
        seen.set()

    watcher = Watcher(StaticConfiguration(), publish)
    running = asyncio.create_task(watcher.run())
    await seen.wait()
    seen.clear()
    watcher.accept(message("a"))
    await seen.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert published == [{}, {"file": "a"}]
