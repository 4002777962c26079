"""A client and a server of ours joined without a network, and streams that write down what they hear."""

from __future__ import annotations

from trafficcop.http.h2.heads import Head
from trafficcop.http.h2.session import Session
from trafficcop.http.h2.stream import Stream
from trafficcop.http.h2.terms import Terms
from trafficcop.http.headers import Field


class Heard(Stream):
    """Everything that came, in order."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.heads: list[Head] = []
        self.informational: list[int] = []
        self.body = b""
        self.pieces: list[int] = []
        self.trailers: list[Field] | None = None
        self.is_ended = False
        self.code = -1
        self.settled = 0

    def head_received(self, head: Head, is_last: bool) -> None:
        self.heads.append(head)
        self.is_ended = is_last
        self.left = head.fields.length

    def informational_received(self, head: Head) -> None:
        self.informational.append(head.status)

    def data_received(self, data: bytes) -> None:
        self.body += data
        self.pieces.append(len(data))

    def end_received(self, trailers: list[Field] | None) -> None:
        self.is_ended = True
        self.trailers = trailers

    def broken(self, code: int) -> None:
        self.code = code

    def settle(self) -> None:
        self.settled += 1


class Holder:
    """Holds one side; output stays in the session until somebody takes it."""

    def __init__(self, terms: Terms) -> None:
        self.session = Session(self, terms)
        self.accepted: list[Heard] = []
        self.closed: list[int] = []
        self.goaways: list[tuple[int, int]] = []
        self.pings: list[bytes] = []
        self.written = b""

    def accept_stream(self) -> Stream:
        stream = Heard(self.session)
        self.accepted.append(stream)
        return stream

    def stream_closed(self, stream: Stream) -> None:
        self.closed.append(stream.stream_id)

    def flush_soon(self) -> None: ...

    def flush(self) -> None:
        self.written += self.session.take_output()

    def goaway_received(self, last_stream_id: int, code: int) -> None:
        self.goaways.append((last_stream_id, code))

    def ping_answered(self, payload: bytes) -> None:
        self.pings.append(payload)

    def receive(self, data: bytes, size: int = 0) -> bytes:
        """Whole, or cut into pieces of `size`; what is to be written then."""
        for start in range(0, len(data), size or len(data) or 1):
            self.session.receive(data[start : start + size] if size else data)
            self.session.settle()
        return self.output()

    def output(self) -> bytes:
        self.flush()
        written, self.written = self.written, b""
        return written


class Pair:
    """`talk` carries bytes to and fro until there are no more."""

    def __init__(self, server: Terms | None = None, client: Terms | None = None, size: int = 0) -> None:
        self.client = Holder(client or Terms(is_client=True))
        self.server = Holder(server or Terms(is_client=False))
        self.size = size
        self.client.session.start()
        self.server.session.start()
        self.talk()

    def talk(self) -> None:
        there = self.client.output()
        back = self.server.receive(there, self.size)
        while back or there:
            there = self.client.receive(back, self.size)
            back = self.server.receive(there, self.size)

    def ask(self, lines: bytes = b"", method: bytes = b"GET", path: bytes = b"/", is_last: bool = True) -> Heard:
        session = self.client.session
        stream = Heard(session)
        session.open(stream)
        stream.write_head(session.encoder.request_head(method, b"http", b"example.com", path, lines), is_last)
        return stream
