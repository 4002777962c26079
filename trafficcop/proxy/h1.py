"""One HTTP/1.1 connection to a server: sends a request, settles its Answer when the head is here, feeds the body."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, Final, cast

from trafficcop.errors import Kind, ProxyError
from trafficcop.http.answer import Answer
from trafficcop.http.body import Body
from trafficcop.http.deadlines import NEVER
from trafficcop.http.drive import Drive, Wakeup
from trafficcop.http.h1_encode import encode_chunk, encode_last_chunk
from trafficcop.http.h1_response import ResponseDecoder
from trafficcop.http.messages import Request, Response
from trafficcop.proxy.repeated import IDEMPOTENT
from trafficcop.proxy.upgrade import TransportTunnel

if TYPE_CHECKING:
    from trafficcop.proxy.pool import Pool

# Go reads heads of answers up to 10 MiB; nobody means more than 1.
MAX_RESPONSE_HEAD: Final = 1024 * 1024
# How long a server may think about "Expect: 100-continue" before the body is sent all the same (net/http).
EXPECT_CONTINUE_SECONDS = 1.0


class ServerConnection(asyncio.Protocol):
    """Serves one request at a time and goes back to its pool when the answer is complete."""

    __slots__ = (
        "_answer",
        "_decoder",
        "_drained",
        "_error",
        "_has_received",
        "_held_body",
        "_is_congested",
        "_pool",
        "_pump",
        "_request",
        "_transport",
        "address",
        "deadline",
        "is_leaving",
        "served",
    )

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._decoder = ResponseDecoder(self, MAX_RESPONSE_HEAD)
        self._transport: asyncio.Transport | None = None
        self._request: Request | None = None
        self._answer: Answer | None = None  # to that request, while its head has not come
        self._drained: Wakeup | None = None
        self._pump: Drive | None = None
        self._held_body: Body | None = None  # kept back until the server says "100 Continue"
        self._error: ProxyError | None = None
        self._is_congested = False
        self._has_received = False
        self.deadline = NEVER
        self.served = 0
        self.address = ""  # of the server, once connected
        self.is_leaving = False  # no further request: the server's name means another address now

    # === one request ===

    def send(self, request: Request, head: bytes, body: Body | None, answer: Answer) -> None:
        """Send `head` (with all of a small body in it) and stream `body` after it; `answer` is settled later."""
        transport = self._transport
        if transport is None or self._error is not None:
            answer.fail(self._error or ProxyError(Kind.SERVER_CLOSED, is_retryable=True))
            return
        self._decoder.expect(request.method == b"HEAD")
        self._has_received = False
        self._request = request
        self._answer = answer
        answer.sender = self
        timeout = self._pool.limits.response_header_timeout
        self.deadline = monotonic() + timeout if timeout and body is None else NEVER
        transport.write(head)
        if body is not None:
            self._begin_body(request, body)

    async def exchange(self, request: Request, head: bytes, body: Body | None) -> Response:
        """As `send`, for who waits: the answer once its head is here."""
        answer = Answer()
        self.send(request, head, body, answer)
        response: Response = await answer
        return response

    def give_up(self, answer: Answer) -> None:
        if answer is self._answer:
            self._answer = None
            self.abort()

    def _settle(self, answer: Answer, response: Response) -> None:
        """The head of the answer is here."""
        self._answer = None
        self.deadline = NEVER  # responseHeaderTimeout has been kept
        answer.answered = now = monotonic()
        if response.status == 101 and not self._switch(response):
            self.abort()
            answer.fail(ProxyError(Kind.BAD_RESPONSE, "the server switches protocols unasked"))
            return
        if self._decoder.is_complete:
            self._release(now)
        answer.succeed(response)

    def _switch(self, response: Response) -> bool:
        """Give the answer its tunnel; whether the request asked for one, and to what the server switches."""
        early, transport, request = self._decoder.tunnel_bytes, self._transport, self._request
        if request is None or request.upgrade is None or early is None or transport is None:
            return False
        asked = request.upgrade.lower()
        chosen = b", ".join(response.headers.get_all(b"Upgrade")).lower()
        if chosen != asked and chosen not in [token.strip() for token in asked.split(b",")]:
            return False
        transport.pause_reading()  # until the client's side is there
        response.tunnel = TransportTunnel(transport, early)
        self._pool.forget(self)
        return True

    def _relay_informational(self) -> None:
        answers, self._decoder.informational = self._decoder.informational, None
        exchange = None if self._request is None else self._request.exchange
        for answer in answers or ():
            if answer.status == 100:
                self._release_body()
            elif exchange is not None:
                exchange.send_informational(answer.status, answer.headers)

    # === the request's body ===

    def _begin_body(self, request: Request, body: Body) -> None:
        if request.is_expecting_continue:
            self._held_body = body
            self.deadline = monotonic() + EXPECT_CONTINUE_SECONDS
        else:
            self._start_pump(body)

    def _release_body(self) -> None:
        body, self._held_body = self._held_body, None
        if body is not None:
            self.deadline = NEVER
            self._start_pump(body)

    def _start_pump(self, body: Body) -> None:
        self._pump = Drive(self._on_pumped)
        self._pump.start(self._send_body(body))

    async def _send_body(self, body: Body) -> None:
        is_chunked = body.length is None
        while True:
            chunk = await body.read()
            transport = self._transport
            if transport is None or transport.is_closing():
                return
            if not chunk:
                break
            transport.write(encode_chunk(chunk) if is_chunked else chunk)
            while self._is_congested:
                self._drained = Wakeup()
                await self._drained
        if is_chunked:
            transport.write(encode_last_chunk(body.trailers))

    def _on_pumped(self, error: BaseException | None) -> None:
        self._pump = None
        if isinstance(error, ProxyError):
            # The client broke off: the server must not take what it got for the whole.
            self._fail(error)
            self.abort()
        elif error is not None:
            self._fail(ProxyError(Kind.CLIENT_GONE, repr(error)))
            self.abort()
        elif self._decoder.is_complete:
            self._release(monotonic())
        elif self._decoder.response is None and self._pool.limits.response_header_timeout:
            # responseHeaderTimeout begins when the whole request has been sent.
            self.deadline = monotonic() + self._pool.limits.response_header_timeout

    # === asyncio's callbacks ===

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        if isinstance(peer, tuple):
            self.address = peer[0]

    def data_received(self, data: bytes) -> None:
        self._has_received = True
        try:
            self._decoder.feed(data)
        except ProxyError as error:
            self._fail(error)
            self.abort()
            return
        decoder = self._decoder
        if decoder.informational is not None:
            self._relay_informational()
        answer = self._answer
        if answer is None:
            if decoder.is_complete:
                self._release(monotonic())
        elif decoder.response is not None:
            self._settle(answer, decoder.response)

    def eof_received(self) -> bool:
        self._pool.forget(self)  # at once: nobody may take it between this and `connection_lost`
        if self._transport is not None and self._transport.get_write_buffer_size():
            self._transport.abort()  # it may never read the rest of the request, which a close would wait for
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is None and self._error is None:
            self._decoder.end_of_stream()
        self._transport = None
        self._pool.forget(self)
        request, self._request = self._request, None
        self._decoder.let_go()
        if self._decoder.is_complete:
            self._stop_pump(ProxyError(Kind.SERVER_CLOSED))
            return
        if self._decoder.is_in_head:
            error = ProxyError(Kind.BAD_RESPONSE, "the server closed inside the head of its answer")
        else:
            # A pooled connection that the server closed in the meantime: it should not have done anything with the
            # request. Not certain enough for one that must not come twice (RFC 9110 §9.2.2).
            is_repeatable = request is not None and request.method in IDEMPOTENT
            is_stale = self.served > 0 and not self._has_received and is_repeatable
            error = ProxyError(Kind.SERVER_CLOSED, str(exc or ""), is_retryable=is_stale)
        self._fail(error)

    def pause_writing(self) -> None:
        self._is_congested = True

    def resume_writing(self) -> None:
        self._is_congested = False
        drained, self._drained = self._drained, None
        if drained is not None:
            drained.set()

    def on_deadline(self) -> None:
        self.deadline = NEVER
        if self._held_body is not None:
            self._release_body()
            return
        if self._answer is not None:
            self._fail(ProxyError(Kind.TIMEOUT, "no answer in time"))
        self.abort()

    # === ends ===

    def _release(self, now: float) -> None:
        """The answer is complete: back to the pool, or closed if either side wants that."""
        self.served += 1
        if self._pump is not None or self._held_body is not None or not self._decoder.is_reusable:
            self._stop_pump(ProxyError(Kind.SERVER_CLOSED, "the server answered before the end of the request"))
            if self._decoder.tunnel_bytes is None:
                self.abort()
            return
        self._request = None  # with the client's connection behind it: we may be idle for long
        self._pool.release(self, now)

    def _stop_pump(self, error: ProxyError) -> None:
        self._held_body = None
        pump, self._pump = self._pump, None
        if pump is not None:
            pump.throw(error)

    def _fail(self, error: ProxyError) -> None:
        if self._error is None:
            self._error = error
        self._stop_pump(error)
        self._decoder.fail(error)
        answer, self._answer = self._answer, None
        if answer is not None:
            answer.fail(error)

    def abort(self) -> None:
        self._pool.forget(self)
        if self._error is None:
            self._error = ProxyError(Kind.SERVER_CLOSED)
        if self._transport is not None:
            self._transport.abort()

    # === the source of the answer's body ===

    def pause_body(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_body(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def continue_body(self) -> None:
        """Servers expect nothing of the kind."""

    def abandon_body(self) -> None:
        self._stop_pump(ProxyError(Kind.CLIENT_GONE))
        self.abort()
