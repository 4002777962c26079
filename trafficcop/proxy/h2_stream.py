"""One request on an HTTP/2 connection to a server: a stream of the codec, and the source of the answer's body."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from trafficcop.errors import Kind, ProxyError
from trafficcop.http.answer import Answer
from trafficcop.http.body import EMPTY, Body, Bytes
from trafficcop.http.deadlines import NEVER
from trafficcop.http.drive import Drive, Wakeup
from trafficcop.http.h2.faults import (
    CANCEL,
    HTTP_1_1_REQUIRED,
    NO_ERROR,
    PROTOCOL_ERROR,
    REFUSED_STREAM,
    StreamFault,
    code_name,
)
from trafficcop.http.h2.flow_body import FlowBody
from trafficcop.http.h2.heads import Head
from trafficcop.http.h2.stream import Stream
from trafficcop.http.headers import Field
from trafficcop.http.messages import Request, Response
from trafficcop.proxy.h1 import EXPECT_CONTINUE_SECONDS

if TYPE_CHECKING:
    from trafficcop.proxy.h2 import H2ServerConnection


class ClientStream(Stream):
    """What is received is noted while it is read, and acted upon in `settle`."""

    _head: Head | None = None  # of an answer that nobody has been told of
    _informational: list[Head] | None = None
    _body: FlowBody | None = None
    _pump: Drive | None = None
    _held_body: Body | None = None  # kept back until the server says "100 Continue"
    _drained: Wakeup | None = None
    _error: ProxyError | None = None
    deadline: float = NEVER

    def __init__(self, connection: H2ServerConnection, request: Request, answer: Answer) -> None:
        super().__init__(connection.session)
        self._connection = connection
        self._request = request
        self._answer: Answer | None = answer
        self._received = connection.received
        # No default of the class: mypyc leaves out None for what is a Protocol.
        answer.sender = self

    # === sending ===

    def begin(self, head: bytes, whole: bytes, rest: Body | None) -> None:
        """Send the head, all of a body that is here, and `rest` as it comes."""
        self.write_head(head, rest is None and not whole)
        if rest is None:
            if whole:
                self.write_data(whole, True)
            self._wait_for_answer()
        elif self._request.is_expecting_continue:
            self._held_body = rest
            self._limit(EXPECT_CONTINUE_SECONDS)
        else:
            self._start_pump(rest)

    def _release_body(self) -> None:
        body, self._held_body = self._held_body, None
        if body is not None:
            self.deadline = NEVER
            self._start_pump(body)

    def _start_pump(self, body: Body) -> None:
        self._pump = Drive(self._on_pumped)
        self._pump.start(self._send_body(body))

    async def _send_body(self, body: Body) -> None:
        left = body.length
        while True:
            chunk = await body.read()
            if self.is_closed:
                return
            if not chunk:
                break
            if left is not None:
                left -= len(chunk)
            is_last = left == 0 and not body.trailers
            self.write_data(chunk, is_last)
            if is_last:
                return
            while self.is_congested:
                self._drained = Wakeup()
                await self._drained
        if body.trailers:
            self.write_trailers(body.trailers)
        else:
            self.write_data(b"", True)

    def _on_pumped(self, error: BaseException | None) -> None:
        self._pump = None
        if error is None:
            self._wait_for_answer()
            return
        # The client broke off: the server must not take what it got for the whole.
        failure = error if isinstance(error, ProxyError) else ProxyError(Kind.CLIENT_GONE, repr(error))
        self.reset(CANCEL)
        self._fail(failure)

    def _wait_for_answer(self) -> None:
        """responseHeaderTimeout begins when the whole request has been sent."""
        timeout = self._connection.pool.limits.response_header_timeout
        if timeout and self._answer is not None:
            self._limit(timeout)

    def _limit(self, seconds: float) -> None:
        self.deadline = monotonic() + seconds
        self._connection.pool.deadlines.members.add(self)

    def on_deadline(self) -> None:
        self.deadline = NEVER
        if self._held_body is not None:
            self._release_body()
        elif self._answer is not None:
            self.reset(CANCEL)
            self._fail(ProxyError(Kind.TIMEOUT, "no answer in time"))

    # === hooks of the codec ===

    def head_received(self, head: Head, is_last: bool) -> None:
        self._head = head
        if self._request.method == b"HEAD" or head.status in (204, 304):
            return  # there is no body, whatever the length and whether this was the end
        length = self.left = head.fields.length
        if not is_last:
            self._body = FlowBody(self, self, length if length >= 0 else None)

    def informational_received(self, head: Head) -> None:
        if self._informational is None:
            self._informational = []
        self._informational.append(head)

    def data_received(self, data: bytes) -> None:
        if self._body is None:
            raise StreamFault(self.stream_id, PROTOCOL_ERROR, "a body where none may be")
        self._body.feed(data)

    def end_received(self, trailers: list[Field] | None) -> None:
        if self._body is not None:
            self._body.end(trailers)

    def broken(self, code: int) -> None:
        if self.is_remote_ended and code == NO_ERROR:
            return  # the answer is complete, and the server wants no more of the request
        if self.is_remote_ended and self.left > 0:
            self._head = None  # it promised more
        error = self._connection.error
        if error is None:
            error = _failure(code)
        elif error.kind is Kind.SERVER_CLOSED and self._connection.received == self._received:
            # The server closed the connection just when we used it: nothing was done with the request.
            error = ProxyError(error.kind, error.detail, is_retryable=True)
        self._error = error

    def settle(self) -> None:
        if self._informational is not None:
            self._relay_informational()
        head, self._head = self._head, None
        if head is not None:
            self._succeed(head)
        body = self._body
        if body is not None:
            if self.is_remote_ended:
                self._body = None  # it is the reader's alone, and no circle is left
            body.wake()
        if self._error is not None:
            self._fail(self._error)
            return
        if self.is_remote_ended and (self._pump is not None or self._held_body is not None):
            self._stop_pump(ProxyError(Kind.SERVER_CLOSED, "the server answered before the end of the request"))
            self.reset(NO_ERROR)
        elif self._drained is not None and not self.is_congested:
            drained, self._drained = self._drained, None
            drained.set()

    def _relay_informational(self) -> None:
        heads, self._informational = self._informational, None
        for head in heads or ():
            if head.status == 100:
                self._release_body()
            elif self._request.exchange is not None:
                self._request.exchange.send_informational(head.status, head.fields.headers())

    def _succeed(self, head: Head) -> None:
        fields = head.fields
        body: Body = EMPTY
        if self._body is not None:
            body = self._body
        elif fields.length >= 0 and self._request.method == b"HEAD":
            body = Bytes(b"", fields.length)
        headers = fields.headers()
        for name in fields.named:
            headers.remove(name)
        response = Response(head.status, headers, body)
        response.marks = fields.marks
        self.deadline = NEVER
        answer, self._answer = self._answer, None
        if answer is not None:
            if answer.observed is not None:
                answer.answered = monotonic()
            answer.succeed(response)

    # === ends ===

    def _stop_pump(self, error: ProxyError) -> None:
        self._held_body = None
        pump, self._pump = self._pump, None
        if pump is not None:
            pump.throw(error)

    def _fail(self, error: ProxyError) -> None:
        self._stop_pump(error)
        body, self._body = self._body, None
        if body is not None:
            body.fail(error)
        answer, self._answer = self._answer, None
        if answer is not None:
            answer.fail(error)

    def give_up(self, answer: Answer) -> None:
        """The sender of the Answer: nobody waits any more."""
        if answer is self._answer:
            self._answer = None
            self.abandon_body()

    # === the source of the answer's body ===

    def pause_body(self) -> None:
        """The windows hold the server back."""

    def resume_body(self) -> None:
        """As `pause_body`."""

    def continue_body(self) -> None:
        """Servers expect nothing of the kind."""

    def abandon_body(self) -> None:
        self.reset(CANCEL)
        self._stop_pump(ProxyError(Kind.CLIENT_GONE))


def _failure(code: int) -> ProxyError:
    """What RST_STREAM means for the request (Traefik answers 500: to Go it is no error of the network)."""
    is_retryable = code in (REFUSED_STREAM, HTTP_1_1_REQUIRED)
    return ProxyError(Kind.BAD_RESPONSE, f"the server reset the stream: {code_name(code)}", is_retryable=is_retryable)
