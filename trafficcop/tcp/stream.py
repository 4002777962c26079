"""Two bare sockets joined: bytes and back-pressure both ways, half-close kept.

There is no task and no buffer per stream. What one socket gives is offered to the other at once; only what it does not
take is kept, and nothing more is read until that is gone.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Callable
from typing import Final

from trafficcop.tcp.poller import BUFFER_SIZE, Poller

_READABLE: Final = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR
_HUNG_UP: Final = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR
_WRITABLE: Final = select.EPOLLOUT
_SMALL: Final = 1 << 16  # what is read at once of a stream whose other side is slow: so much is kept of it at most
_ROUNDS: Final = 4  # so many pieces are read before other streams have their turn


class End:
    """One of the two sockets. `pending`: what it has not taken yet. `has_ended`: nothing more is read from it."""

    __slots__ = (
        "_can_read",
        "_is_hung_up",
        "_limit",
        "_poller",
        "has_ended",
        "is_connected",
        "other",
        "pending",
        "sock",
        "stream",
    )

    def __init__(self, poller: Poller, sock: socket.socket, stream: Joined) -> None:
        self._poller = poller
        self._can_read = False  # there is something to read, but nobody to take it yet
        self._is_hung_up = False
        self._limit = _SMALL
        self.sock = sock
        self.stream: Joined | None = stream
        self.other: End | None = None
        self.pending = b""
        self.is_connected = True
        self.has_ended = False

    def attach(self) -> None:
        """Have the poller tell what happens to it."""
        self._poller.add(self.sock.fileno(), self)

    # === the poller's calls ===

    def on_event(self, events: int) -> None:
        if not self.is_connected:
            if self.stream is not None:
                self.stream.on_dialed(self, events)
            return
        if events & _WRITABLE and self.pending:
            self.send_pending()
        if events & _READABLE and self.stream is not None:
            if events & _HUNG_UP:
                self._is_hung_up = True
            self.pump()

    def go_on(self) -> None:
        if self._can_read:
            self.pump()

    # === reading ===

    def pump(self) -> None:
        """Pass on what there is to read, as far as the other side takes it."""
        other = self.other
        if other is None or self.has_ended:
            return
        if other.pending or not other.is_connected:
            self._can_read = True
            return
        self._can_read = False
        buffer = self._poller.buffer
        for _ in range(_ROUNDS):
            limit = self._limit
            try:
                size = self.sock.recv_into(buffer, limit)
            except BlockingIOError:
                return
            except OSError:
                self.break_off()
                return
            if not size:
                self._end()
                return
            if not other.send(buffer[:size]):
                self._can_read = True
                self._limit = _SMALL
                return
            if size == limit:
                self._limit = min(limit * 2, BUFFER_SIZE)
            elif not self._is_hung_up:
                return  # it is empty, and says so itself when it is not any more
        self._can_read = True
        self._poller.later(self)

    def _end(self) -> None:
        """It will say nothing more; the other direction may go on."""
        self.has_ended = True
        other, stream = self.other, self.stream
        if other is None or stream is None:
            return
        if other.has_ended:
            stream.close_when_sent()
            return
        if other.shut_down():
            stream.on_half_closed()
        else:
            stream.close_when_sent()

    # === writing ===

    def send(self, data: memoryview) -> bool:
        """Whether all of it was taken; the rest is kept. To be called when nothing is pending."""
        try:
            sent = self.sock.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.break_off()
            return False
        if sent == len(data):
            return True
        self.pending = bytes(data[sent:])
        return False

    def send_pending(self) -> None:
        """Offer what was kept again; when it is gone, go on reading from the other side."""
        data = self.pending
        try:
            sent = self.sock.send(data) if data else 0
        except BlockingIOError:
            return
        except OSError:
            self.break_off()
            return
        self.pending = data[sent:]
        other, stream = self.other, self.stream
        if self.pending or other is None or stream is None:
            return
        if other.has_ended:
            self.shut_down()
            stream.close_when_sent()
        else:
            other.go_on()

    def shut_down(self) -> bool:
        """No more will be written: say so, once nothing is pending. Whether it may still be read from."""
        if self.pending or not self.is_connected:
            return True
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.has_ended = True  # it is gone altogether
            return False
        return True

    def break_off(self) -> None:
        """This socket is of no use any more; what the other one was sent is still delivered."""
        self.pending = b""
        self.has_ended = True
        if self.other is not None:
            self.other.has_ended = True
        if self.stream is not None:
            self.stream.close_when_sent()

    def close(self) -> None:
        self.stream = self.other = None
        self.pending = b""
        self.has_ended = True
        self._poller.discard(self.sock.fileno())
        self.sock.close()


class Joined:
    """A client and a server. Who opens the connection to the server derives from it."""

    __slots__ = ("_on_closed", "client", "server")

    def __init__(self, on_closed: Callable[[], None]) -> None:
        self._on_closed: Callable[[], None] | None = on_closed
        self.client: End | None = None
        self.server: End | None = None

    def on_dialed(self, end: End, events: int) -> None:
        """Something has become of the connection that is being opened."""
        raise NotImplementedError

    def on_half_closed(self) -> None:
        """One direction has ended."""

    def stop_reading(self) -> None:
        """Neither direction may go on; what was read is still delivered."""
        for end in (self.client, self.server):
            if end is not None:
                end.has_ended = True
        self.close_when_sent()

    def close_when_sent(self) -> None:
        """Close, if both directions have ended and all was delivered."""
        client, server = self.client, self.server
        if client is not None and (client.pending or not client.has_ended):
            return
        if server is not None and (server.pending or not server.has_ended):
            return
        self.close()

    def abort(self) -> None:
        """End it at once."""
        self.close()

    def close(self) -> None:
        client, server, on_closed = self.client, self.server, self._on_closed
        self.client = self.server = self._on_closed = None
        if client is not None:
            client.close()
        if server is not None:
            server.close()
        if on_closed is not None:
            on_closed()
