"""Long work in slices, between which requests are served."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from time import perf_counter

# The longest that requests wait for a slice, and how many times as long they then go first.
_SLICE_SECONDS = 0.001
_PRECEDENCE = 3
# A turn of the event loop as short as this had nothing to do.
_IDLE_SECONDS = 0.00003


async def in_slices(steps: Iterator[None]) -> None:
    """Take all the steps, a millisecond at a time."""
    begun = perf_counter()
    for _ in steps:
        now = perf_counter()
        if now - begun >= _SLICE_SECONDS:
            await give_way(now - begun)
            begun = perf_counter()
    await give_way(perf_counter() - begun)


async def give_way(spent: float) -> None:
    """Let others go on for a multiple of `spent`, or until they have nothing to do."""
    before = perf_counter()
    end = before + spent * _PRECEDENCE
    while True:
        await asyncio.sleep(0)
        now = perf_counter()
        if now >= end or now - before < _IDLE_SECONDS:
            return
        before = now
