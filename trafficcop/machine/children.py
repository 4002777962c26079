"""A child process that is started anew whenever it dies: its seat, its record, and when it may come back."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Callable

from trafficcop.machine import kernel

logger = logging.getLogger(__name__)

# A child that lived this long did its work: its next death is not held against it.
_GOOD_LIFE_SECONDS = 10.0
_FIRST_DELAY_SECONDS = 0.1
_LAST_DELAY_SECONDS = 5.0

# What a child must not take from the supervisor: its handlers. SIGINT comes from the terminal to all of us, and is for
# the supervisor alone; SIGUSR1 and SIGHUP wait until the child has handlers of its own.
_IGNORED = (signal.SIGINT, signal.SIGUSR1, signal.SIGHUP)
_DEFAULT = (signal.SIGTERM, signal.SIGCHLD)


class Child:
    """One role in one process at a time. `main` is what it runs; its return value is the exit code.

    `tag` is what `ps` shows of it beside the name of the program: four letters are all there is room for.
    """

    def __init__(self, name: str, tag: str, main: Callable[[], int]) -> None:
        self.name = name
        self.tag = tag
        self.pid = 0
        self.is_ready = False
        self.was_ever_ready = False
        self.has_failed = False
        self.restart_at: float | None = None
        self._main = main
        self._started_at = 0.0
        self._quick_deaths = 0

    def start(self) -> None:
        """Fork. Signals are held back meanwhile, so that none is taken by a handler meant for the other process."""
        self.restart_at = None
        self.is_ready = False
        self._started_at = time.monotonic()
        supervisor = os.getpid()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {*_IGNORED, *_DEFAULT})
        pid = os.fork()
        if pid == 0:
            self._become(supervisor, before)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        self.pid = pid

    def _become(self, supervisor: int, mask: set[int | signal.Signals]) -> None:
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for signum in _IGNORED:
                signal.signal(signum, signal.SIG_IGN)
            for signum in _DEFAULT:
                signal.signal(signum, signal.SIG_DFL)
            kernel.die_with_parent(supervisor)
            kernel.name_process(f"trafficcop-{self.tag}")
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            code = self._main()
        except BaseException:
            logger.exception("The %s process failed", self.name)
        finally:
            logging.shutdown()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)  # never back into the supervisor's frames

    def send(self, signum: signal.Signals) -> None:
        if self.pid:
            os.kill(self.pid, signum)  # not reaped yet, so the number is still this child's

    def mark_ready(self) -> None:
        self.is_ready = self.was_ever_ready = True

    def died(self, status: int, *, is_expected: bool) -> None:
        """Take note of its end; unless that was asked for, say so and set the time of its return."""
        pid, self.pid, self.is_ready = self.pid, 0, False
        if is_expected:
            return
        self.has_failed = True
        now = time.monotonic()
        lived = now - self._started_at
        self._quick_deaths = self._quick_deaths + 1 if lived < _GOOD_LIFE_SECONDS else 1
        delay = self._delay()
        self.restart_at = now + delay
        logger.error(
            "The %s process %d %s after %.1f s; starting it again%s",
            self.name,
            pid,
            _ending(status),
            lived,
            f" in {delay:.1f} s" if delay else "",
        )

    def _delay(self) -> float:
        """None after a first quick death, then longer each time: a crash at every start must not eat the machine."""
        if self._quick_deaths <= 1:
            return 0.0
        doubled: float = _FIRST_DELAY_SECONDS * 2.0 ** min(self._quick_deaths - 2, 10)
        return min(doubled, _LAST_DELAY_SECONDS)


def _ending(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return f"ended with code {code}"
    return f"was ended by {signal.Signals(-code).name}"
