"""Beside the `h2` library, in both roles: what one side sends the other hears, however the bytes are cut."""

from __future__ import annotations

import random
from typing import Any

import h2.config
import h2.connection
import h2.events
from hypothesis import given
from hypothesis import strategies as st

from tests.http.h2.pair import Heard, Holder
from trafficcop.http.h2.terms import Terms

NAMES = [b"x-a", b"x-b", b"accept", b"cookie-like", b"user-agent", b"n" * 60]
VALUES = [b"", b"1", b"text/html, */*;q=0.1", b"v" * 500, b"caf\xc3\xa9"]


def fields_of(dice: random.Random) -> list[tuple[bytes, bytes]]:
    return [(dice.choice(NAMES), dice.choice(VALUES)) for _ in range(dice.randint(0, 6))]


def body_of(dice: random.Random) -> bytes:
    return dice.randbytes(dice.choice([0, 1, 100, 16384, 16385, 70_000, 200_000]))


class Other:
    """The library's side. It gives back every byte of a window at once, or, being slow, only when asked."""

    def __init__(self, *, is_client: bool) -> None:
        config = h2.config.H2Configuration(client_side=is_client, header_encoding=None)
        self.h2 = h2.connection.H2Connection(config)
        self.h2.initiate_connection()
        self.heads: dict[int, list[Any]] = {}
        self.bodies: dict[int, bytes] = {}
        self.trailers: dict[int, list[Any]] = {}
        self.ended: set[int] = set()
        self.queues: dict[int, bytes] = {}

    def receive(self, data: bytes) -> None:
        for event in self.h2.receive_data(data):
            if isinstance(event, h2.events.RequestReceived | h2.events.ResponseReceived):
                self.heads[event.stream_id] = list(event.headers)
            elif isinstance(event, h2.events.DataReceived):
                self.bodies[event.stream_id] = self.bodies.get(event.stream_id, b"") + event.data
                if event.flow_controlled_length:
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.TrailersReceived):
                self.trailers[event.stream_id] = list(event.headers)
            elif isinstance(event, h2.events.StreamEnded):
                self.ended.add(event.stream_id)

    def push(self) -> None:
        """As much of the bodies as windows allow."""
        for stream_id, left in list(self.queues.items()):
            while True:
                size = min(len(left), self.h2.local_flow_control_window(stream_id), 16384)
                if left and not size:
                    break
                self.h2.send_data(stream_id, left[:size], end_stream=len(left) == size)
                left = left[size:]
                if not left:
                    break
            if left:
                self.queues[stream_id] = left
            else:
                del self.queues[stream_id]


def exchange(dice: random.Random, ours: Holder, other: Other) -> None:
    """Carry bytes until both are silent; our streams' readers take what there is."""
    while True:
        other.push()
        there = other.h2.data_to_send()
        size = dice.choice([0, 0, 5000, 100])
        back = ours.receive(there, size)
        for stream in list(ours.session.streams.values()):
            if stream.unread:
                stream.consumed(stream.unread)
        back += ours.output()
        while back:
            count = dice.choice([len(back), dice.randint(1, len(back))])
            other.receive(back[:count])
            back = back[count:]
        if not there and not other.h2._data_to_send:
            return


def plain(fields: list[tuple[bytes, bytes]]) -> bytes:
    return b"".join(b"%b: %b\r\n" % field for field in fields)


@given(st.integers(0, 1 << 32))
def test_their_client_and_our_server(seed: int) -> None:
    dice = random.Random(seed)
    ours, other = Holder(Terms(is_client=False)), Other(is_client=True)
    ours.session.start()
    sent = {}
    for _ in range(dice.randint(1, 5)):
        stream_id = other.h2.get_next_available_stream_id()
        fields, body = fields_of(dice), body_of(dice)
        pseudo = [(b":method", b"POST"), (b":scheme", b"https"), (b":authority", b"a"), (b":path", b"/x")]
        other.h2.send_headers(stream_id, [*pseudo, *fields], end_stream=not body)
        if body:
            other.queues[stream_id] = body
        sent[stream_id] = (fields, body)
        if dice.random() < 0.5:
            exchange(dice, ours, other)
    exchange(dice, ours, other)
    answers = {}
    for stream in ours.accepted:
        fields, body = sent[stream.stream_id]
        assert (stream.heads[0].fields.block, stream.body, stream.is_ended) == (plain(fields), body, True)
        answers[stream.stream_id] = answer(dice, stream)
    exchange(dice, ours, other)
    for stream_id, (fields, body, trailers) in answers.items():
        assert other.heads[stream_id] == [(b":status", b"200"), *fields]
        assert (other.bodies.get(stream_id, b""), other.trailers.get(stream_id, [])) == (body, trailers)
    assert other.ended == set(sent)
    assert ours.session.streams == {}
    assert ours.session.blocked == {}
    assert ours.session.held == 0


def answer(dice: random.Random, stream: Heard) -> tuple[Any, bytes, Any]:
    fields, body, trailers = fields_of(dice), body_of(dice), fields_of(dice)
    stream.write_head(stream.session.encoder.response_head(200, plain(fields)), False)
    if trailers:
        stream.write_data(body, False)
        stream.write_trailers(trailers)
    else:
        stream.write_data(body, True)
    return fields, body, trailers


@given(st.integers(0, 1 << 32))
def test_our_client_and_their_server(seed: int) -> None:
    dice = random.Random(seed)
    ours, other = Holder(Terms(is_client=True)), Other(is_client=False)
    ours.session.start()
    mine: list[tuple[Heard, Any, bytes]] = []
    for _ in range(dice.randint(1, 5)):
        stream = Heard(ours.session)
        ours.session.open(stream)
        fields, body = fields_of(dice), body_of(dice)
        head = ours.session.encoder.request_head(b"PUT", b"http", b"example.com", b"/" + b"p" * 9, plain(fields))
        stream.write_head(head, not body)
        if body:
            stream.write_data(body, True)
        mine.append((stream, fields, body))
        if dice.random() < 0.5:
            exchange(dice, ours, other)
    exchange(dice, ours, other)
    pseudo = [(b":method", b"PUT"), (b":scheme", b"http"), (b":authority", b"example.com"), (b":path", b"/ppppppppp")]
    said = {}
    for stream, fields, body in mine:
        number = stream.stream_id
        assert other.heads[number] == [*pseudo, *fields]
        assert (other.bodies.get(number, b""), number in other.ended) == (body, True)
        said[number] = (fields_of(dice), body_of(dice))
        other.h2.send_headers(number, [(b":status", b"404"), *said[number][0]], end_stream=not said[number][1])
        if said[number][1]:
            other.queues[number] = said[number][1]
    exchange(dice, ours, other)
    for stream, _, _ in mine:
        fields, body = said[stream.stream_id]
        assert (stream.heads[0].status, stream.heads[0].fields.block) == (404, plain(fields))
        assert (stream.body, stream.is_ended) == (body, True)
    assert ours.session.streams == {}
