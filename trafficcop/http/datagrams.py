"""Where the datagrams of a client go, and `DatagramHandler`: who says so, once for each session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from trafficcop.http.addresses import address_number

SocketAddress = tuple[Any, ...]


class DatagramServer:
    """One server, whatever services it is in. `target` is None until its name is known."""

    __slots__ = ("address", "family", "rests_until", "target")

    def __init__(self, address: str) -> None:
        self.address = address
        self.family = 0
        self.target: SocketAddress | None = None
        self.rests_until = 0.0  # it refused a datagram: others are preferred until then


class Source:
    """The client of a session. `wanted`: the address of the server that it has already, "" for none."""

    __slots__ = ("ip", "now", "number", "wanted")

    def __init__(self, ip: str, now: float, wanted: str = "") -> None:
        self.ip = ip.removeprefix("::ffff:")
        self.number = address_number(self.ip)
        self.now = now
        self.wanted = wanted


class Limit(Protocol):
    """What a datagram is counted against (`store/interface.py`: a token bucket for each client address)."""

    def reserve(self, source: str, now: int) -> int:
        """0 when it may pass, at this time of the monotonic clock in nanoseconds."""


class Way:
    """What was decided for a session: its server, and the limits that each of its datagrams is counted against."""

    __slots__ = ("limits", "router", "server", "service")

    def __init__(self, service: str, server: DatagramServer) -> None:
        self.router = ""
        self.service = service
        self.server = server
        self.limits: tuple[Limit, ...] = ()


# None: nobody takes this client's datagrams.
DatagramHandler = Callable[[Source], Way | None]
