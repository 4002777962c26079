"""One HTTP/2 connection to a server, shared by many requests (RFC 9113)."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, Final, cast

from trafficcop.errors import Kind, ProxyError
from trafficcop.http.answer import Answer
from trafficcop.http.deadlines import NEVER
from trafficcop.http.drive import Wakeup
from trafficcop.http.h2.session import Session
from trafficcop.http.h2.stream import Stream
from trafficcop.http.h2.terms import Terms
from trafficcop.http.messages import Request
from trafficcop.proxy.h2_stream import ClientStream

if TYPE_CHECKING:
    from trafficcop.proxy.h2_pool import StreamPool

TERMS: Final = Terms(is_client=True)
_ARE_YOU_THERE: Final = b"\0trafcop"


class H2ServerConnection(asyncio.Protocol):
    """`ready` is set when the server has said its terms, or the connection is lost before: then there is an `error`."""

    __slots__ = (
        "_is_pinging",
        "_loop",
        "_transport",
        "address",
        "deadline",
        "error",
        "is_leaving",
        "pool",
        "ready",
        "received",
        "session",
    )

    def __init__(self, pool: StreamPool) -> None:
        self.pool = pool
        self.session = Session(self, TERMS)
        self.ready = Wakeup()
        self.error: ProxyError | None = None
        self.address = ""
        self.received = 0  # how often something came
        self.is_leaving = False  # no further request
        self.deadline = NEVER
        self._is_pinging = False
        self._transport: asyncio.Transport | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def has_room(self) -> bool:
        """Whether a request can be sent now."""
        return self.session.can_open and not self.is_leaving and self._transport is not None

    def start(self, request: Request, answer: Answer) -> ClientStream:
        """A stream for a request; its head must be sent next."""
        stream = ClientStream(self, request, answer)
        self.session.open(stream)
        self._limit_reading()
        return stream

    # === asyncio's callbacks ===

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._loop = asyncio.get_running_loop()
        peer = transport.get_extra_info("peername")
        if isinstance(peer, tuple):
            self.address = peer[0]
        self.session.start()

    def data_received(self, data: bytes) -> None:
        session = self.session
        self.received += 1
        session.receive(data)
        if session.fault is not None:
            self.error = ProxyError(Kind.BAD_RESPONSE, str(session.fault))
        elif session.is_greeted and (session.peer_max_streams or session.is_refused):
            # One that takes no streams yet may soon; others to the same server would fare no better.
            self.ready.set()
        session.settle()
        self.flush()
        if session.fault is not None:
            self._end()
        elif self.pool.limits.read_idle_timeout:
            self._limit_reading()

    def eof_received(self) -> bool:
        self.pool.forget(self)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self.error is None:
            self.error = ProxyError(Kind.SERVER_CLOSED, str(exc or ""))
        self.pool.forget(self)
        self.session.close()
        self.session.settle()
        self.ready.set()

    def pause_writing(self) -> None:
        self.session.is_congested = True

    def resume_writing(self) -> None:
        session = self.session
        session.resume()
        session.settle()
        self.flush()

    # === time limits ===

    def _limit_reading(self) -> None:
        """The server is alive: ask it again when it has been silent for so long (`readIdleTimeout`)."""
        timeout = self.pool.limits.read_idle_timeout
        self._is_pinging = False
        self.deadline = monotonic() + timeout if timeout and self.session.streams else self._idle_deadline()

    def _idle_deadline(self) -> float:
        timeout = self.pool.limits.idle_timeout
        return monotonic() + timeout if timeout and not self.session.streams else NEVER

    def on_deadline(self) -> None:
        self.deadline = NEVER
        if not self.session.streams:
            self.close()
        elif self._is_pinging:
            self.error = ProxyError(Kind.TIMEOUT, "the server answers no ping")
            self._end()
        else:
            self._is_pinging = True
            self.session.ping(_ARE_YOU_THERE)
            self.deadline = monotonic() + self.pool.limits.ping_timeout

    # === the owner of the session ===

    def accept_stream(self) -> Stream:
        raise AssertionError("the codec refuses streams of servers")

    def stream_closed(self, stream: Stream) -> None:
        if isinstance(stream, ClientStream):
            self.pool.deadlines.members.discard(stream)
        if not self.session.streams:
            self.deadline = self._idle_deadline()
            if (self.is_leaving or self.session.is_refused) and self._loop is not None:
                self._loop.call_soon(self.close_if_idle)

    def flush_soon(self) -> None:
        if self._loop is not None:
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        data = self.session.take_output()
        transport = self._transport
        if data and transport is not None and not transport.is_closing():
            transport.write(data)

    def goaway_received(self, last_stream_id: int, code: int) -> None:
        self.leave()

    def ping_answered(self, payload: bytes) -> None:
        """Any frame is a sign of life."""

    # === ends ===

    def leave(self) -> None:
        """Serve no further request, and close after the last answer."""
        self.is_leaving = True
        self.pool.retract(self)
        if self._loop is not None:
            self._loop.call_soon(self.close_if_idle)

    def close_if_idle(self) -> None:
        if not self.session.streams:
            self.close()

    def close(self) -> None:
        """End an idle connection."""
        self.pool.forget(self)
        transport = self._transport
        if transport is not None and not transport.is_closing():
            self.session.go_away()
            self.flush()
            transport.close()

    def _end(self) -> None:
        """The connection is of no use any more: its streams fail with `error`."""
        self.pool.forget(self)
        self.session.close()
        self.session.settle()
        self.ready.set()
        self.abort()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()
