"""What tests of the wire share: a source of bodies that notes what it was asked, decoders fed in every way."""

from __future__ import annotations

from dataclasses import dataclass, field

from trafficcop.errors import ProxyError
from trafficcop.http.body import Body
from trafficcop.http.h1 import RequestDecoder
from trafficcop.http.h1_response import ResponseDecoder
from trafficcop.http.headers import Field

LIMIT = 1048576
STEPS = (0, 1, 3)  # a message is fed whole, byte by byte, and in pieces of three


class Notes:
    """A source of bodies: what it was asked, in order."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def pause_body(self) -> None:
        self.asked.append("pause")

    def resume_body(self) -> None:
        self.asked.append("resume")

    def continue_body(self) -> None:
        self.asked.append("continue")

    def abandon_body(self) -> None:
        self.asked.append("abandon")


@dataclass
class Read:
    """One message as it was read."""

    start: tuple[bytes, ...]
    fields: list[Field]
    body: bytes
    is_whole: bool
    trailers: list[Field]
    is_keep_alive: bool = True
    upgrade: bytes | None = None


@dataclass
class Outcome:
    """What came of feeding bytes to a decoder."""

    status: int = 0
    messages: list[Read] = field(default_factory=list)
    leftover: bytes = b""


def pieces(raw: bytes, step: int) -> list[bytes]:
    return [raw] if step == 0 else [raw[place : place + step] for place in range(0, len(raw), step)]


def drain(body: Body) -> tuple[bytes, bool]:
    """The bytes that came, and whether they are all."""
    whole = body.take()
    return (whole, True) if whole is not None else (body.take_available(), False)


def read_requests(raw: bytes, step: int = 0, limit: int = LIMIT) -> Outcome:
    decoder = RequestDecoder(Notes(), limit)
    outcome = Outcome()
    try:
        for piece in pieces(raw, step):
            request = decoder.recall(piece) if decoder.is_idle else None
            if request is not None:
                decoder.ready.append(request)
            else:
                decoder.feed(piece)
    except ProxyError as error:
        outcome.status = error.status
        decoder.fail(error)
    for request in decoder.ready:
        body, is_whole = drain(request.body)
        start = (request.method, request.target, request.authority, request.version)
        outcome.messages.append(
            Read(
                start,
                request.headers.fields,
                body,
                is_whole,
                request.body.trailers or [],
                request.is_keep_alive,
                request.upgrade,
            )
        )
    outcome.leftover = decoder.leftover
    return outcome


@dataclass
class Answer:
    """A server's answer as it was read."""

    failure: int = 0
    status: int = 0
    fields: list[Field] = field(default_factory=list)
    body: bytes = b""
    is_whole: bool = False
    trailers: list[Field] = field(default_factory=list)
    is_complete: bool = False
    is_reusable: bool = False
    informational: list[int] = field(default_factory=list)
    tunnel: bytes | None = None
    is_in_head: bool = False


def read_answer(raw: bytes, step: int = 0, *, is_head: bool = False, closes: bool = False) -> Answer:
    decoder = ResponseDecoder(Notes(), LIMIT)
    decoder.expect(is_head)
    answer = Answer()
    try:
        for piece in pieces(raw, step):
            decoder.feed(piece)
        if closes:
            answer.is_in_head = decoder.is_in_head
            decoder.end_of_stream()
    except ProxyError as error:
        answer.failure = error.status
        decoder.fail(error)
    response = decoder.response
    if response is not None:
        answer.status = response.status
        answer.fields = response.headers.fields
        answer.body, answer.is_whole = drain(response.body)
        answer.trailers = response.body.trailers or []
    answer.is_complete = decoder.is_complete
    answer.is_reusable = decoder.is_reusable
    answer.informational = [response.status for response in decoder.informational or ()]
    answer.tunnel = decoder.tunnel_bytes
    return answer
