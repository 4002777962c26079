"""What the workers of an instance have counted, asked of them when somebody wants to know."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import pickle
import time
from collections.abc import Callable
from pathlib import Path

from trafficcop.plan.messages import Counts, ReadCounts
from trafficcop.plan.report import Report
from trafficcop.telemetry.meters import Key
from trafficcop.telemetry.metrics import ENTRY_POINT, ROUTER
from trafficcop.telemetry.totals import Totals

logger = logging.getLogger(__name__)

# A worker that is this late is too busy to be waited for: what it said last is told.
_PATIENCE = 2.0
# What a worker has counted since it was asked last is lost when it is killed, so it is asked now and then.
_INTERVAL = 10.0
_SAVING_DELAY = 1.0


class CountsBook:
    """Keeps the totals: of workers that come and go, and, in a file, of those that a control process before knew.

    `ask` sends a question to all workers and says which they are. `is_resumed`: there was such a process.
    """

    def __init__(self, path: Path, ask: Callable[[ReadCounts], frozenset[int]]) -> None:
        self.totals = Totals()
        self.reloads = 0
        self.last_reload = 0.0
        self._path = path
        self._ask = ask
        self._turn = 0
        self._missing: set[int] = set()
        self._complete: asyncio.Event | None = None  # set when nobody is missing any more
        self._saving: asyncio.TimerHandle | None = None
        self.is_resumed = self._load()
        if not self.is_resumed:
            self._save()  # whoever comes next must know that there was somebody

    # === workers (`control/channel.py`: CountsListener) ===

    def begin(self, worker: int, pid: int) -> None:
        if self.totals.begin(worker, pid):
            self._save_soon()

    def take(self, counts: Counts) -> None:
        is_answer = counts.turn == self._turn
        self.totals.take(counts.worker, counts.changes, counts.connections, is_last=counts.is_last)
        if counts.is_last and is_answer:
            self._done(counts.worker)

    def leave(self, worker: int, pid: int) -> None:
        self.totals.leave(worker, pid)
        self._done(worker)

    def _done(self, worker: int) -> None:
        self._missing.discard(worker)
        if not self._missing and self._complete is not None:
            self._complete.set()

    # === questions ===

    async def refresh(self) -> None:
        """Returns when every worker has told what it has, or has been waited for long enough."""
        if self._complete is None:
            self._turn += 1
            self._complete = asyncio.Event()
            self._missing = set(self._ask(ReadCounts(self._turn)))
            if not self._missing:
                self._complete.set()
        complete = self._complete
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(complete.wait(), _PATIENCE)
        if self._complete is complete:
            self._complete = None

    async def follow(self) -> None:
        """Ask after a while."""
        await asyncio.sleep(_INTERVAL)
        await self.refresh()

    def note_reload(self) -> None:
        self.reloads += 1
        self.last_reload = time.time()
        self._save_soon()

    def forget(self, report: Report) -> None:
        """The series of what is no longer configured have been told for the last time."""
        if self.totals.forget(lambda key: _is_gone(key, report)):
            self._save_soon()

    # === the file ===

    def _load(self) -> bool:
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return False
        # From a control process of this instance, in a directory nobody else may enter.
        saved = pickle.loads(data)  # noqa: S301
        self.reloads, self.last_reload, self.totals.retired, self.totals.retired_plain = saved
        return True

    def _save_soon(self) -> None:
        if self._saving is None:
            self._saving = asyncio.get_running_loop().call_later(_SAVING_DELAY, self._save)

    def _save(self) -> None:
        self._saving = None
        totals = self.totals
        fresh = self._path.with_suffix(".new")
        try:
            fresh.write_bytes(pickle.dumps((self.reloads, self.last_reload, totals.retired, totals.retired_plain)))
            os.replace(fresh, self._path)
        except OSError as error:
            logger.error("Cannot save what has been counted: %s", error)

    def close(self) -> None:
        if self._saving is not None:
            self._saving.cancel()


def _is_gone(key: Key, report: Report) -> bool:
    if key[0] == ENTRY_POINT:
        return False
    return key[2] not in report.routers if key[0] == ROUTER else key[1] not in report.services
