"""An epoll of our own beside the event loop's, for sockets that are only relayed.

The event loop's transports cost several times what a bare socket does, in time to open and in memory. Sockets are
registered once, edge-triggered, and never changed: one system call for the whole life of a connection.
"""

from __future__ import annotations

import asyncio
import select
from typing import Final, Protocol

from trafficcop.http.readers import remove_reader
from trafficcop.telemetry.log import get_logger

_log = get_logger(__name__)

_AT_ONCE: Final = 256
_EVENTS: Final = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET
BUFFER_SIZE: Final = 1 << 20


class Watched(Protocol):
    """What a socket's events are told to."""

    def on_event(self, events: int) -> None: ...
    def go_on(self) -> None:
        """It gave way to others and has more to do."""


class Poller:
    """The sockets of one worker, by descriptor. Opened with the first of them, since most workers have none.

    `buffer` is what all of them read into: nothing stays in it from one event to the next.
    """

    __slots__ = ("_buffer", "_epoll", "_fresh", "_is_scheduled", "_loop", "_waiting", "_watched")

    def __init__(self) -> None:
        self._watched: dict[int, Watched] = {}
        self._waiting: list[Watched] = []
        # Registered while events are handled: what this round says of such a descriptor is about a socket before it.
        self._fresh: set[int] = set()
        self._is_scheduled = False
        self._epoll: select.epoll | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._buffer: memoryview | None = None

    @property
    def buffer(self) -> memoryview:
        if self._buffer is None:
            self._buffer = memoryview(bytearray(BUFFER_SIZE))
        return self._buffer

    def __len__(self) -> int:
        return len(self._watched)

    def add(self, descriptor: int, watched: Watched) -> None:
        """Tell `watched` of every change from now on; what is ready already counts as one."""
        epoll = self._epoll
        if epoll is None:
            epoll = self._open()
        self._watched[descriptor] = watched
        self._fresh.add(descriptor)
        epoll.register(descriptor, _EVENTS)

    def discard(self, descriptor: int) -> None:
        """To be called before the socket is closed; closing it is what unregisters it."""
        self._watched.pop(descriptor, None)

    def later(self, watched: Watched) -> None:
        """Call its `go_on` after others have had their turn."""
        self._waiting.append(watched)
        if not self._is_scheduled and self._loop is not None:
            self._is_scheduled = True
            self._loop.call_soon(self._go_on)

    def close(self) -> None:
        if self._epoll is not None and self._loop is not None:
            remove_reader(self._loop, self._epoll.fileno())
            self._epoll.close()
            self._epoll = None

    def _open(self) -> select.epoll:
        self._loop = asyncio.get_running_loop()
        self._epoll = select.epoll()
        self._loop.add_reader(self._epoll.fileno(), self._on_events)
        return self._epoll

    def _on_events(self) -> None:
        if self._epoll is None:
            return
        watched, fresh = self._watched, self._fresh
        fresh.clear()
        for descriptor, events in self._epoll.poll(0, _AT_ONCE):
            end = watched.get(descriptor)
            if end is None or descriptor in fresh:
                continue
            try:
                end.on_event(events)
            except Exception:  # a bug of ours in one stream is no reason to forget the events of the others
                _log.exception("a stream failed")

    def _go_on(self) -> None:
        self._is_scheduled = False
        waiting, self._waiting = self._waiting, []
        for end in waiting:
            try:
                end.go_on()
            except Exception:
                _log.exception("a stream failed")
