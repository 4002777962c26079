"""One HTTP/1.1 connection of a client: reads requests, drives one exchange at a time, writes answers (RFC 9112)."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, cast

from trafficcop.errors import Kind, ProxyError
from trafficcop.http.answer import Answer
from trafficcop.http.deadlines import NEVER
from trafficcop.http.drive import Drive, Wakeup
from trafficcop.http.h1 import RequestDecoder
from trafficcop.http.h1_encode import (
    CLOSE,
    CONTINUE,
    KEEP_ALIVE,
    bodiless_framing,
    encode_chunk,
    encode_informational,
    encode_last_chunk,
    encode_refusal,
    encode_response_head,
    encode_switch,
    open_framing,
)
from trafficcop.http.headers import Headers
from trafficcop.http.messages import Peer, Request, Response, Tunnel
from trafficcop.server import limits
from trafficcop.server.peer import peer_of
from trafficcop.server.unfinished import finish_body, is_too_long, lateness

if TYPE_CHECKING:
    from trafficcop.server.listener import Listener


class Connection(asyncio.Protocol):
    """The protocol object of one accepted connection, and the Exchange of the request it serves."""

    __slots__ = (
        "_answer",
        "_decoder",
        "_drained",
        "_drive",
        "_error",
        "_half_closed_size",
        "_has_ended",
        "_is_chunked",
        "_is_closing",
        "_is_looping",
        "_is_paused",
        "_is_reading_paused",
        "_keeps_alive",
        "_listener",
        "_opened_at",
        "_pipeline",
        "_request",
        "_served",
        "_transport",
        "deadline",
        "is_congested",
        "is_started",
        "peer",
        "sent_size",
    )

    def __init__(self, listener: Listener, peer: Peer | None = None) -> None:
        self._listener = listener
        self._decoder = RequestDecoder(self, listener.max_header_bytes)
        self._transport: asyncio.Transport | None = None
        self._answer: Answer | None = None
        self._drive = Drive(self._on_served)
        self._drained: Wakeup | None = None
        self._error: ProxyError | None = None  # what was read last is malformed: answered once it is its turn
        self._half_closed_size = 0
        self._has_ended = False  # the client will send nothing more
        self._request: Request | None = None
        self._is_chunked = False
        self._is_closing = False
        self._is_looping = False
        self._is_paused = False  # reading, for the sake of a body
        self._is_reading_paused = False  # reading, because too many requests wait
        self._keeps_alive = True
        self._opened_at = 0.0
        self._pipeline = listener.pipeline
        self._served = 0
        self.deadline = NEVER
        self.is_congested = False
        self.is_started = False
        self.sent_size = 0
        self.peer = peer

    # === asyncio's callbacks ===

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        if self.peer is None:
            self.peer = peer_of(self._transport)
        elif self.peer.is_tls:
            self._pipeline = self._listener.secure
        self._opened_at = monotonic()
        listener = self._listener
        if not listener.appends_forwarded_for:
            self.peer.forwarded_for = b""
        self.deadline = self._opened_at + listener.read_timeout
        listener.add(self)

    def data_received(self, data: bytes) -> None:
        if self._is_closing or self._error is not None:
            return
        decoder = self._decoder
        if self._request is None and decoder.is_idle:
            request = decoder.recall(data)
            if request is not None:
                self._start(request)
                return
            self.deadline = monotonic() + self._listener.read_timeout
        was_in_body = decoder.body is not None
        self._feed(data)
        if self._request is None:
            self._run_ready()
            return
        if was_in_body and decoder.body is None:
            self.deadline = monotonic() + self._listener.write_timeout
        is_full = len(decoder.ready) > limits.PIPELINE_LIMIT or len(decoder.leftover) > limits.LEFTOVER_LIMIT
        if is_full and not self._is_reading_paused:
            self._is_reading_paused = True
            self._apply_reading()

    def _feed(self, data: bytes) -> None:
        decoder = self._decoder
        try:
            decoder.feed(data)
        except ProxyError as error:
            self._error = error
            if self._request is not None and decoder.body is not None and not decoder.ready:
                # The body of the request being served is malformed: its own answer says so, and is the last one.
                self._keeps_alive = False
            decoder.fail(error)

    def eof_received(self) -> bool:
        # A client that half-closes after its requests still gets its answers.
        self._has_ended = True
        self._decoder.fail(ProxyError(Kind.CLIENT_GONE, "the request was cut off"))
        self._half_closed_size = self.sent_size
        self.deadline = monotonic() + limits.HALF_CLOSED_SECONDS
        return self._request is not None

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_closing = True
        self._transport = self.peer = None  # the collector finds us late, but what TLS needs is freed now
        self._listener.discard(self)
        self.is_congested = False
        self._decoder.let_go()
        if self._request is None and self._answer is None and self._decoder.is_idle and not self._decoder.ready:
            self._drive.let_go()
            return  # nobody waits for anything: so do most connections end
        error = ProxyError(Kind.CLIENT_GONE)
        self._decoder.fail(error)
        self._decoder.ready.clear()
        answer, self._answer = self._answer, None
        if answer is not None:
            self._pipeline.give_up(answer)
        else:
            self._drive.throw(error)

    def pause_writing(self) -> None:
        self.is_congested = True

    def resume_writing(self) -> None:
        self.is_congested = False
        drained, self._drained = self._drained, None
        if drained is not None:
            drained.set()

    def on_deadline(self) -> None:
        """Too slow, or idle for too long: told so if it is within a request, and closed."""
        self.deadline = NEVER
        if self._has_ended and self.sent_size != self._half_closed_size:
            self._half_closed_size = self.sent_size
            self.deadline = monotonic() + limits.HALF_CLOSED_SECONDS
            return
        error = None if self._is_closing else lateness(self._decoder, self._request, self.is_started)
        if error is None:
            self.abort()
            self._decoder.fail(ProxyError(Kind.CLIENT_GONE, "the request takes too long"))
            return
        self._error = error
        self._keeps_alive = False
        self.deadline = monotonic() + limits.LINGER_SECONDS  # who does not read the body does not learn of it
        self._decoder.fail(error)
        self._run_ready()

    # === one exchange after the other ===

    def _run_ready(self) -> None:
        """Start the next request, and the one after it if the first was answered at once."""
        if self._is_looping:
            return
        self._is_looping = True
        ready = self._decoder.ready
        while self._request is None and ready and not self._is_closing:
            self._start(ready.pop(0))
        self._is_looping = False
        if self._is_reading_paused and len(ready) <= limits.PIPELINE_LIMIT and not self._decoder.leftover:
            self._is_reading_paused = False
            self._apply_reading()
        if self._request is None and self._error is not None and not self._is_closing:
            if self._transport is not None:
                self._transport.write(encode_refusal(self._error.status))
            self._close_gently()

    def _start(self, request: Request) -> None:
        listener = self._listener
        self._request = request
        self._served += 1
        self.is_started = False
        self._keeps_alive = request.is_keep_alive and not listener.is_draining
        if listener.has_keep_alive_limits and self._keeps_alive:
            self._keeps_alive = listener.may_keep_alive(self._served, self._opened_at)
        request.started = now = monotonic()
        if request.body is not self._decoder.body:
            self.deadline = now + listener.write_timeout
        if self.peer is not None:
            request.peer = self.peer
        request.exchange = self
        step = self._pipeline.begin(self, request)
        if isinstance(step, Answer):
            self._answer = step
            step.follow(self)
        else:
            self._drive.start(step)

    def on_answer(self, answer: Answer) -> None:
        """The pipeline has an answer that no coroutine waits for."""
        self._answer = None
        try:
            rest = self._pipeline.complete(self, answer)
        except Exception as error:  # ours: the server's connection, which calls us, must not suffer
            self._on_served(error)
            return
        self._on_served(None) if rest is None else self._drive.start(rest)

    def _on_served(self, error: BaseException | None) -> None:
        request, self._request = self._request, None
        if self._is_closing:
            return
        if error is not None or (request is not None and not self.is_started):
            self._listener.report(error)
            self.abort()
            return
        if not self._keeps_alive or not finish_body(self._decoder, request):
            self._close_gently()
            return
        self.deadline = monotonic() + self._listener.idle_timeout
        if request is not None and request.upgrade is not None:
            self._feed(self._decoder.resume_after_upgrade())
        if self._decoder.ready or self._error is not None or self._is_reading_paused:
            self._run_ready()
        if self._has_ended and not self.is_busy:
            self._close_gently()

    def _close_gently(self) -> None:
        """Close after the answer; if the client may still be sending, give it time to read first."""
        transport = self._transport
        self._is_closing = True
        if transport is None or transport.is_closing():
            return
        if self._error is not None or self._decoder.body is not None:
            self._is_paused = self._is_reading_paused = False
            self._apply_reading()
            self.deadline = monotonic() + limits.LINGER_SECONDS
            if transport.can_write_eof():
                transport.write_eof()
        else:
            transport.close()

    # === the Exchange ===

    def send_informational(self, status: int, headers: Headers) -> None:
        if self._transport is not None and self._request is not None and self._request.version == b"1.1":
            self._transport.write(encode_informational(status, headers))

    def send_head(self, response: Response, first: bytes, is_last: bool) -> None:
        request = self._request
        transport = self._transport
        if transport is None or request is None or transport.is_closing():
            response.body.close()
            if response.tunnel is not None:
                response.tunnel.close()
            return
        self.is_started = True
        self._is_chunked = False
        tunnel = response.tunnel
        if tunnel is not None:
            self._switch(tunnel, response, transport)
            return
        status = response.status
        if status == 204 or status == 304 or status < 200 or request.method == b"HEAD":
            framing = bodiless_framing(request, response, first)
            first = b""
            if status == 304:
                response.headers.remove(
                    b"Content-Type"
                )  # of what the client has (RFC 9110 §15.4.5); Go's server does so
        elif is_last:
            framing = b"Content-Length: %d\r\n" % len(first)
        elif response.body.length is not None:
            framing = b"Content-Length: %d\r\n" % response.body.length
        else:
            framing = open_framing(request, response)
            self._is_chunked = framing != b""
            self._keeps_alive = self._keeps_alive and self._is_chunked
        if not self._keeps_alive or is_too_long(self._decoder, request):
            self._keeps_alive = False
            connection = CLOSE
        else:
            connection = b"" if request.version == b"1.1" else KEEP_ALIVE
        self.sent_size = len(first)
        if self._is_chunked and first:
            first = encode_chunk(first)
        transport.write(encode_response_head(response, framing, connection, first))

    def send_data(self, data: bytes) -> None:
        transport = self._transport
        if transport is not None and not transport.is_closing():
            self.sent_size += len(data)
            transport.write(encode_chunk(data) if self._is_chunked else data)

    def finish(self, response: Response) -> None:
        if self._is_chunked and self._transport is not None and not self._transport.is_closing():
            self._transport.write(encode_last_chunk(response.body.trailers))

    def abort(self) -> None:
        self._is_closing = True
        if self._transport is not None:
            self._transport.abort()

    async def drained(self) -> None:
        while self.is_congested:
            self._drained = Wakeup()
            await self._drained

    def _switch(self, tunnel: Tunnel, response: Response, transport: asyncio.Transport) -> None:
        """101: what follows are raw bytes, relayed until both sides are done."""
        transport.write(encode_switch(response.headers))
        self._is_closing = True
        self.deadline = NEVER
        tunnel.attach(transport, self._decoder.leftover, self._on_tunnel_closed)

    def _on_tunnel_closed(self) -> None:
        self._listener.discard(self)

    # === the source of request bodies ===

    def pause_body(self) -> None:
        self._is_paused = True
        self._apply_reading()

    def resume_body(self) -> None:
        self._is_paused = False
        self._apply_reading()

    def continue_body(self) -> None:
        if self._transport is not None and not self.is_started:
            self._transport.write(CONTINUE)

    def abandon_body(self) -> None:
        """The rest is dropped as it comes; `_on_served` decides whether the connection survives it."""
        if self._is_paused:
            self.resume_body()

    def _apply_reading(self) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if self._is_paused or self._is_reading_paused:
            transport.pause_reading()
        else:
            transport.resume_reading()

    # === drain ===

    @property
    def is_busy(self) -> bool:
        return self._request is not None or bool(self._decoder.ready)

    def close_if_idle(self) -> None:
        """Draining: an idle connection is closed, a busy one after its answer."""
        if self.is_busy or not self._decoder.is_idle:
            self._keeps_alive = False
        elif not self._is_closing:
            self._is_closing = True
            if self._transport is not None:
                self._transport.close()
