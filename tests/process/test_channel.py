"""Both ends of the channel on one loop: whole plans, plans overtaken by newer ones, ends that vanish."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from trafficcop.config.dynamic import Service
from trafficcop.control.channel import Channel, WorkerState, parts_of
from trafficcop.plan import frames
from trafficcop.plan.messages import Ack, Health, Hello, Nack, PlanPart
from trafficcop.plan.model import Plan, ServicePlan
from trafficcop.plan.tls import TLSPlan
from trafficcop.worker.channel import Channel as WorkerChannel
from trafficcop.worker.channel import Lost


def plan_of(version: int, services: int) -> Plan:
    return Plan(version, services={f"s{n}@file": ServicePlan(f"s{n}@file", Service()) for n in range(services)})


class Control:
    """Control's end, with what it heard."""

    def __init__(self, path: Path) -> None:
        self.changed = asyncio.Event()
        self.channel = Channel(path, self.changed.set)

    async def until(self, workers: dict[int, WorkerState]) -> None:
        while self.channel.workers != workers:
            self.changed.clear()
            await self.changed.wait()


@pytest.fixture
async def control(tmp_path: Path) -> AsyncIterator[Control]:
    control = Control(tmp_path / "control.sock")
    await control.channel.start()
    yield control
    await control.channel.close()


class Worker:
    def __init__(self, path: Path, index: int = 0, pid: int = 100) -> None:
        self.version = 0
        self.health: list[Health] = []  # told before the last part of the newest plan
        self.channel = WorkerChannel(path, lambda: Hello(index, pid, self.version, tuple(self.health)))
        self.messages = self.channel.messages()

    async def plan(self) -> tuple[int, int]:
        """The version and the number of services of the next whole plan."""
        count, version = 0, 0
        self.health = []
        async for message in self.messages:
            if isinstance(message, Health):
                self.health.append(message)
                continue
            if not isinstance(message, PlanPart):
                raise TypeError(message)
            count = count + len(message.services) if message.version == version else len(message.services)
            version = message.version
            if message.is_last:
                self.version = version
                break
        return version, count

    async def close(self) -> None:
        await self.messages.aclose()  # type: ignore[attr-defined]


@pytest.fixture
async def worker(control: Control, tmp_path: Path) -> AsyncIterator[Worker]:
    worker = Worker(tmp_path / "control.sock")
    yield worker
    await worker.close()


def test_parts_are_small_and_complete() -> None:
    plan = plan_of(4, 1234)
    parts = list(parts_of(plan))
    assert [part.is_last for part in parts] == [False] * (len(parts) - 1) + [True]
    assert {part.version for part in parts} == {4}
    assert max(len(part.services) for part in parts) <= 200
    assert tuple(service for part in parts for service in part.services) == tuple(plan.services.values())


def test_a_plan_of_nothing_is_one_part() -> None:
    assert list(parts_of(Plan(1))) == [PlanPart(1, tls=TLSPlan(), is_last=True)]


async def test_a_worker_gets_the_plan_and_answers(control: Control, worker: Worker) -> None:
    control.channel.push(plan_of(1, 450))
    assert await worker.plan() == (1, 450)
    assert control.channel.workers == {0: WorkerState(0, 100, 0)}
    worker.channel.send(Ack(0, 1))
    await control.until({0: WorkerState(0, 100, 1)})
    control.channel.push(plan_of(2, 3))
    assert await worker.plan() == (2, 3)
    worker.channel.send(Nack(0, 2, 1, "no"))
    await control.until({0: WorkerState(0, 100, 1, "no")})


async def test_a_plan_that_is_overtaken_is_not_finished(control: Control, worker: Worker) -> None:
    control.channel.push(plan_of(1, 100_000))
    first = await anext(worker.messages)
    assert isinstance(first, PlanPart)
    assert first.version == 1
    control.channel.push(plan_of(2, 5))
    assert await worker.plan() == (2, 5)


async def test_every_new_worker_gets_the_whole_state(control: Control, worker: Worker, tmp_path: Path) -> None:
    control.channel.push(plan_of(1, 5))
    control.channel.push_health(Health("s1@file", frozenset({"http://a"})))
    for index in (1, 2):
        late = Worker(tmp_path / "control.sock", index, 100 + index)
        assert await late.plan() == (1, 5)
        assert late.health == [Health("s1@file", frozenset({"http://a"}))]
        await late.close()


async def test_health_follows_the_plan_it_belongs_to(control: Control, worker: Worker) -> None:
    control.channel.push(plan_of(1, 5))
    assert await worker.plan() == (1, 5)
    for down in (frozenset({"http://a"}), frozenset[str]()):
        control.channel.push_health(Health("s1@file", down))
        assert await anext(worker.messages) == Health("s1@file", down)


async def test_services_of_the_same_name_have_each_their_health(control: Control, worker: Worker) -> None:
    given = [Health("s1@file", frozenset({"a"}), protocol) for protocol in ("http", "tcp", "udp")]
    for health in given:
        control.channel.push_health(health)
    control.channel.push(plan_of(1, 5))
    for health in given:
        control.channel.push_health(health)
    assert await worker.plan() == (1, 5)
    assert worker.health == given


async def test_control_learns_what_a_worker_knows(tmp_path: Path) -> None:
    learned: asyncio.Queue[Health] = asyncio.Queue()
    channel = Channel(tmp_path / "control.sock", lambda: None, learned.put_nowait)
    await channel.start()
    worker = Worker(tmp_path / "control.sock")
    worker.health = [Health("s@file", frozenset({"http://a"})), Health("t@file", frozenset({"b:1"}), "tcp")]
    asking = asyncio.ensure_future(anext(worker.messages))
    assert [await learned.get(), await learned.get()] == worker.health
    asking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asking
    await worker.close()
    await channel.close()


async def test_a_worker_that_left_is_forgotten_but_not_its_successor(control: Control, tmp_path: Path) -> None:
    old = Worker(tmp_path / "control.sock", 0, 100)
    control.channel.push(plan_of(1, 1))
    await old.plan()
    new = Worker(tmp_path / "control.sock", 0, 200)
    await new.plan()
    await old.close()
    await control.until({0: WorkerState(0, 200, 0)})
    await new.close()
    await control.until({})


async def test_control_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    worker = Worker(path)
    for _ in range(2):
        control = Control(path)
        await control.channel.start()
        control.channel.push(plan_of(1, 2))
        assert await worker.plan() == (1, 2)
        await control.channel.close()
        assert isinstance(await anext(worker.messages), Lost)
    await worker.close()


@pytest.mark.parametrize("garbage", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", frames.encode(Ack(0, 1)), b"\0\0\0\4junk"])
async def test_a_stranger_on_the_channel_does_no_harm(
    control: Control, worker: Worker, tmp_path: Path, garbage: bytes
) -> None:
    reader, writer = await asyncio.open_unix_connection(str(tmp_path / "control.sock"))
    writer.write(garbage)
    with contextlib.suppress(ConnectionError):
        assert await reader.read() == b""
    writer.close()
    control.channel.push(plan_of(1, 2))
    assert await worker.plan() == (1, 2)
