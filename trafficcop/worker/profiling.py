"""A profile of a worker: after every hundredth of a second of CPU time a signal comes, and we look at the stack.

A thread that looks now and then would see the places where the interpreter gives way to threads; a signal comes where
the time is spent. What is compiled has no frames of its own: its time is that of its caller.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from types import CodeType, FrameType

from trafficcop.plan.profile import Place, Profile, TakeProfile

_PERIOD = 0.01
_DEPTH = 128

_Seen = tuple[tuple[CodeType, int], ...]


class Profiler:
    """Answers one question at a time; a new one takes the place of the one before."""

    def __init__(self, worker: int, send: Callable[[Profile], None]) -> None:
        self._worker = worker
        self._send = send
        self._seen: dict[_Seen, int] = {}
        self._ending: asyncio.TimerHandle | None = None

    def take(self, question: TakeProfile) -> None:
        self.cut_off()
        self._seen = {}
        signal.signal(signal.SIGPROF, self._look)
        signal.setitimer(signal.ITIMER_PROF, _PERIOD, _PERIOD)
        loop = asyncio.get_running_loop()
        self._ending = loop.call_later(question.seconds, self._end, question.turn)

    def cut_off(self) -> None:
        """Nobody waits for it any more."""
        if self._ending is None:
            return
        self._ending.cancel()
        self._ending = None
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, signal.SIG_IGN)  # one may be on its way, and would end the process

    def _look(self, number: int, frame: FrameType | None) -> None:
        stack: list[tuple[CodeType, int]] = []
        while frame is not None and len(stack) < _DEPTH:
            stack.append((frame.f_code, frame.f_lineno or 0))
            frame = frame.f_back
        key = tuple(stack)
        self._seen[key] = self._seen.get(key, 0) + 1

    def _end(self, turn: int) -> None:
        self.cut_off()
        stacks = tuple((tuple(map(_place, stack)), count) for stack, count in self._seen.items())
        self._seen = {}
        self._send(Profile(self._worker, turn, int(_PERIOD * 1e9), stacks))


def _place(seen: tuple[CodeType, int]) -> Place:
    code, line = seen
    return code.co_qualname, code.co_filename, line
