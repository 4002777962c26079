"""A worker's answers to control about what it has counted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

from trafficcop.plan.messages import Counts, ReadCounts
from trafficcop.telemetry.meters import Changes
from trafficcop.worker.runtime import Runtime
from trafficcop.worker.slices import in_slices


class CountsReport:
    """Answers one question after the other, in slices: requests are served meanwhile."""

    def __init__(self, worker: int, runtime: Runtime, send: Callable[[Counts], None]) -> None:
        self._worker = worker
        self._runtime = runtime
        self._send = send
        self._answering: asyncio.Task[None] | None = None

    def answer(self, question: ReadCounts) -> None:
        """Control asks the next one when it has this answer, or never gets it: then the new one takes its place."""
        self.cut_off()
        self._answering = asyncio.create_task(in_slices(self._steps(question.turn)))

    def cut_off(self) -> None:
        """Nobody waits for the answer any more."""
        if self._answering is not None:
            self._answering.cancel()

    def forget_told(self) -> None:
        """Control is gone; the next one has heard nothing."""
        self.cut_off()
        if self._runtime.meters is not None:
            self._runtime.meters.forget_told()

    def _steps(self, turn: int) -> Iterator[None]:
        meters = self._runtime.meters
        if meters is not None:
            for changes in meters.changes():
                if changes.names or changes.cells or changes.plain or changes.gone:
                    self._send(Counts(self._worker, turn, changes))
                yield
        self._send(Counts(self._worker, turn, Changes(), self._runtime.connections(), is_last=True))
