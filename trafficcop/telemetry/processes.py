"""What the processes of an instance use of the machine, under the names every Prometheus client has for it."""

from __future__ import annotations

import os
import platform
import resource
from collections.abc import Iterable
from pathlib import Path

from trafficcop.telemetry.exposition_text import COUNTER, GAUGE, family, labels_text

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_PROC = Path("/proc")

# Fields of /proc/PID/stat behind the name in parentheses (`proc_pid_stat(5)`).
_UTIME, _STIME, _CUTIME, _CSTIME, _START, _VSIZE, _RSS = 11, 12, 13, 14, 19, 20, 21


def process_text(pids: Iterable[int]) -> str:
    """`pids`: all processes, the one that collects the times of those that end first."""
    cpu = virtual = resident = descriptors = 0
    start = 0
    for number, pid in enumerate(pids):
        stat = _stat(pid)
        if stat is None:
            continue
        cpu += stat[_UTIME] + stat[_STIME]
        if number == 0:
            cpu += stat[_CUTIME] + stat[_CSTIME]
            start = stat[_START]
        virtual += stat[_VSIZE]
        resident += stat[_RSS] * _PAGE
        descriptors += _descriptors(pid)
    return "".join(
        [
            _one("process_cpu_seconds_total", COUNTER, "CPU time of all processes, in seconds.", cpu / _TICKS),
            _one("process_resident_memory_bytes", GAUGE, "Memory in use.", resident),
            _one("process_virtual_memory_bytes", GAUGE, "Memory that is mapped.", virtual),
            _one("process_open_fds", GAUGE, "File descriptors that are open.", descriptors),
            _one("process_max_fds", GAUGE, "The most that one process may open.", _limit()),
            _one("process_start_time_seconds", GAUGE, "When it started, since 1970.", _boot_time() + start / _TICKS),
            _python(),
        ]
    )


def _one(name: str, kind: str, about: str, value: float) -> str:
    return family(name, kind, about, [("", value)])


def _python() -> str:
    about = labels_text(implementation=platform.python_implementation(), version=platform.python_version())
    return family("python_info", GAUGE, "What runs the program.", [(about, 1)])


def _stat(pid: int) -> list[int] | None:
    """The numbers of a process; None when it has ended."""
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return [0, *map(int, text.rpartition(")")[2].split()[1:])]


def _descriptors(pid: int) -> int:
    try:
        return len(os.listdir(_PROC / str(pid) / "fd"))
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return 0


def _limit() -> int:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def _boot_time() -> int:
    for line in (_PROC / "stat").read_text().splitlines():
        if line.startswith("btime "):
            return int(line.split()[1])
    return 0
