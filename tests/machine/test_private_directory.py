"""The directory of an instance's sockets: private, removed at the end, swept up after an instance that was killed."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from trafficcop.machine.private_directory import PrivateDirectory


def of(base: Path) -> list[Path]:
    return sorted(base.glob("trafficcop-*"))


def test_it_is_private_and_removed_with_its_sockets(tmp_path: Path) -> None:
    directory = PrivateDirectory({"XDG_RUNTIME_DIR": str(tmp_path)})
    assert directory.path.stat().st_mode & 0o777 == 0o700
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(directory.path / "control.sock"))
    directory.remove()
    assert of(tmp_path) == []


def test_what_a_killed_instance_left_is_removed_by_the_next(tmp_path: Path) -> None:
    environ = {"RUNTIME_DIRECTORY": str(tmp_path)}
    alive = PrivateDirectory(environ)
    pid = os.fork()
    if pid == 0:
        PrivateDirectory(environ)
        os._exit(0)  # as killed: nothing is removed
    os.waitpid(pid, 0)
    assert len(of(tmp_path)) == 2
    foreign = tmp_path / "trafficcop-foreign"  # no lock in it: not one of ours, or not finished
    foreign.mkdir(mode=0o700)
    mine = PrivateDirectory(environ)
    assert of(tmp_path) == sorted([alive.path, mine.path, foreign])
    for directory in (alive, mine):
        directory.remove()


def test_a_child_that_lives_on_keeps_the_directory(tmp_path: Path) -> None:
    environ = {"XDG_RUNTIME_DIR": str(tmp_path)}
    first = PrivateDirectory(environ)
    lock = os.dup(first._lock)
    os.close(first._lock)
    second = PrivateDirectory(environ)
    assert first.path.exists()
    os.close(lock)
    second.remove()
    third = PrivateDirectory(environ)
    assert of(tmp_path) == [third.path]
    third.remove()


def test_a_base_that_cannot_be_used_is_passed_over(tmp_path: Path) -> None:
    long = tmp_path / ("a" * 100)
    long.mkdir()
    directory = PrivateDirectory({"RUNTIME_DIRECTORY": str(long), "XDG_RUNTIME_DIR": str(tmp_path)})
    assert directory.path.parent != long
    directory.remove()


def test_no_place_is_an_error_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, mode: int = 0o777) -> None:
        raise PermissionError(13, "no", str(self))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(OSError, match="set XDG_RUNTIME_DIR"):
        PrivateDirectory({})
