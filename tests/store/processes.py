"""Processes forked from a test, as workers are from the supervisor."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable


def fork(work: Callable[[], None]) -> int:
    """Run `work` in a child; its process number. The child ends with 0 unless `work` raises."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    signal.alarm(30)  # a child of a test that failed does not stay
    try:
        work()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def fork_all(works: list[Callable[[], None]]) -> None:
    """Run each in a child of its own, at the same time; all must end well."""
    pids = [fork(work) for work in works]
    assert [os.waitpid(pid, 0)[1] for pid in pids] == [0] * len(works)


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGKILL


class Stage:
    """A pipe by which one process tells the other that it has come so far."""

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()

    def reach(self, count: int = 1) -> None:
        os.write(self._writer, b"." * count)

    def wait(self, count: int = 1) -> None:
        for _ in range(count):
            assert os.read(self._reader, 1) == b"."

    def close(self) -> None:
        os.close(self._reader)
        os.close(self._writer)
