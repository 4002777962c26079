"""A UDP session: the datagrams between one client and one server, while there are any."""

from __future__ import annotations

import errno
import select
import socket
from collections.abc import Callable
from time import monotonic
from typing import Final, Protocol

from trafficcop.http.datagrams import DatagramHandler, SocketAddress, Way
from trafficcop.udp.asked import Ancillary

Key = tuple[SocketAddress, bytes] | SocketAddress

LARGEST: Final = 65536  # no datagram is longer
_HELD: Final = 16  # datagrams of one session that wait for the address of its server
_EVENTS: Final = 256

# One for all: what is received is passed on before anything else happens.
BUFFER: Final = bytearray(LARGEST)
VIEW: Final = memoryview(BUFFER)

# What the kernel says when descriptors or local ports have run out.
EXHAUSTED: Final = frozenset(
    [errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ENOMEM]
)


class SessionOwner(Protocol):
    """The listener that a session belongs to."""

    def answer(self, session: Session, now: float) -> None:
        """There is something to read from the server."""


class Session:
    """`key` is what its listener knows it by, `seen` is when something last went through, give or take a tenth."""

    __slots__ = ("address", "handler", "held", "ip", "key", "owner", "reply", "seen", "send", "sock", "way")

    def __init__(
        self,
        owner: SessionOwner,
        key: Key,
        address: SocketAddress,
        reply: Ancillary,
        way: Way,
        now: float,
        ip: str,
    ) -> None:
        self.owner = owner
        self.key = key
        self.address = address
        self.reply = reply
        self.way = way
        self.seen = now
        self.ip = ip
        self.handler: DatagramHandler | None = None  # who decided the way; the way holds while it is in force
        self.sock: socket.socket | None = None
        self.held: list[bytes] = []
        self.send: Callable[[memoryview], object] = self.hold

    def hold(self, data: memoryview) -> None:
        """Keep a datagram until the server's address is known; a few, for they come again if they matter."""
        if len(self.held) < _HELD:
            self.held.append(bytes(data))

    def connect(self) -> None:
        """Open the socket to the server, whose address is known. OSError when it cannot be."""
        server = self.way.server
        if server.target is None:
            raise OSError(errno.EDESTADDRREQ, "the address is not known")
        sock = socket.socket(server.family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            sock.connect(server.target)
        except OSError:
            sock.close()
            raise
        self.sock = sock
        self.send = sock.send

    def close(self) -> None:
        self.send = _drop
        self.held.clear()
        if self.sock is not None:
            self.sock.close()
            self.sock = None


def _drop(data: memoryview) -> None:
    """What a session sends that has ended."""


class Upstreams:
    """The sockets of all sessions of a worker in one epoll set, which is a single descriptor to the event loop.

    That costs half of what a handle of the loop for each socket would, in time and in memory.
    """

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._sessions: dict[int, Session] = {}

    def fileno(self) -> int:
        return self._epoll.fileno()

    def add(self, session: Session) -> None:
        if session.sock is not None:
            descriptor = session.sock.fileno()
            self._sessions[descriptor] = session
            self._epoll.register(descriptor, select.EPOLLIN)

    def discard(self, session: Session) -> None:
        """To be called before the session closes its socket, which leaves the set with that."""
        if session.sock is not None:
            self._sessions.pop(session.sock.fileno(), None)

    def receive(self) -> None:
        """Something is to be read: one datagram of each session, so that none keeps the others waiting."""
        now = monotonic()
        sessions = self._sessions
        for descriptor, _ in self._epoll.poll(0, _EVENTS):
            session = sessions.get(descriptor)
            if session is not None:  # it may have ended with one before it
                session.owner.answer(session, now)

    def close(self) -> None:
        self._epoll.close()
