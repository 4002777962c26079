"""One UDP entry point in one worker: its socket, and the sessions of its clients.

Sessions stand in the order of their last datagrams, give or take a tenth of the time-out: so the ones to end are the
first, and moving one to the end is not a cost of each datagram.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from time import monotonic, monotonic_ns
from typing import Final

from trafficcop.http.datagrams import DatagramHandler, SocketAddress, Source, Way
from trafficcop.http.readers import remove_reader
from trafficcop.telemetry.seldom import Seldom
from trafficcop.udp.asked import ask_addresses, is_wildcard, reply_from
from trafficcop.udp.servers import Servers
from trafficcop.udp.session import BUFFER, EXHAUSTED, VIEW, Key, Session, Upstreams

_log = logging.getLogger(__name__)
_BATCH: Final = 64  # datagrams read before others have their turn
_REST_SECONDS = 10.0  # a server that refused is left alone for as long, as nginx does
_RECEIVE_BUFFER: Final = 4 * 1024 * 1024  # bytes: five thousand small datagrams, as the kernel counts them
_SO_RCVBUFFORCE: Final = 33  # <asm-generic/socket.h>
_ANCILLARY: Final = 64  # bytes: one structure with an IPv6 address and an interface


class DatagramListener:
    """Passes datagrams on. `handler` decides about sessions; a reload swaps it, and each session asks it again."""

    def __init__(
        self, name: str, sock: socket.socket, timeout: float, upstreams: Upstreams, servers: Servers, limit: int
    ) -> None:
        self.name = name
        self.handler: DatagramHandler | None = None
        self.sessions: dict[Key, Session] = {}
        self._sock = sock
        self._timeout = timeout
        self._grain = timeout / 10
        self._upstreams = upstreams
        self._servers = servers
        self._limit = limit
        self._has_asked = is_wildcard(sock)
        self._is_draining = False
        self._sweeping: asyncio.TimerHandle | None = None
        self._seldom = Seldom(_log)
        sock.setblocking(False)
        _widen(sock)
        if self._has_asked:
            ask_addresses(sock)

    # === life ===

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_reader(self._sock.fileno(), self._receive_asked if self._has_asked else self._receive)
        self._sweeping = loop.call_later(self._grain, self._sweep)

    def stop_accepting(self) -> None:
        """No new sessions: those there are go on."""
        self._is_draining = True

    def abort(self) -> None:
        """End everything."""
        if self._sweeping is None:
            return
        self._sweeping.cancel()
        self._sweeping = None
        remove_reader(asyncio.get_running_loop(), self._sock.fileno())
        for session in list(self.sessions.values()):
            self._end(session)
        self._sock.close()

    def _sweep(self) -> None:
        self._sweeping = asyncio.get_running_loop().call_later(self._grain, self._sweep)
        last = monotonic() - self._timeout - self._grain
        late = []
        for session in self.sessions.values():
            if session.seen > last:
                break
            late.append(session)
        for session in late:
            self._end(session)

    # === client → server ===

    def _receive(self) -> None:
        now = monotonic()
        receive = self._sock.recvfrom_into
        for _ in range(_BATCH):
            try:
                size, address = receive(BUFFER)
            except BlockingIOError:
                return
            except OSError as error:
                self._seldom.warn("entry point %s: cannot receive: %s", self.name, error)
                return
            self._take(address, address, size, now)

    def _receive_asked(self) -> None:
        """On a wildcard address a client is answered from the address that it asked: each is a session of its own."""
        now = monotonic()
        receive = self._sock.recvmsg_into
        buffers = [BUFFER]
        for _ in range(_BATCH):
            try:
                size, ancillary, _, address = receive(buffers, _ANCILLARY)
            except BlockingIOError:
                return
            except OSError as error:
                self._seldom.warn("entry point %s: cannot receive: %s", self.name, error)
                return
            self._take((address, ancillary[0][2] if ancillary else b""), address, size, now)

    def _take(self, key: Key, address: SocketAddress, size: int, now: float) -> None:
        session = self.sessions.get(key)
        if session is None:
            session = self._open(key, address, now)
        else:
            if session.handler is not self.handler:
                session = self._ask_again(session, now)
            elif now - session.seen > self._grain:
                self._touch(session, now)
            if session is not None and session.way.limits and _is_over(session.way, session.ip):
                return
        if session is None:
            return
        try:
            session.send(VIEW[:size])
        except OSError as error:
            self._send_elsewhere(session, error, size, now)

    def _send_elsewhere(self, session: Session, error: OSError, size: int, now: float) -> None:
        """The server refused an earlier datagram, or cannot be reached: this one may go to another."""
        if isinstance(error, BlockingIOError) or error.errno == errno.EMSGSIZE:
            return  # a full buffer, or too long for the way: as good as lost there
        self._blame(session, error, now)
        again = self._ask_again(session, now)
        if again is not None:
            try:
                again.send(VIEW[:size])
            except OSError as second:
                self._blame(again, second, now)

    def _blame(self, session: Session, error: OSError, now: float) -> None:
        server = session.way.server
        if not isinstance(error, ConnectionRefusedError):
            self._seldom.warn("entry point %s: cannot send to %s: %s", self.name, server.address, error)
        elif server.rests_until <= now:
            self._seldom.warn("the UDP server %s refuses datagrams", server.address)
        server.rests_until = now + _REST_SECONDS
        session.handler = None  # the next datagram asks for another server

    # === server → client ===

    def answer(self, session: Session, now: float) -> None:
        """Pass on what the server has sent."""
        sock = session.sock
        if sock is None:
            return
        try:
            size = sock.recv_into(BUFFER)
        except BlockingIOError:
            return
        except OSError as error:
            self._blame(session, error, now)
            return
        if now - session.seen > self._grain:
            self._touch(session, now)
            if session.handler is not self.handler and self._ask_again(session, now) is not session:
                return
        try:
            if session.reply:
                self._sock.sendmsg([VIEW[:size]], session.reply, 0, session.address)
            else:
                self._sock.sendto(VIEW[:size], session.address)
        except BlockingIOError:
            return
        except OSError as error:
            self._seldom.warn("entry point %s: cannot answer: %s", self.name, error)

    # === sessions ===

    def _touch(self, session: Session, now: float) -> None:
        session.seen = now
        self.sessions.pop(session.key, None)
        self.sessions[session.key] = session

    def _open(self, key: Key, address: SocketAddress, now: float) -> Session | None:
        """A session for a client that has none; None when nobody takes it."""
        if self._is_draining:
            return None
        if self.handler is None:
            self._seldom.warn("entry point %s: no UDP router takes its datagrams", self.name)
            return None
        source = Source(address[0], now)
        way = self.handler(source)
        if way is None:
            _log.debug("entry point %s: nobody takes datagrams from %s", self.name, source.ip)
            return None
        if way.limits and _is_over(way, source.ip):
            return None
        return self._begin(key, address, way, now, source.ip)

    def _begin(self, key: Key, address: SocketAddress, way: Way, now: float, ip: str) -> Session | None:
        reply = reply_from(key[1]) if self._has_asked else []
        session = Session(self, key, address, reply, way, now, ip)
        session.handler = self.handler
        if len(self.sessions) >= self._limit:
            self._seldom.warn("entry point %s has %d sessions: the idlest end early", self.name, self._limit)
            self._end_idlest()
        if way.server.target is not None:
            self._servers.refresh(way.server)
            return session if self._connect(session) else None
        self.sessions[key] = session
        self._servers.refresh(way.server, _Waiting(self, session))
        return session

    def _connect(self, session: Session) -> bool:
        """Whether there is a socket to the server now. Descriptors and ports are taken from who needs them least."""
        while session.sock is None:
            try:
                session.connect()
            except OSError as error:
                if error.errno in EXHAUSTED and self.sessions:
                    self._seldom.warn("entry point %s: %s: the idlest sessions end early", self.name, error.strerror)
                    self._end_idlest()
                    continue
                address = session.way.server.address
                self._seldom.warn("entry point %s: no session with %s: %s", self.name, address, error.strerror)
                return False
        self.sessions[session.key] = session
        self._upstreams.add(session)
        return True

    def go_on(self, session: Session, is_known: bool) -> None:
        """The search for the address of the server is over."""
        if self.sessions.get(session.key) is not session or session.sock is not None:
            return
        del self.sessions[session.key]
        held, session.held = session.held, []
        if not is_known or not self._connect(session):
            session.close()
            return
        for data in held:
            try:
                session.send(memoryview(data))
            except OSError as error:
                self._blame(session, error, monotonic())

    def _ask_again(self, session: Session, now: float) -> Session | None:
        """The session under the handler that is in force: itself if it has its server still, else another."""
        server = session.way.server
        way = None if self.handler is None else self.handler(Source(session.address[0], now, server.address))
        if way is None:
            self._end(session)
            return None
        if way.server.address != server.address:
            self._end(session)
            return self._begin(session.key, session.address, way, now, session.ip)
        session.way = way
        session.handler = self.handler
        self._touch(session, now)
        return session

    def _end_idlest(self) -> None:
        self._end(next(iter(self.sessions.values())))

    def _end(self, session: Session) -> None:
        self.sessions.pop(session.key, None)
        self._upstreams.discard(session)
        session.close()


def _widen(sock: socket.socket) -> None:
    """A longer queue, so that a burst is not lost while a batch is under way."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)
    except PermissionError:  # who may not administer the network gets `net.core.rmem_max` at most
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)


class _Waiting:
    """A session that waits for the address of its server."""

    __slots__ = ("_listener", "_session")

    def __init__(self, listener: DatagramListener, session: Session) -> None:
        self._listener = listener
        self._session = session

    def __call__(self, is_known: bool) -> None:
        self._listener.go_on(self._session, is_known)


def _is_over(way: Way, ip: str) -> bool:
    """Whether a datagram more is too many. Every limit counts it, as one behind the other would."""
    now = monotonic_ns()
    return any(limit.reserve(ip, now) for limit in way.limits)
