"""The sockets of the entry points: bound once by the supervisor, kept by it, and handed to every worker it starts.

Each worker has a listening socket of its own on the same address (SO_REUSEPORT), so that the kernel deals out the
connections. Because the supervisor holds all of them open, what waits in the queue of a dead worker is served by
the worker that takes its place.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from trafficcop.config.address import Address, parse_address
from trafficcop.config.entry_points import EntryPoint
from trafficcop.config.lazy import dataclass

_BACKLOG = 4096
_KEEP_ALIVE_SECONDS = 180  # Traefik `pkg/server/server_entrypoint_tcp.go`: a keep-alive period of three minutes
_KEEP_ALIVE_INTERVAL = 15


class BindError(Exception):
    """An entry point that cannot listen: one line that says which, where and why."""


@dataclass(frozen=True, slots=True)
class Sockets:
    """What each worker listens on: `of_worker[index][entry point name]`."""

    of_worker: tuple[Mapping[str, socket.socket], ...]

    def keep_only(self, index: int | None) -> None:
        """Close, in a child, what belongs to others: else a drained worker's socket would stay open behind its back."""
        kept = set() if index is None else {id(sock) for sock in self.of_worker[index].values()}
        for sockets in self.of_worker:
            for sock in sockets.values():
                if id(sock) not in kept:
                    sock.close()

    def close(self) -> None:
        self.keep_only(None)


def open_sockets(
    entry_points: Mapping[str, EntryPoint], workers: int, passed: Mapping[str, socket.socket] | None = None
) -> Sockets:
    """Listen on every entry point, for that many workers; BindError when one cannot, and nothing stays open then."""
    of_worker: tuple[dict[str, socket.socket], ...] = tuple({} for _ in range(workers))
    with ExitStack() as opened:
        for name, entry_point in entry_points.items():
            try:
                address = parse_address(entry_point.address)
            except ValueError as error:
                raise BindError(f"entry point {name}: {error}") from None
            if passed and name in passed:
                # One queue for all workers: systemd keeps it across restarts of ours. Datagrams of one session must
                # not be dealt out to several workers, though: one worker reads them all.
                shared = _checked(name, passed[name], address)
                sockets = [shared] * (1 if _is_udp(address) else workers)
            else:
                sockets = _bind(name, entry_point, address, workers, opened)
            for taken, sock in zip(of_worker, sockets, strict=False):
                taken[name] = sock
        opened.pop_all()
    return Sockets(of_worker)


def _is_udp(address: Address) -> bool:
    return address.protocol == "udp"


def _checked(name: str, sock: socket.socket, address: Address) -> socket.socket:
    expected = socket.SOCK_DGRAM if _is_udp(address) else socket.SOCK_STREAM
    if sock.type != expected:
        kind = "udp" if _is_udp(address) else "tcp"
        raise BindError(f"entry point {name}: the socket passed by systemd is not of protocol {kind}")
    sock.setblocking(False)
    if not _is_udp(address):
        _tune(sock)
    return sock


def _bind(name: str, entry_point: EntryPoint, address: Address, workers: int, opened: ExitStack) -> list[socket.socket]:
    try:
        family, target = _resolve(address)
        sockets: list[socket.socket] = []
        for _ in range(workers):
            sock = opened.enter_context(_socket(family, address))
            # The first socket is bound alone, so that a foreign holder of the port is found out, and starts to
            # share it only then; the others join it. `reusePort: true` means sharing with other processes, too.
            if sockets or entry_point.reuse_port:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            sock.bind(target)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(workers > 1 or entry_point.reuse_port))
            target = sock.getsockname()  # port 0: all workers on the one that was given to the first
            sockets.append(sock)
        if not _is_udp(address):
            for sock in sockets:
                sock.listen(_BACKLOG)
    except OSError as error:
        raise BindError(f"entry point {name}: {_reason(error, entry_point.address, address)}") from None
    return sockets


def _resolve(address: Address) -> tuple[socket.AddressFamily, tuple[Any, ...]]:
    kind = socket.SOCK_DGRAM if _is_udp(address) else socket.SOCK_STREAM
    if address.host in ("", "0.0.0.0", "::"):
        # As Go: an unspecified address means every address of both families, where the machine has both.
        if _has_ipv6(kind):
            return socket.AF_INET6, ("::", address.port)
        return socket.AF_INET, ("0.0.0.0", address.port)
    found = socket.getaddrinfo(address.host, address.port, type=kind, flags=socket.AI_PASSIVE)
    # A name with addresses of both families listens on the IPv4 one, as Go does.
    family, _, _, _, target = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    return family, target


def _has_ipv6(kind: int) -> bool:
    try:
        with socket.socket(socket.AF_INET6, kind) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def _socket(family: socket.AddressFamily, address: Address) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_DGRAM if _is_udp(address) else socket.SOCK_STREAM)
    sock.setblocking(False)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(address.host not in ("", "0.0.0.0", "::")))
    if not _is_udp(address):  # with UDP the option would let a second process take our datagrams
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _tune(sock)
    return sock


def _tune(sock: socket.socket) -> None:
    """Options that accepted connections inherit on Linux: set once here, they cost nothing per connection."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEP_ALIVE_SECONDS)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _KEEP_ALIVE_INTERVAL)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _reason(error: OSError, text: str, address: Address) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"address {text} is in use"
    if error.errno in (errno.EACCES, errno.EPERM):
        return (
            f"no permission to bind port {address.port} "
            "(need CAP_NET_BIND_SERVICE, or a lower sysctl net.ipv4.ip_unprivileged_port_start)"
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return f"address {text} is not one of this machine"
    return f"cannot listen on {text}: {error.strerror or error}"
