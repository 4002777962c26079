"""What Python's library does not wrap of Linux: parent-death signals, process names, the heap, limits, the CPUs."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3  # glibc <malloc.h>
_CGROUPS = Path("/sys/fs/cgroup")


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when `parent` dies, however it dies.

    The parent may have died before the request was made: then no signal would ever come. OSError if the kernel refuses.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:
        os._exit(1)


def name_process(name: str) -> None:
    """The name that `ps -o comm` and `top` show; the kernel keeps 15 bytes of it."""
    ctypes.CDLL(None).prctl(_PR_SET_NAME, name.encode()[:15], 0, 0, 0)


def keep_heap() -> None:
    """Have the C library keep the memory it got instead of returning it after each large buffer.

    Every read of a body is a buffer of up to 256 kB: giving it back and getting it again is a system call and sixty
    page faults per read, a third of the cost of relaying a large answer. musl has no such call and needs none.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_MMAP_THRESHOLD, 4 * 1024 * 1024)
        libc.mallopt(_M_TRIM_THRESHOLD, 16 * 1024 * 1024)
        libc.mallopt(_M_TOP_PAD, 1024 * 1024)


def allow_descriptors() -> None:
    """As many open files as the administrator allows, instead of the thousand that old programs can count to."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def usable_cpus() -> int:
    """The CPUs this process may use: its affinity, and the quota of its container where that is smaller."""
    return max(1, min(len(os.sched_getaffinity(0)), *(-(-quota // period) for quota, period in _quotas()), 1024))


def _quotas() -> list[tuple[int, int]]:
    """Every (quota, period) of CPU time in force: those of our control group and of the groups around it."""
    found = []
    for group in _control_groups():
        limit = _words(group / "cpu.max")
        if len(limit) != 2:  # version 1 of control groups keeps the two figures in two files
            limit = _words(group / "cpu.cfs_quota_us") + _words(group / "cpu.cfs_period_us")
        if len(limit) == 2 and limit[0].isdigit() and limit[1].isdigit() and int(limit[1]) > 0:
            found.append((int(limit[0]), int(limit[1])))
    return found


def _control_groups() -> list[Path]:
    groups = [_CGROUPS, _CGROUPS / "cpu"]
    for line in _lines(Path("/proc/self/cgroup")):
        _, controllers, path = line.split(":", 2)
        root = _CGROUPS / "cpu" if "cpu" in controllers.split(",") else _CGROUPS
        group = root / path.lstrip("/")
        groups += [group, *(parent for parent in group.parents if parent.is_relative_to(root))]
    return groups


def _words(path: Path) -> list[str]:
    return " ".join(_lines(path)).split()


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:  # no control groups of that version here
        return []
