"""Coroutines driven by hand: what they may await, how they end, and what a `throw` does wherever it meets them."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from tests.loopback import until
from trafficcop.http.drive import Drive, Wakeup, in_task


class Done:
    """Remembers how coroutines ended."""

    def __init__(self) -> None:
        self.errors: list[BaseException | None] = []

    def __call__(self, error: BaseException | None) -> None:
        self.errors.append(error)


def run(coroutine: Coroutine[Any, Any, Any]) -> tuple[Drive, Done]:
    done = Done()
    drive = Drive(done)
    drive.start(coroutine)
    return drive, done


async def turns(count: int = 3) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def wait(wakeup: Wakeup, log: list[str]) -> None:
    await wakeup
    log.append("woken")


def test_a_coroutine_that_never_waits_ends_at_once() -> None:
    async def nothing() -> None: ...

    drive, done = run(nothing())
    assert done.errors == [None]
    assert drive.is_idle


def test_a_wakeup_resumes_inside_set() -> None:
    wakeup, log = Wakeup(), list[str]()
    _, done = run(wait(wakeup, log))
    assert (log, done.errors) == ([], [])
    wakeup.set()
    assert (log, done.errors) == (["woken"], [None])
    wakeup.set()
    assert log == ["woken"]


def test_a_wakeup_that_is_set_already_is_not_waited_for() -> None:
    wakeup, log = Wakeup(), list[str]()
    wakeup.set()
    _, done = run(wait(wakeup, log))
    assert done.errors == [None]
    assert wakeup.is_set()


def test_an_exception_is_told() -> None:
    error = ValueError()

    async def fail() -> None:
        raise error

    assert run(fail())[1].errors == [error]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit()])
def test_what_ends_the_process_is_told_and_raised(error: BaseException) -> None:
    async def fail() -> None:
        raise error

    done = Done()
    with pytest.raises(type(error)):
        Drive(done).start(fail())
    assert done.errors == [error]


def test_throw_while_it_waits() -> None:
    wakeup, log, error = Wakeup(), list[str](), ValueError()
    drive, done = run(wait(wakeup, log))
    drive.throw(error)
    assert done.errors == [error]
    wakeup.set()
    assert log == []
    drive.throw(error)
    assert done.errors == [error]


def test_throw_while_it_runs_strikes_at_the_next_wait() -> None:
    drives: list[Drive] = []
    error, log = ValueError(), list[str]()

    async def main(wakeup: Wakeup, last: Wakeup) -> None:
        await wakeup
        drives[0].throw(error)
        log.append("still running")
        await last

    first = Wakeup()
    drive, done = run(main(first, Wakeup()))
    drives.append(drive)
    first.set()
    assert (log, done.errors) == (["still running"], [error])


def test_an_error_that_is_caught_lets_it_go_on() -> None:
    first, second, log = Wakeup(), Wakeup(), list[str]()

    async def main() -> None:
        try:
            await first
        except ValueError:
            log.append("caught")
        await second

    drive, done = run(main())
    drive.throw(ValueError())
    assert (log, done.errors) == (["caught"], [])
    first.set()
    assert done.errors == []
    second.set()
    assert done.errors == [None]


def test_one_after_the_other_from_on_done() -> None:
    log: list[int] = []

    async def note(number: int) -> None:
        log.append(number)

    def next_(error: BaseException | None) -> None:
        if len(log) < 3:
            drive.start(note(len(log)))

    drive = Drive(next_)
    drive.start(note(0))
    assert log == [0, 1, 2]


async def test_a_future_and_its_failure() -> None:
    loop = asyncio.get_running_loop()
    future, failing = loop.create_future(), loop.create_future()
    results: list[int] = []

    async def main() -> None:
        results.append(await future)
        await failing

    _, done = run(main())
    future.set_result(7)
    await turns()
    assert (results, done.errors) == ([7], [])
    failing.set_exception(ValueError("x"))
    await turns()
    assert str(done.errors[0]) == "x"


async def test_sleep() -> None:
    async def main() -> None:
        await asyncio.sleep(0)
        await asyncio.sleep(0.001)

    _, done = run(main())
    assert done.errors == []
    await until(lambda: bool(done.errors))
    assert done.errors == [None]


@pytest.mark.parametrize("is_future", [False, True])
async def test_a_resume_that_was_scheduled_before_a_throw_does_not_count(is_future: bool) -> None:
    future = asyncio.get_running_loop().create_future()
    second, log = Wakeup(), list[str]()

    async def main() -> None:
        try:
            await (future if is_future else asyncio.sleep(0))
        except ValueError:
            await second
            log.append("second")

    drive, done = run(main())
    future.set_result(None)
    drive.throw(ValueError())
    await turns()
    assert (log, done.errors) == ([], [])
    second.set()
    assert (log, done.errors) == (["second"], [None])


# === a task may wait for a Wakeup too ===


async def test_a_task_awaits_a_wakeup() -> None:
    wakeup, log = Wakeup(), list[str]()
    task = asyncio.create_task(wait(wakeup, log))
    await turns()
    wakeup.set()
    await task
    assert log == ["woken"]


async def test_a_cancelled_task_does_not_wait_for_the_wakeup() -> None:
    wakeup, log = Wakeup(), list[str]()
    task = asyncio.create_task(wait(wakeup, log))
    await turns()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 5)
    wakeup.set()
    await turns()
    assert log == []


def test_a_task_is_cancelled_when_its_loop_is_closed() -> None:
    tasks: list[asyncio.Task[None]] = []

    async def leave() -> None:
        tasks.append(asyncio.create_task(wait(Wakeup(), [])))
        await turns()

    asyncio.run(leave())
    assert tasks[0].cancelled()


async def test_a_timeout_around_a_wakeup() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await Wakeup()


# === in_task ===


async def test_in_task_gives_the_result_and_a_current_task() -> None:
    results: list[object] = []

    async def inside() -> int:
        results.append(asyncio.current_task())
        async with asyncio.timeout(5):
            await asyncio.sleep(0)
        return 7

    async def main() -> None:
        results.append(await in_task(inside()))

    _, done = run(main())
    await turns(5)
    assert done.errors == [None]
    assert isinstance(results[0], asyncio.Task)
    assert results[1] == 7


async def test_in_task_is_cancelled_with_its_waiter() -> None:
    log: list[str] = []

    async def inside() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            log.append("cancelled")
            raise

    drive, done = run(in_task(inside()))
    await turns()
    error = ValueError()
    drive.throw(error)
    await turns()
    assert (log, done.errors) == (["cancelled"], [error])


async def test_in_task_fails_as_what_it_runs() -> None:
    async def inside() -> None:
        raise ValueError("x")

    _, done = run(in_task(inside()))
    await turns(5)
    assert str(done.errors[0]) == "x"
