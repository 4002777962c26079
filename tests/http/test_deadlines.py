"""Time limits: who was late himself must not blame others."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop

from trafficcop.http.deadlines import NEVER, Deadlines


class Waiting(asyncio.Protocol):
    """Waits for a byte until its deadline."""

    def __init__(self) -> None:
        self.deadline = time.monotonic() + 0.01
        self.outcome = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        self.deadline = NEVER
        self.outcome.set_result("read")

    def on_deadline(self) -> None:
        self.deadline = NEVER
        self.outcome.set_result("late")


class Busy(asyncio.Protocol):
    """Has a lot to do with what it reads; meanwhile somebody else's byte comes."""

    def __init__(self, send: Callable[[], object]) -> None:
        self._send = send

    def data_received(self, data: bytes) -> None:
        self._send()
        time.sleep(0.05)


async def wait(is_sent: bool) -> str:
    """What becomes of one whose byte comes in time, while this process does something else for longer than that."""
    loop = asyncio.get_running_loop()
    here, there = socket.socketpair()
    near, far = socket.socketpair()
    deadlines = Deadlines(tick=0.01)
    with there, far:
        busy, _ = await loop.create_connection(lambda: Busy(lambda: is_sent and there.send(b"x")), sock=near)
        transport, waiting = await loop.create_connection(Waiting, sock=here)
        deadlines.members.add(waiting)
        deadlines.start()
        far.send(b"x")
        outcome: str = await waiting.outcome
        transport.close()
        busy.close()
    deadlines.stop()
    return outcome


@pytest.mark.parametrize("is_sent", [True, False])
@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_what_has_come_is_read_before_anybody_is_late(
    run: Callable[[Coroutine[Any, Any, str]], str], is_sent: bool
) -> None:
    assert run(wait(is_sent)) == ("read" if is_sent else "late")


async def test_nobody_is_late_once_all_is_over() -> None:
    loop = asyncio.get_running_loop()
    deadlines = Deadlines(tick=0.01)
    waiting = Waiting()
    deadlines.members.add(waiting)
    deadlines.start()
    loop.call_later(0.01, time.sleep, 0.02)
    loop.call_later(0.01, deadlines.stop)
    await asyncio.sleep(0.05)
    assert not waiting.outcome.done()
