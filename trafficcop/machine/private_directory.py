"""The directory of an instance's Unix sockets: nobody else may enter it, and it does not outlive the instance for long.

A file in it is locked (`flock`) by the instance, and so by its children, as long as one of them lives. Whoever starts
next removes the directories whose lock nobody holds: those of instances that were killed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

_PREFIX = "trafficcop-"
_LOCK = "lock"
_SOCKET_PATH_LIMIT = 107 - len("/trafficcop-12345678/control.sock")


class PrivateDirectory:
    """Made where the path fits into a socket address; OSError when there is no such place."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.path = _make(environ)
        self._lock = _locked(self.path / f"{_LOCK}.new")
        os.rename(self.path / f"{_LOCK}.new", self.path / _LOCK)  # never seen by others before it is locked
        _sweep(self.path.parent)

    def remove(self) -> None:
        _remove(self.path)
        os.close(self._lock)


def _make(environ: Mapping[str, str]) -> Path:
    bases = [environ[name] for name in ("RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR") if environ.get(name)]
    temporary = (os.environ.get("TMPDIR") or "/tmp", "/tmp", "/dev/shm")  # noqa: S108 - random name, mode 0700
    for base in (*bases, *temporary):
        if len(base) <= _SOCKET_PATH_LIMIT:
            with contextlib.suppress(OSError):  # not there, or read-only: the next will do
                path = Path(base, _PREFIX + os.urandom(4).hex())
                path.mkdir(mode=0o700)
                return path
    raise OSError(f"no directory for our sockets: none of {bases} can be written to, set XDG_RUNTIME_DIR")


def _locked(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return descriptor


def _sweep(base: Path) -> None:
    """Remove what killed instances of this user have left."""
    for directory in _ours(base):
        with contextlib.suppress(OSError):  # it is in use, or somebody was faster
            descriptor = os.open(directory / _LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(directory)
            finally:
                os.close(descriptor)


def _ours(base: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError), os.scandir(base) as entries:
        for entry in entries:
            if entry.name.startswith(_PREFIX) and entry.is_dir(follow_symlinks=False):
                status = entry.stat(follow_symlinks=False)
                if status.st_uid == os.geteuid() and status.st_mode & 0o777 == 0o700:
                    yield Path(entry.path)


def _remove(directory: Path) -> None:
    with contextlib.suppress(OSError):  # somebody was faster
        for path in directory.iterdir():
            path.unlink(missing_ok=True)
        directory.rmdir()
