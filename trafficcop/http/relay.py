"""Two transports joined: bytes and back-pressure both ways, half-close kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class RelayEnd(asyncio.Protocol):
    """One end of a relay: what it receives goes to the other end."""

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
        if other._is_over:
            return False
        self.on_half_closed()
        return True

    def on_half_closed(self) -> None:
        """One direction has ended, the other one not yet."""

    def connection_lost(self, exc: Exception | None) -> None:
        other, self.other = self.other, None
        if other is not None:
            other.other = None
            other.transport.close()
        self._on_closed()


def nothing() -> None:
    """For ends that nobody asks about."""


def join(client: RelayEnd, server: RelayEnd, sent: bytes, received: bytes) -> None:
    """Begin: `sent` is what the client said before, `received` what the server did."""
    client.other, server.other = server, client
    client.transport.set_protocol(client)
    server.transport.set_protocol(server)
    if server.transport.is_closing() or client.transport.is_closing():
        client.transport.close()
        server.transport.close()
        return
    if sent:
        server.transport.write(sent)
    if received:
        client.transport.write(received)
    client.transport.resume_reading()
    server.transport.resume_reading()
