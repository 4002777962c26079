"""Invariant: whatever bytes arrive, in whatever pieces, a Session of either role reads them or ends with a fault.

Never an exception, never a hang; what was heard does not depend on how the bytes were cut, and windows, memory and
tables stay within their limits. Run: python -m fuzz.fuzz_h2 [seconds] [seed]
"""

from __future__ import annotations

import random
from collections.abc import Callable

from fuzz.driver import drive, main
from trafficcop.http.h2 import frames
from trafficcop.http.h2.heads import Head
from trafficcop.http.h2.hpack_encoder import INDEXING, NEVER_INDEXED, WITHOUT_INDEXING, encode_literal
from trafficcop.http.h2.session import Session
from trafficcop.http.h2.stream import Stream
from trafficcop.http.h2.terms import Terms
from trafficcop.http.headers import Field

SERVER = Terms(is_client=False, max_streams=5, header_limit=4096)
CLIENT = Terms(is_client=True, header_limit=4096)
FIELDS = [
    *((b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/"), (b":authority", b"a"), (b":status", b"200")),
    *((b":status", b"103"), (b"x", b"y"), (b"X", b"y"), (b"a", b"\n"), (b"cookie", b"a=1"), (b"te", b"trailers")),
    *((b"content-length", b"3"), (b"connection", b"close"), (b"long", b"v" * 900), (b":protocol", b"websocket")),
]
INDEXED = [b"\x82", b"\x84", b"\x86", b"\x88", b"\xbe", b"\xbf", b"\x80", b"\x20", b"\x3f\xe1\x1f"]
REQUEST = b"\x82\x84\x86\x41\x01a"
ANSWER = b"\x88"


class Heard(Stream):
    """Writes down what it hears; reads its body now and then, and answers when it has all of it."""

    def __init__(self, session: Session, log: list[object]) -> None:
        super().__init__(session)
        self._log = log
        self._is_over = False

    def head_received(self, head: Head, is_last: bool) -> None:
        self.left = head.fields.length
        self._is_over = is_last
        self._log.append((self.stream_id, head.method, head.status, head.fields.block, is_last))

    def informational_received(self, head: Head) -> None:
        self._log.append((self.stream_id, head.status))

    def data_received(self, data: bytes) -> None:
        self._log.append((self.stream_id, data))

    def end_received(self, trailers: list[Field] | None) -> None:
        self._is_over = True
        self._log.append((self.stream_id, trailers))

    def broken(self, code: int) -> None:
        self._log.append((self.stream_id, "broken"))


class Owner:
    """One side, to which bytes are fed."""

    def __init__(self, terms: Terms) -> None:
        self.session = Session(self, terms)
        self.log: list[object] = []
        self.session.start()
        if terms.is_client:
            for _ in range(3):
                self.session.open(Heard(self.session, self.log))

    def accept_stream(self) -> Stream:
        return Heard(self.session, self.log)

    def stream_closed(self, stream: Stream) -> None:
        assert stream.stream_id not in self.session.streams

    def flush_soon(self) -> None: ...

    def flush(self) -> None:
        self.session.take_output()

    def goaway_received(self, last_stream_id: int, code: int) -> None:
        self.log.append(("goaway", last_stream_id))

    def ping_answered(self, payload: bytes) -> None:
        self.log.append(payload)

    def feed(self, data: bytes) -> None:
        session = self.session
        session.receive(data)
        session.settle()
        session.take_output()
        assert session.fault is not None or 0 <= session.receive_window <= session.terms.window
        assert session.fault is None or not session.streams
        assert len(session.streams) <= max(session.terms.max_streams, 3)
        assert session.held >= 0


def block(dice: random.Random, is_server: bool) -> bytes:
    parts = [REQUEST if is_server else ANSWER] if dice.random() < 0.8 else []
    for _ in range(dice.randint(0, 3)):
        if dice.random() < 0.3:
            parts.append(dice.choice(INDEXED))
        else:
            kind = dice.choice([INDEXING, WITHOUT_INDEXING, NEVER_INDEXED])
            parts.append(encode_literal(*dice.choice(FIELDS), kind, dice.random() < 0.5))
    return b"".join(parts)


def make_frame(dice: random.Random, is_server: bool) -> bytes:
    stream_id = dice.choice([0, 1, 1, 3, 3, 5, 7, 9, 2])
    flags = dice.choice([0, 1, 4, 4, 5, 5, 5, 8, 0x0D, 0x20, 0x2D, dice.randrange(256)])
    kind = dice.choice([0, 0, 1, 1, 1, 1, 2, 3, 4, 5, 6, 7, 8, 8, 9, dice.randrange(256)])
    if kind in (frames.HEADERS, frames.CONTINUATION):
        payload = block(dice, is_server)
    elif kind == frames.SETTINGS:
        payload = b"".join(
            bytes((0, dice.randrange(10))) + dice.choice([0, 1, 100, 20000, 1 << 31]).to_bytes(4, "big")
            for _ in range(dice.randint(0, 3))
        )
    elif kind == frames.DATA:
        payload = b"d" * dice.choice([0, 1, 3, 100, 16384])
    else:
        size = dice.choice([4, 4, 5, 8, 8, dice.randrange(20)])
        payload = dice.choice([bytes(size), b"\0" * (size - 1) + b"\7" * min(size, 1), dice.randbytes(size)])
    return frames.frame(kind, flags, stream_id, payload)


def make_input(dice: random.Random, is_server: bool) -> bytes:
    parts = [frames.PREFACE if is_server else b"", frames.settings_frame({})]
    parts += [make_frame(dice, is_server) for _ in range(dice.randint(1, 12))]
    data = b"".join(parts)
    for _ in range(dice.choice([0, 0, 0, 1, 3])):
        place = dice.randrange(len(data))
        data = data[:place] + dice.randbytes(dice.randint(0, 3)) + data[place + dice.randint(0, 3) :]
    return data


def cut(dice: random.Random, data: bytes) -> list[bytes]:
    if dice.random() < 0.1:
        return [bytes((byte,)) for byte in data[:4000]] + [data[4000:]]
    count = min(len(data), dice.choice([1, 5, 40, 400]))
    places = sorted(dice.randrange(len(data) + 1) for _ in range(count))
    return [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True)]


def check(dice: random.Random) -> None:
    """One input, whole and in pieces. AssertionError when they differ; any other exception is a finding as well."""
    is_server = dice.random() < 0.7
    data = make_input(dice, is_server)
    terms = SERVER if is_server else CLIENT
    whole, pieces = Owner(terms), Owner(terms)
    whole.feed(data)
    for piece in cut(dice, data):
        pieces.feed(piece)
    assert whole.log == pieces.log, data
    mine, other = whole.session.fault, pieces.session.fault
    assert (mine and mine.code) == (other and other.code), data
    assert list(whole.session.streams) == list(pieces.session.streams), data


def run(until: Callable[[int], bool], seed: int) -> int:
    """How many inputs were tried."""
    return drive(check, until, seed)


if __name__ == "__main__":
    main(check)
