"""Process trees as the system accounts for them: CPU, memory, descriptors, ports, and a thorough end."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

LISTEN = "0A"
PROC = Path("/proc")


class PortTaken(RuntimeError):
    """Somebody else holds a port that a measurement needs: its figures would be worth nothing."""


class Tree:
    """A process and everything that descends from it or shares its session."""

    def __init__(self, command: Sequence[str], log: Path, environ: Mapping[str, str] | None = None) -> None:
        self.log = log
        self.output: IO[bytes] = log.open("wb")
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=self.output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, **(environ or {})},
        )

    @property
    def pid(self) -> int:
        return self.process.pid

    def members(self) -> set[int]:
        """The process ids of the tree that are alive now."""
        parents, found = {}, set()
        for pid, parent, session in _all_processes():
            parents[pid] = parent
            if self.pid in (pid, session):
                found.add(pid)
        grew = True
        while grew:
            more = {pid for pid, parent in parents.items() if parent in found} - found
            found |= more
            grew = bool(more)
        return found

    def cpu(self) -> float:
        """Seconds on a processor that the scheduler has counted for the threads alive now."""
        return sum(_run_time(pid) for pid in self.members())

    def pss(self) -> int:
        """Proportional set size in bytes, all processes together."""
        return sum(_pss(pid) for pid in self.members())

    def descriptors(self) -> int:
        return sum(_count(PROC / str(pid) / "fd") for pid in self.members())

    def check_alive(self) -> None:
        if self.process.poll() is not None:
            raise RuntimeError(f"ended with {self.process.returncode}:\n{self.tail()}")

    def tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])

    def end(self) -> None:
        """Ask, then kill; returns when nothing of the tree is left."""
        members = self.members()
        self.process.terminate()
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline and self.process.poll() is None:
            time.sleep(0.02)
        members |= self.members()
        for pid in members:
            _kill(pid, self.pid)
        self.process.wait()
        while alive := self.members():
            for pid in alive:
                _kill(pid, self.pid)
            time.sleep(0.02)
        self.output.close()


def _kill(pid: int, session: int) -> None:
    """Kill a member that is still one: its number may have gone to somebody else."""
    try:
        if os.getsid(pid) == session:
            os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def _all_processes() -> Iterator[tuple[int, int, int]]:
    """(pid, parent, session) of what runs; zombies no longer do."""
    for entry in os.scandir(PROC):
        if entry.name.isdigit():
            words = _read(Path(entry.path) / "stat").rpartition(")")[2].split()
            if words and words[0] != "Z":
                yield int(entry.name), int(words[1]), int(words[3])


def _run_time(pid: int) -> float:
    total = 0
    try:
        for task in os.scandir(PROC / str(pid) / "task"):
            total += int((_read(Path(task.path) / "schedstat") or "0").split()[0])
    except FileNotFoundError:
        pass
    return total / 1e9


def _pss(pid: int) -> int:
    for line in _read(PROC / str(pid) / "smaps_rollup").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def _count(directory: Path) -> int:
    try:
        return len(os.listdir(directory))
    except FileNotFoundError:
        return 0


def _read(path: Path) -> str:
    """The text of a file under /proc, empty when its process has gone."""
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def is_listening(port: int) -> bool:
    """Whether any socket of this machine listens on the port, as the kernel's own table tells."""
    wanted = f":{port:04X}"
    for table in ("tcp", "tcp6"):
        for line in _read(PROC / "net" / table).splitlines()[1:]:
            words = line.split()
            if words[3] == LISTEN and words[1].endswith(wanted):
                return True
    return False


def prove_free(port: int) -> None:
    """Nobody listens on the port and nobody answers there, or PortTaken."""
    deadline = time.monotonic() + 5
    while is_listening(port):
        if time.monotonic() > deadline:
            raise PortTaken(f"port {port} is held by another process")
        time.sleep(0.05)
    with socket.socket() as probe:
        probe.settimeout(1)
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            raise PortTaken(f"port {port} answers although nobody is known to listen")


def free_port() -> int:
    """One that nobody listens on; not among those that the system gives to clients, who might have it in a moment."""
    while True:
        port = random.randrange(10_000, 32_768)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
