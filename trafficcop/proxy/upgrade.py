"""A tunnel after 101: two transports joined, bytes and back-pressure both ways, half-close kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from trafficcop.http.messages import Tunnel


class RelayEnd(asyncio.Protocol):
    """One end of a tunnel: what it receives goes to the other end."""

    __slots__ = ("_is_over", "_on_closed", "other", "transport")

    def __init__(self, transport: asyncio.Transport, on_closed: Callable[[], None]) -> None:
        self.transport = transport
        self.other: RelayEnd | None = None
        self._on_closed = on_closed
        self._is_over = False

    def data_received(self, data: bytes) -> None:
        other = self.other
        if other is not None and not other.transport.is_closing():
            other.transport.write(data)

    def pause_writing(self) -> None:
        if self.other is not None and not self.other.transport.is_closing():
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and not self.other.transport.is_closing():
            self.other.transport.resume_reading()

    def eof_received(self) -> bool:
        other = self.other
        if other is None or other.transport.is_closing() or not other.transport.can_write_eof():
            return False
        other.transport.write_eof()
        self._is_over = True
        # The other direction goes on until it ends too.
        return not other._is_over

    def connection_lost(self, exc: Exception | None) -> None:
        other, self.other = self.other, None
        if other is not None:
            other.other = None
            other.transport.close()
        self._on_closed()


def _nothing() -> None:
    return None


class TransportTunnel(Tunnel):
    """The server's transport after its 101, with the bytes that followed it."""

    __slots__ = ("_early", "_transport")

    def __init__(self, transport: asyncio.Transport, early: bytes) -> None:
        self._transport = transport
        self._early = early

    def attach(self, transport: asyncio.Transport, leftover: bytes, on_closed: Callable[[], None]) -> None:
        client = RelayEnd(transport, on_closed)
        server = RelayEnd(self._transport, _nothing)
        client.other, server.other = server, client
        transport.set_protocol(client)
        self._transport.set_protocol(server)
        if self._transport.is_closing():
            transport.close()
            return
        if leftover:
            server.transport.write(leftover)
        if self._early:
            client.transport.write(self._early)
        transport.resume_reading()
        self._transport.resume_reading()

    def close(self) -> None:
        self._transport.abort()
