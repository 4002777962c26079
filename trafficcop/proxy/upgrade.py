"""A tunnel after 101: the client's transport and the server's, joined."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from trafficcop.http.messages import Tunnel
from trafficcop.http.relay import RelayEnd, join, nothing


class TransportTunnel(Tunnel):
    """The server's transport after its 101, with the bytes that followed it."""

    __slots__ = ("_early", "_transport")

    def __init__(self, transport: asyncio.Transport, early: bytes) -> None:
        self._transport = transport
        self._early = early

    def attach(self, transport: asyncio.Transport, leftover: bytes, on_closed: Callable[[], None]) -> None:
        join(RelayEnd(transport, on_closed), RelayEnd(self._transport, nothing), leftover, self._early)

    def close(self) -> None:
        self._transport.abort()
