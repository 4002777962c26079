"""The two joints with systemd: sockets it opened for us (`sd_listen_fds(3)`) and word of our state (`sd_notify(3)`)."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

_FIRST = 3


def passed_sockets(environ: Mapping[str, str]) -> dict[str, socket.socket]:
    """The sockets that systemd opened, by the name of the entry point they are for (`FileDescriptorName=`).

    The variables are meant for one process only: those of another (`LISTEN_PID`) are left alone.
    """
    if environ.get("LISTEN_PID") != str(os.getpid()):
        return {}
    count = int(environ.get("LISTEN_FDS", "0"))
    names = environ.get("LISTEN_FDNAMES", "").split(":")
    found: dict[str, socket.socket] = {}
    for index in range(count):
        name = names[index] if index < len(names) else f"LISTEN_FD_{_FIRST + index}"
        os.set_inheritable(_FIRST + index, False)
        found[name] = socket.socket(fileno=_FIRST + index)
    return found


class Notifier:
    """Tells systemd about our state; silent where nobody asked."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        microseconds = environ.get("WATCHDOG_USEC", "")
        is_for_us = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        has_watchdog = bool(self._address) and is_for_us and microseconds.isdigit()
        # Half the period, as systemd recommends and Traefik does.
        self.watchdog_interval = int(microseconds) / 2e6 if has_watchdog else 0.0

    def ready(self) -> None:
        self._send(b"READY=1")

    def stopping(self) -> None:
        self._send(b"STOPPING=1")

    def alive(self) -> None:
        self._send(b"WATCHDOG=1")

    def _send(self, state: bytes) -> None:
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            try:
                sock.sendto(state, self._address)
            except OSError as error:
                # Not telling systemd is no reason to stop serving; without this line the unit would just time out.
                os.write(2, f"cannot notify systemd at {self._address!r}: {error}\n".encode())
                self._address = ""
