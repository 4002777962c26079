"""One HTTP/2 connection of a client: its transport, its time limits, its end (RFC 9113). Requests: `h2_stream.py`."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, Final, cast

from trafficcop.http.deadlines import NEVER
from trafficcop.http.h2.frames import LAST_STREAM_ID
from trafficcop.http.h2.session import Session
from trafficcop.http.h2.stream import Stream
from trafficcop.http.messages import Peer
from trafficcop.server.h2_stream import ServerStream
from trafficcop.server.peer import peer_of
from trafficcop.server.pipeline import Pipeline
from trafficcop.telemetry.log import get_logger

if TYPE_CHECKING:
    from trafficcop.server.listener import Listener

_log = get_logger(__name__)

# How long a connection that we closed first may go on sending (it would lose our GOAWAY to a reset otherwise).
LINGER_SECONDS = 1.0
# A client for whom we hold more than this must take some of it in this time: one that opens many streams and reads
# none is after our memory. A film that is paused is far below it, and a slow line fast enough.
HELD_LIMIT: Final = 4 * 1024 * 1024
HELD_SECONDS: Final = 30.0
HELD_PROGRESS: Final = 64 * 1024
_LAST_REQUESTS: Final = b"\0trafcop"


class H2Connection(asyncio.Protocol):
    """The protocol object of one accepted connection."""

    __slots__ = (
        "_held_until",
        "_is_closing",
        "_is_draining",
        "_loop",
        "_opened_at",
        "_served",
        "_taken",
        "deadline",
        "listener",
        "peer",
        "pipeline",
        "session",
        "transport",
    )

    def __init__(self, listener: Listener, peer: Peer | None = None) -> None:
        self.listener = listener
        self.peer = peer
        self.pipeline: Pipeline = listener.pipeline
        self.session = Session(self, listener.h2_terms)
        self.transport: asyncio.Transport | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_closing = False
        self._is_draining = False
        self._held_until = NEVER  # only while much is held
        self._taken = 0  # when that began
        self._opened_at = 0.0
        self._served = 0
        self.deadline = NEVER

    # === asyncio's callbacks ===

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._loop = asyncio.get_running_loop()
        listener = self.listener
        if self.peer is None:
            self.peer = peer_of(self.transport)
        if self.peer.is_tls:
            self.pipeline = listener.secure
        if not listener.appends_forwarded_for:
            self.peer.forwarded_for = b""
        self._opened_at = monotonic()
        # A first request is waited for no longer than one that has begun, nor than the next one would be.
        self.deadline = self._opened_at + min(listener.read_timeout, listener.idle_timeout)
        listener.add(self)
        self.session.start()

    def data_received(self, data: bytes) -> None:
        if self._is_closing:
            return
        session = self.session
        session.receive(data)
        session.settle()
        self.flush()
        if session.fault is not None:
            _log.debug("an HTTP/2 connection is closed: %s", session.fault)
            self._close_gently()
        elif session.is_in_head:
            # A field section in several frames: its rest must come before the time for a request is over.
            self.deadline = min(self.deadline, monotonic() + self.listener.read_timeout)
        elif session.streams:
            self.deadline = self._held_until

    def eof_received(self) -> bool:
        # A client that can send no window updates and no SETTINGS any more has left (net/http sees it so too).
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_closing = True
        self.transport = self.peer = None  # the collector finds us late, but what TLS needs is freed now
        self.listener.discard(self)
        self.session.close()
        self.session.settle()

    def pause_writing(self) -> None:
        self.session.is_congested = True

    def resume_writing(self) -> None:
        session = self.session
        session.resume()
        session.settle()
        self.flush()

    def on_deadline(self) -> None:
        """Idle for too long, too slow with a head, or with reading what is held for it."""
        self.deadline = NEVER
        session = self.session
        if session.streams and not self._is_closing and self._has_taken_enough():
            return
        if self._is_closing or session.streams:
            self.abort()
        else:
            session.go_away()
            self.flush()
            self._close_gently()

    def _watch_held(self) -> None:
        """Begin or end to wait for a client that does not read."""
        session = self.session
        if session.held <= HELD_LIMIT:
            self._held_until = NEVER
        elif self._held_until == NEVER:
            self._taken = session.taken
            self._held_until = monotonic() + HELD_SECONDS
        if session.streams:
            self.deadline = self._held_until

    def _has_taken_enough(self) -> bool:
        """The time for a client that does not read is over: whether it gets as much again."""
        session = self.session
        if self._held_until == NEVER or session.taken - self._taken < HELD_PROGRESS:
            return False
        self._held_until = NEVER
        self._watch_held()
        return True

    # === the owner of the session ===

    def accept_stream(self) -> Stream:
        self._served += 1
        listener = self.listener
        is_last = listener.has_keep_alive_limits and not listener.may_keep_alive(self._served, self._opened_at)
        if is_last or listener.is_draining:
            self._drain()
        return ServerStream(self)

    def stream_closed(self, stream: Stream) -> None:
        if isinstance(stream, ServerStream) and stream.deadline != NEVER:
            self.listener.deadlines.members.discard(stream)
        if not self.session.streams and not self._is_closing:
            self.deadline = monotonic() + (LINGER_SECONDS if self._is_draining else self.listener.idle_timeout)
            if self._is_draining or self.session.is_refused:
                self._close_soon()

    def flush_soon(self) -> None:
        if self._loop is not None:
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        data = self.session.take_output()
        if self.session.held > HELD_LIMIT or self._held_until != NEVER:
            self._watch_held()
        transport = self.transport
        if data and transport is not None and not transport.is_closing():
            transport.write(data)

    def goaway_received(self, last_stream_id: int, code: int) -> None:
        self._close_soon()

    def ping_answered(self, payload: bytes) -> None:
        if payload == _LAST_REQUESTS and not self.session.is_going_away:
            # Everything that the client sent before it knew has arrived.
            self.session.go_away()
            self._close_soon()

    # === ends ===

    def _drain(self) -> None:
        """Tell the client to ask elsewhere. What it has sent already is served: RFC 9113 §6.8 asks for two GOAWAYs."""
        if not self._is_draining:
            self._is_draining = True
            self.session.go_away(last_id=LAST_STREAM_ID)
            self.session.ping(_LAST_REQUESTS)

    def _close_soon(self) -> None:
        """If nothing is to come any more."""
        session = self.session
        if not session.streams and (session.is_going_away or session.is_refused) and self._loop is not None:
            self._loop.call_soon(self.close_if_idle)

    def close_if_idle(self) -> None:
        """Draining: a busy connection is closed after its answers, an idle one when no request can be on its way."""
        session = self.session
        if self._is_closing:
            return
        if not session.is_going_away and not session.is_refused:
            if not self._is_draining and not session.streams:
                self.deadline = monotonic() + LINGER_SECONDS
            self._drain()
            return
        if session.streams:
            return
        if not session.is_going_away:
            session.go_away()
        self.flush()
        self._close_gently()

    def _close_gently(self) -> None:
        """Close, but give a client that is still sending the time to read why."""
        self._is_closing = True
        transport = self.transport
        if transport is None or transport.is_closing():
            return
        self.deadline = monotonic() + LINGER_SECONDS
        if transport.can_write_eof():
            transport.write_eof()
        else:
            transport.close()

    def abort(self) -> None:
        self._is_closing = True
        if self.transport is not None:
            self.transport.abort()
