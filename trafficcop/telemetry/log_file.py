"""The file of the general log: appended to by every process of an instance, rotated by one of them.

Each write holds a shared `flock` while it looks whether the path still names the open file; the rotation holds the
exclusive one while it renames. So no line can reach a file that is already being compressed, and a process that dies
leaves no lock behind.
"""

from __future__ import annotations

import contextlib
import fcntl
import gzip
import os
import re
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

MEGABYTE = 1024 * 1024
_DEFAULT_SIZE = 100
_DAY = 24 * 3600
_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}(-\d+)?")
_STAMP_SIZE = len("2006-01-02T15-04-05.000")
_STAMP_FORMAT = "%Y-%m-%dT%H-%M-%S"


class LogFile:
    """An append-only file. Limits: `max_size` in MB (0: 100), `max_age` in days and `max_backups` (0: no limit)."""

    def __init__(
        self, path: str, *, max_size: int = 0, max_age: int = 0, max_backups: int = 0, is_rotating: bool = False
    ) -> None:
        self.path = Path(path)
        self._limit = (max_size or _DEFAULT_SIZE) * MEGABYTE
        self._max_age = max_age
        self._max_backups = max_backups
        self._is_rotating = False
        self._descriptor = -1
        self._process = 0
        self._cleaner: threading.Thread | None = None
        self._lock = threading.Lock()
        self._open()
        if is_rotating:
            self.start_rotating()

    def start_rotating(self) -> None:
        """From now on this process is the one that rotates."""
        self._is_rotating = True
        self._clean()  # what an earlier process left uncompressed or too old

    def _open(self) -> None:
        self.path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o666)
        self._close()
        self._descriptor = descriptor
        self._process = os.getpid()

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def reopen(self) -> None:
        with self._lock:
            self._open()

    def close(self) -> None:
        with self._lock:
            self._close()
        if self._cleaner is not None:
            self._cleaner.join()

    @contextlib.contextmanager
    def _locked(self, kind: int) -> Iterator[int]:
        descriptor = self._descriptor
        fcntl.flock(descriptor, kind)
        try:
            yield descriptor
        finally:
            fcntl.flock(descriptor, fcntl.LOCK_UN)

    def _is_current(self, descriptor: int) -> bool:
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return False
        mine = os.fstat(descriptor)
        return (found.st_dev, found.st_ino) == (mine.st_dev, mine.st_ino)

    def write(self, line: bytes) -> None:
        """Append one whole line; OSError when it cannot be written."""
        with self._lock:
            if self._process != os.getpid() or self._descriptor < 0:
                self._open()  # a lock belongs to an open file: a forked child needs its own
            if self._is_rotating:
                self._rotate_before(len(line))
            while not self._append(line):
                self._open()

    def _append(self, line: bytes) -> bool:
        with self._locked(fcntl.LOCK_SH) as descriptor:
            if not self._is_current(descriptor):
                return False
            written = os.write(descriptor, line)
            while written < len(line):
                written += os.write(descriptor, line[written:])
            return True

    def _rotate_before(self, size: int) -> None:
        held = os.fstat(self._descriptor).st_size
        if held == 0 or held + size <= self._limit:
            return
        with self._locked(fcntl.LOCK_EX) as descriptor:
            if self._is_current(descriptor):
                os.rename(self.path, self._backup_path())
        self._open()
        self._clean()

    def _backup_path(self) -> Path:
        """`name-2006-01-02T15-04-05.000.ext` in UTC, never one that exists."""
        now = time.time()
        stamp = f"{time.strftime(_STAMP_FORMAT, time.gmtime(now))}.{int(now * 1000) % 1000:03d}"
        path, count = self._named(stamp), 0
        while path.exists() or path.with_name(path.name + ".gz").exists():
            count += 1
            path = self._named(f"{stamp}-{count}")
        return path

    def _named(self, stamp: str) -> Path:
        return self.path.with_name(f"{self.path.stem}-{stamp}{self.path.suffix}")

    def _clean(self) -> None:
        """Compress and delete old files on a thread of their own: a large file takes seconds."""
        if self._cleaner is not None and self._cleaner.is_alive():
            return  # what it misses is left to the next rotation
        self._cleaner = threading.Thread(target=self._clean_backups, name="log-rotation", daemon=True)
        self._cleaner.start()

    def _clean_backups(self) -> None:
        try:
            for path in self._outdated():
                path.unlink(missing_ok=True)
            for path in self.backups():
                if path.suffix != ".gz":
                    _compress(path)
        except OSError as error:
            print(f"old log files cannot be cleaned up: {error}", file=sys.__stderr__)

    def backups(self) -> list[Path]:
        """Rotated files, newest first."""
        return sorted(
            (path for path in self.path.parent.iterdir() if self._stamp_of(path)), key=self._age, reverse=True
        )

    def _age(self, path: Path) -> tuple[str, int]:
        stamp = self._stamp_of(path)
        return stamp[:_STAMP_SIZE], int(stamp[_STAMP_SIZE + 1 :] or "0")

    def _stamp_of(self, path: Path) -> str:
        name = path.name.removesuffix(".gz")
        start, end = f"{self.path.stem}-", self.path.suffix
        stamp = name[len(start) : len(name) - len(end)] if name.startswith(start) and name.endswith(end) else ""
        return stamp if _STAMP.fullmatch(stamp) else ""

    def _outdated(self) -> list[Path]:
        backups = self.backups()
        outdated = backups[self._max_backups :] if self._max_backups else []
        if self._max_age:
            oldest = time.strftime(_STAMP_FORMAT, time.gmtime(time.time() - self._max_age * _DAY))
            outdated += [path for path in backups if self._stamp_of(path) < oldest]
        return outdated


def _compress(path: Path) -> None:
    """Replace a file by its `.gz`; whoever dies in between leaves the original."""
    partial = path.with_name(path.name + ".gz.partial")
    with path.open("rb") as source, gzip.open(partial, "wb") as target:
        import shutil

        shutil.copyfileobj(source, target, MEGABYTE)
    os.chmod(partial, path.stat().st_mode & 0o777)
    os.replace(partial, path.with_name(path.name + ".gz"))
    path.unlink()
