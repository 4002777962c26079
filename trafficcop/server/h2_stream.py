"""One request on an HTTP/2 connection: a stream of the codec, and the Exchange of the request it carries."""

from __future__ import annotations

import base64
import os
from collections.abc import Coroutine
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from trafficcop.errors import Kind, ProxyError
from trafficcop.http.answer import Answer
from trafficcop.http.body import EMPTY, Body
from trafficcop.http.deadlines import NEVER
from trafficcop.http.drive import Drive, Wakeup
from trafficcop.http.failure import failure_response
from trafficcop.http.h2.answers import encode_answer
from trafficcop.http.h2.faults import CONNECT_ERROR, INTERNAL_ERROR, NO_ERROR
from trafficcop.http.h2.flow_body import FlowBody
from trafficcop.http.h2.heads import Fields, Head
from trafficcop.http.h2.stream import Stream
from trafficcop.http.headers import EXPECT, UPGRADE, Field, Headers
from trafficcop.http.messages import Request, Response, bare_response, text_response
from trafficcop.server.h2_tunnel import StreamTransport
from trafficcop.server.limits import LINGER_SECONDS

if TYPE_CHECKING:
    from trafficcop.server.h2 import H2Connection

# While a client lets us hold more than this on all its streams, no answer of it is read ahead.
_CROWDED: Final = 512 * 1024

_SWITCH: Final[list[Field]] = [(b"Connection", b"Upgrade"), (b"Upgrade", b"websocket")]


class ServerStream(Stream):
    """What is received is noted while it is read, and acted upon in `settle`."""

    _head: Head | None = None  # of a request that has not been started
    _body: FlowBody | None = None
    _answer_body: Body | None = None  # that is not all here yet
    _request: Request | None = None
    _tunnel: StreamTransport | None = None
    _drained: Wakeup | None = None
    _is_body_ended: bool = False
    _is_broken: bool = False
    _is_tunneling: bool = False  # or asking for it
    is_started: bool = False
    sent_size: int = 0

    def __init__(self, connection: H2Connection) -> None:
        super().__init__(connection.session)
        self._connection = connection
        self.deadline = NEVER
        self._answer: Answer | None = None
        self._drive: Drive | None = None

    # === hooks of the codec ===

    def head_received(self, head: Head, is_last: bool) -> None:
        self._head = head
        length = self.left = head.fields.length
        if not is_last:
            self._body = FlowBody(self, self, length if length >= 0 else None)

    def data_received(self, data: bytes) -> None:
        if self._body is not None:
            self._body.feed(data)

    def end_received(self, trailers: list[Field] | None) -> None:
        if self._body is not None:
            self._body.end(trailers)

    def broken(self, code: int) -> None:
        self._is_broken = True

    def end_sent(self) -> None:
        # RFC 9113 §8.1: the answer is complete, and nobody waits for the rest of the request.
        if not self._is_tunneling or (self._tunnel is not None and self._tunnel.is_lost):
            self.reset(NO_ERROR)

    def settle(self) -> None:
        if self._is_broken:
            self._break()
            return
        head = self._head
        if head is not None:
            self._head = None
            self._start(head)
            return
        body = self._body
        if body is not None:
            if body.is_ended and not self._is_body_ended:
                self._is_body_ended = True
                self._limit(self._connection.listener.write_timeout)
            body.wake()
        if self._drained is not None and not self.is_congested:
            drained, self._drained = self._drained, None
            drained.set()
        if self._tunnel is not None:
            self._tunnel.settle()

    def _break(self) -> None:
        """The client is gone, as far as this request is concerned."""
        error = ProxyError(Kind.CLIENT_GONE)
        if self._body is not None:
            self._body.fail(error)
        answer, self._answer = self._answer, None
        if answer is not None:
            self._connection.pipeline.give_up(answer)
        elif self._drive is not None:
            self._drive.throw(error)
        if self._tunnel is not None:
            self._tunnel.lost()

    # === the request ===

    def _start(self, head: Head) -> None:
        fields = head.fields
        if head.is_odd:
            refusal = self._judge(head, fields)
            if refusal is not None:
                whole = refusal.body.take()
                self.send_head(refusal, whole or b"", True)
                return
        connection = self._connection
        body: Body = EMPTY if self._body is None else self._body
        request = Request(head.method, head.raw_path, head.query, fields.headers(), body, connection.peer)
        self._request = request
        request.version = b"2.0"
        request.authority = head.authority or fields.host or b""
        request.marks = fields.marks
        request.exchange = self
        listener = connection.listener
        if self._body is not None:
            self._limit(listener.read_timeout)
        elif listener.write_timeout:
            self._limit(listener.write_timeout)
        if fields.marks & EXPECT and self._body is not None and fields.expect.lower() == b"100-continue":
            request.is_expecting_continue = self._body.is_expected = True
        if head.protocol:
            self._ask_for_tunnel(request)
        step = connection.pipeline.begin(self, request)
        if isinstance(step, Answer):
            self._answer = step
            step.follow(self)
        else:
            self._begin_drive(step)

    def on_answer(self, answer: Answer) -> None:
        """The pipeline has an answer that no coroutine waits for."""
        self._answer = None
        is_holding = self.session.hold_flush()
        try:
            rest = self._connection.pipeline.complete(self, answer)
        except Exception as error:  # ours: the server's connection, which calls us, must not suffer
            self._on_served(error)
        else:
            if rest is None:
                self._on_served(None)
            else:
                self._begin_drive(rest)
        if is_holding:
            self.session.release_flush()

    def _begin_drive(self, coroutine: Coroutine[Any, Any, None]) -> None:
        drive = self._drive = Drive(self._on_served)
        drive.start(coroutine)

    def _judge(self, head: Head, fields: Fields) -> Response | None:
        """What net/http answers by itself, before Traefik sees the request."""
        if head.is_too_large:
            return failure_response(ProxyError(Kind.HEADERS_TOO_LARGE))
        if fields.complaint:
            return text_response(400, fields.complaint.encode())
        if head.protocol and head.protocol.lower() != b"websocket":
            return failure_response(ProxyError(Kind.NOT_IMPLEMENTED, "a tunnel that is no WebSocket"))
        return None

    def _ask_for_tunnel(self, request: Request) -> None:
        """RFC 8441: a WebSocket by extended CONNECT; to servers it is the upgrade of HTTP/1.1."""
        self._is_tunneling = True
        request.method = b"GET"
        request.upgrade = b"websocket"
        request.marks |= UPGRADE
        request.body = EMPTY
        request.headers.hop = _SWITCH.copy()
        request.headers.set(b"Sec-WebSocket-Key", base64.b64encode(os.urandom(16)))

    def _on_served(self, error: BaseException | None) -> None:
        if error is not None or not self.is_started:
            if not self.is_closed:
                self._connection.listener.report(error)
            self.abort()
        self._request = self._drive = None  # it points back at us: without a circle we are freed at once
        if self._body is not None and self._tunnel is None:
            self._body.close()
            if self.is_remote_ended or self.is_closed:
                self._body = None

    # === the Exchange ===

    def send_informational(self, status: int, headers: Headers) -> None:
        self.write_head(self.session.encoder.response_head(status, headers.encode()), False)

    def send_head(self, response: Response, first: bytes, is_last: bool) -> None:
        if self.is_closed:
            response.body.close()
            if response.tunnel is not None:
                response.tunnel.close()
            return
        self.is_started = True
        if response.tunnel is not None:
            self._switch(response)
            return
        if self._is_tunneling:
            self._is_tunneling = False
            if 200 <= response.status < 300:
                # RFC 8441 §5: to the client that would be the tunnel.
                response.body.close()
                response, first, is_last = bare_response(502), b"", True
        status = response.status
        length: int | None
        if status == 204 or status == 304 or status < 200:
            length = None
            first, is_last = b"", True
        elif self._request is not None and self._request.method == b"HEAD":
            length = None if response.body is EMPTY else len(first) or response.body.length
            first, is_last = b"", True
        else:
            length = len(first) if is_last else response.body.length
        self.sent_size = size = len(first)
        if not is_last:
            self._answer_body = response.body
        block = encode_answer(self.session.encoder, response, length)
        if is_last and size:
            self.write_whole(block, first)
            return
        self.write_head(block, is_last)
        if size:
            self.write_data(first, False)

    def send_data(self, data: bytes) -> None:
        self.sent_size += len(data)
        self.write_data(data, False)

    def finish(self, response: Response) -> None:
        trailers = response.body.trailers
        if trailers:
            self.write_trailers(trailers)
        else:
            self.write_data(b"", True)

    def abort(self) -> None:
        """The answer cannot be completed."""
        self.reset(INTERNAL_ERROR)

    async def drained(self) -> None:
        if self._answer_body is not None and self.session.held > _CROWDED:
            self._answer_body.hold()
        while self.is_congested:
            self._drained = Wakeup()
            await self._drained

    def _switch(self, response: Response) -> None:
        """The server has agreed to the tunnel (RFC 8441 §5): what follows are raw bytes both ways."""
        tunnel, body = response.tunnel, self._body
        if tunnel is None:
            return
        if not self._is_tunneling or body is None:
            tunnel.close()
            self.reset(CONNECT_ERROR)
            return
        headers = response.headers
        headers.remove(b"Sec-WebSocket-Accept")
        self._limit(0)
        self.write_head(self.session.encoder.response_head(200, headers.encode()), False)
        self._tunnel = StreamTransport(self, body, self._connection.transport)
        tunnel.attach(self._tunnel, b"", _nothing)
        self._tunnel.settle()

    # === the source of the request's body ===

    def pause_body(self) -> None:
        """The window does it: see `FlowBody`."""

    def resume_body(self) -> None:
        """As `pause_body`."""

    def continue_body(self) -> None:
        if not self.is_started:
            self.write_head(self.session.encoder.response_head(100, b""), False)

    def abandon_body(self) -> None:
        """What still comes is dropped; `end_sent` tells the client."""

    # === time limits ===

    def _limit(self, seconds: float) -> None:
        """From now on; 0 and NEVER are no limit."""
        members = self._connection.listener.deadlines.members
        if 0 < seconds < NEVER:
            self.deadline = monotonic() + seconds
            members.add(self)
        elif self.deadline != NEVER:
            self.deadline = NEVER
            members.discard(self)

    def on_deadline(self) -> None:
        """The request or its answer takes too long: this stream ends, the others go on."""
        self.deadline = NEVER
        body = self._body
        if body is not None and not body.is_ended and not self.is_started and not self._is_tunneling:
            self._is_body_ended = True
            self._limit(LINGER_SECONDS)  # who does not read the body does not learn of it
            body.fail(ProxyError(Kind.CLIENT_SLOW, "the request takes too long"))
            self._connection.flush()
            return
        self.reset(INTERNAL_ERROR)
        self._break()


def _nothing() -> None:
    return None
