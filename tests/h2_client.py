"""A client that speaks HTTP/2 by the `h2` library, to see ours from outside."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.events
import h2.settings

from tests.loopback import PATIENCE, Loopback

Pairs = Iterable[tuple[bytes, bytes]]


@dataclass
class Answer:
    """What came on one stream."""

    status: int = 0
    fields: dict[bytes, bytes] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    trailers: dict[bytes, bytes] = field(default_factory=dict)
    informational: list[int] = field(default_factory=list)
    is_ended: bool = False
    code: int | None = None  # of a RST_STREAM


class H2Client:
    """One connection. `answers` are filled while anything is awaited."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, credits: bool = True) -> None:
        self.reader = reader
        self.writer = writer
        config = h2.config.H2Configuration(header_encoding=None, validate_outbound_headers=False)
        config.normalize_outbound_headers = False
        self.h2 = h2.connection.H2Connection(config)
        self.answers: dict[int, Answer] = {}
        self.goaway: int | None = None
        self.last_stream_id: int | None = None
        self.is_closed = False
        self._rest = b""
        self.credits = credits  # what is received may be sent again
        self.pings: list[bytes] = []

    @classmethod
    async def connect(cls, router: Loopback | int, *, credits: bool = True) -> H2Client:
        if isinstance(router, int):
            reader, writer = await asyncio.open_connection("127.0.0.1", router)
        else:
            raw = await router.client()
            reader, writer = raw.reader, raw.writer
        client = cls(reader, writer, credits=credits)
        client.h2.initiate_connection()
        await client.flush()
        return client

    async def flush(self) -> None:
        data = self.h2.data_to_send()
        if data and not self.is_closed:
            self.writer.write(data)
            await self.writer.drain()

    async def start(self, *fields: tuple[bytes, bytes], method: bytes = b"GET", path: bytes = b"/",
                    is_last: bool = True) -> int:  # fmt: skip
        """A request's head; the number of its stream."""
        head = [(b":method", method), (b":scheme", b"http"), (b":authority", b"example.com"), (b":path", path)]
        return await self.start_raw([*head, *fields], is_last=is_last)

    async def start_raw(self, fields: Pairs, *, is_last: bool = True) -> int:
        stream_id = self.h2.get_next_available_stream_id()
        self.answers[stream_id] = Answer()
        self.h2.send_headers(stream_id, list(fields), end_stream=is_last)
        await self.flush()
        return int(stream_id)

    async def send(self, stream_id: int, data: bytes, *, is_last: bool = True) -> None:
        """A body, as fast as windows let it."""
        while True:
            size = min(len(data), self.h2.local_flow_control_window(stream_id), self.h2.max_outbound_frame_size)
            piece, data = data[:size], data[size:]
            if piece or not data:
                self.h2.send_data(stream_id, piece, end_stream=is_last and not data)
                await self.flush()
            if not data:
                return
            if not size:
                await self.receive()

    async def receive(self) -> None:
        """One read."""
        async with asyncio.timeout(PATIENCE):
            try:
                data = await self.reader.read(65536)
            except ConnectionError:
                data = b""
        if not data:
            self.is_closed = True
            return
        for event in self.h2.receive_data(self._without_goaway(data)):
            self._take(event)
        await self.flush()

    def _without_goaway(self, data: bytes) -> bytes:
        """The library takes a GOAWAY for the end of everything, so it never sees one (RFC 9113 §6.8)."""
        data = self._rest + data
        kept = b""
        while len(data) >= 9 and len(data) >= 9 + (size := int.from_bytes(data[:3], "big")):
            if data[3] == 7:
                self.last_stream_id, self.goaway = struct.unpack_from(">LL", data, 9)
            else:
                kept += data[: 9 + size]
            data = data[9 + size :]
        self._rest = data
        return kept

    def _take(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.ResponseReceived):
            answer = self.answers[event.stream_id]
            fields = dict(event.headers)
            answer.status = int(fields.pop(b":status"))
            answer.fields = fields
        elif isinstance(event, h2.events.InformationalResponseReceived):
            self.answers[event.stream_id].informational.append(int(dict(event.headers)[b":status"]))
        elif isinstance(event, h2.events.DataReceived):
            self.answers[event.stream_id].body += event.data
            if self.credits and event.flow_controlled_length:
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.TrailersReceived):
            self.answers[event.stream_id].trailers = dict(event.headers)
        elif isinstance(event, h2.events.StreamEnded):
            self.answers[event.stream_id].is_ended = True
        elif isinstance(event, h2.events.StreamReset):
            if event.remote_reset:
                self.answers[event.stream_id].code = int(event.error_code)
        elif isinstance(event, h2.events.PingAckReceived):
            self.pings.append(event.ping_data)

    async def answer(self, stream_id: int) -> Answer:
        """The whole answer, or what came before it was broken off."""
        answer = self.answers[stream_id]
        while not answer.is_ended and answer.code is None and not self.is_closed:
            await self.receive()
        return answer

    async def ask(self, *fields: tuple[bytes, bytes], method: bytes = b"GET", path: bytes = b"/",
                  body: bytes | None = None) -> Answer:  # fmt: skip
        stream_id = await self.start(*fields, method=method, path=path, is_last=body is None)
        if body is not None:
            await self.send(stream_id, body)
        return await self.answer(stream_id)

    async def closed(self) -> int | None:
        """Wait for the router to close; the code of its GOAWAY."""
        while not self.is_closed:
            await self.receive()
        return self.goaway

    def close(self) -> None:
        self.writer.transport.abort()
