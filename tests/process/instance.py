"""A running instance for tests: started on a free port, watched from outside, ended by its own process number."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

PROGRAM = Path(__file__).with_name("program.py")
ROOT = PROGRAM.parents[2]
PATIENCE = 15.0


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for something that will come; the limit only ends a test that has failed."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"it never came to this: {what}")
        time.sleep(0.01)


def free_port() -> int:
    """One that nobody listens on; not among those that the system gives to clients, who might have it in a moment."""
    while True:
        port = random.randrange(10_000, 32_768)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port


def get(port: int, path: str = "/", timeout: float = PATIENCE) -> tuple[int, bytes]:
    """One request on a connection of its own: (status, body)."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as sock:
        return answer(sock, path)


def answer(sock: socket.socket, path: str = "/") -> tuple[int, bytes]:
    sock.sendall(f"GET {path} HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n".encode())
    data = b""
    while chunk := sock.recv(65536):
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


def is_refused(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) != 0


class Instance:
    """One supervisor and its children."""

    def __init__(self, config: Path, environ: Mapping[str, str] | None = None, fds: Sequence[int] = ()) -> None:
        self.output = config.with_suffix(".log")
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, str(PROGRAM), str(config)],
                stdout=output,
                stderr=output,
                cwd=config.parent,
                env={**os.environ, "PYTHONPATH": str(ROOT), **(environ or {})},
                preexec_fn=(lambda: _place(fds)) if fds else None,
                pass_fds=[3 + index for index in range(len(fds))],
            )
        self.children_seen: set[int] = set()

    def log(self) -> str:
        return self.output.read_text()

    def children(self) -> dict[str, int]:
        """The live children by the name of their role: `ctl`, `w0`, `w1`."""
        pid = self.process.pid
        found = {}
        try:
            for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
                name = Path(f"/proc/{text}/comm").read_text().strip()
                if name.startswith("trafficcop-"):
                    found[name.removeprefix("trafficcop-")] = int(text)
        except (FileNotFoundError, ProcessLookupError):  # one ended between two looks
            return {}
        self.children_seen.update(found.values())
        return found

    def wait_serving(self) -> None:
        until(lambda: "Serving with" in self.log() or self.process.poll() is not None, "serving\n" + self.log())
        assert self.process.poll() is None, self.log()
        assert self.children()

    def signal(self, signum: signal.Signals) -> None:
        self.process.send_signal(signum)

    def wait(self) -> int:
        return self.process.wait(PATIENCE)

    def stop(self) -> None:
        """End what this instance has started, whatever state the test left it in."""
        self.children()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        until(lambda: not any(is_alive(pid) for pid in self.children_seen), "the end of every child")


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def _place(fds: Sequence[int]) -> None:
    """Put descriptors where systemd puts them; inheritable, as dup2 makes them."""
    moved = [os.dup(fd) for fd in fds]
    for index, fd in enumerate(moved):
        os.dup2(fd, 3 + index)
