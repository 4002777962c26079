"""The variables and datagrams of systemd."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from trafficcop.machine.systemd import Notifier, passed_sockets


def test_nothing_passed() -> None:
    assert passed_sockets({}) == {}


def test_sockets_for_another_process_are_left_alone() -> None:
    assert passed_sockets({"LISTEN_PID": str(os.getpid() + 1), "LISTEN_FDS": "1", "LISTEN_FDNAMES": "web"}) == {}


def test_notifications(tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(path)
        notifier = Notifier({"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "30000000"})
        notifier.ready()
        notifier.alive()
        notifier.stopping()
        assert [systemd.recv(100) for _ in range(3)] == [b"READY=1", b"WATCHDOG=1", b"STOPPING=1"]
        assert notifier.watchdog_interval == 15.0


def test_an_abstract_address() -> None:
    name = f"trafficcop-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("\0" + name)
        Notifier({"NOTIFY_SOCKET": "@" + name}).ready()
        assert systemd.recv(100) == b"READY=1"


def test_the_watchdog_of_another_process() -> None:
    environ = {"NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": "1000000", "WATCHDOG_PID": str(os.getpid() + 1)}
    assert Notifier(environ).watchdog_interval == 0.0
    assert Notifier({"WATCHDOG_USEC": "1000000"}).watchdog_interval == 0.0


def test_a_systemd_that_is_gone_is_told_once_and_left_alone(tmp_path: Path, capfd: object) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")})
    notifier.ready()
    notifier.stopping()
    assert capfd.readouterr().err.count("cannot notify systemd") == 1  # type: ignore[attr-defined]
