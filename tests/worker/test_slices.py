"""Long work gives way to others."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from trafficcop.worker import slices


async def test_all_steps_are_taken_in_order() -> None:
    taken: list[int] = []

    def steps() -> Iterator[None]:
        for number in range(100):
            taken.append(number)
            yield

    await slices.in_slices(steps())
    assert taken == list(range(100))


async def test_others_run_between_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "_SLICE_SECONDS", 0.0)  # each step is a slice of its own
    turns = 0
    seen: list[int] = []

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    def steps() -> Iterator[None]:
        for _ in range(5):
            seen.append(turns)
            yield

    task = asyncio.create_task(other())
    await asyncio.sleep(0)
    await slices.in_slices(steps())
    task.cancel()
    assert seen == sorted(set(seen))
    assert len(seen) == 5


async def test_a_step_that_fails_is_not_swallowed() -> None:
    def steps() -> Iterator[None]:
        yield
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await slices.in_slices(steps())
