"""A scripted HTTP/2 server, with the h2 library."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Self

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    PingReceived,
    RequestReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.settings import SettingCodes, Settings

Pairs = list[tuple[bytes, bytes]]
Handler = Callable[["Asked"], Awaitable[None]]


@dataclass
class Asked:
    """One request that reached the server."""

    visit: H2Visit
    stream_id: int
    head: Pairs
    body: bytes = b""
    trailers: Pairs | None = None
    reset_code: int | None = None
    is_ended: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def __getitem__(self, name: bytes) -> bytes:
        return b"|".join(value for key, value in self.head if key == name)

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self.changed.clear()
            await self.changed.wait()

    async def ended(self) -> bytes:
        """The whole body."""
        await self.until(lambda: self.is_ended)
        return self.body

    async def reset(self) -> int:
        """Wait for RST_STREAM; its code."""
        await self.until(lambda: self.reset_code is not None)
        assert self.reset_code is not None
        return self.reset_code

    def send_head(self, status: int, *fields: tuple[bytes, bytes], is_last: bool = False) -> None:
        self.visit.h2.send_headers(self.stream_id, [(b":status", b"%d" % status), *fields], end_stream=is_last)
        self.visit.flush()

    async def send(self, data: bytes, *, is_last: bool = False) -> None:
        """As far as the windows allow, the rest when they do."""
        h2 = self.visit.h2
        while data:
            room = min(h2.local_flow_control_window(self.stream_id), h2.max_outbound_frame_size)
            if room == 0:
                self.visit.changed.clear()
                await self.visit.changed.wait()
                continue
            h2.send_data(self.stream_id, data[:room])
            data = data[room:]
            self.visit.flush()
        if is_last:
            h2.end_stream(self.stream_id)
            self.visit.flush()

    def end(self, *trailers: tuple[bytes, bytes]) -> None:
        if trailers:
            self.visit.h2.send_headers(self.stream_id, list(trailers), end_stream=True)
        else:
            self.visit.h2.end_stream(self.stream_id)
        self.visit.flush()

    def refuse(self, code: int) -> None:
        self.visit.h2.reset_stream(self.stream_id, code)
        self.visit.flush()

    async def answer(self, body: bytes = b"ok", status: int = 200, *fields: tuple[bytes, bytes]) -> None:
        self.send_head(status, *fields)
        await self.send(body, is_last=True)


@dataclass
class H2Visit:
    """One connection. `is_greedy`: windows are opened as soon as data comes."""

    writer: asyncio.StreamWriter
    h2: H2Connection
    asked: dict[int, Asked] = field(default_factory=dict)
    goaway: int | None = None
    pings: int = 0
    is_greedy: bool = True
    is_closed: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def flush(self) -> None:
        self.writer.write(self.h2.data_to_send())


class H2Server:
    """`handle` runs for each request as a task. `max_streams`: what the server announces."""

    def __init__(self, handle: Handler, tls: ssl.SSLContext | None = None, max_streams: int = 100) -> None:
        self.handle = handle
        self.tls = tls
        self.max_streams = max_streams
        self.visits: list[H2Visit] = []
        self.asked: list[Asked] = []
        self.errors: list[BaseException] = []
        self.acknowledges_pings = True
        self.is_greedy = True
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.port = 0
        if tls is not None:
            tls.set_alpn_protocols(["h2"])

    @property
    def url(self) -> str:
        return f"{'h2c' if self.tls is None else 'https'}://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._server is not None:
            self._server.close()
        for visit in self.visits:
            if not visit.writer.transport.is_closing():
                visit.writer.transport.abort()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        assert self.errors == []

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        h2 = H2Connection(H2Configuration(client_side=False, header_encoding=None))
        h2.local_settings = Settings(
            client=False, initial_values={SettingCodes.MAX_CONCURRENT_STREAMS: self.max_streams}
        )
        visit = H2Visit(writer, h2, is_greedy=self.is_greedy)
        self.visits.append(visit)
        h2.initiate_connection()
        visit.flush()
        try:
            while data := await reader.read(65536):
                self._receive(visit, data)
        except (ConnectionError, asyncio.CancelledError):
            pass
        except Exception as error:
            self.errors.append(error)
        finally:
            visit.is_closed = True
            writer.close()

    def _receive(self, visit: H2Visit, data: bytes) -> None:
        for event in visit.h2.receive_data(data):
            if isinstance(event, RequestReceived):
                asked = Asked(visit, event.stream_id, list(event.headers))
                visit.asked[event.stream_id] = asked
                self.asked.append(asked)
                task = asyncio.get_running_loop().create_task(self._run(asked))
                self._tasks.add(task)
            elif isinstance(event, ConnectionTerminated):
                visit.goaway = int(event.error_code)
            elif isinstance(event, PingReceived):
                visit.pings += 1
            elif isinstance(event, DataReceived | TrailersReceived | StreamEnded | StreamReset):
                self._note(visit, event)
        if self.acknowledges_pings or not visit.pings:
            visit.flush()
        visit.changed.set()

    def _note(self, visit: H2Visit, event: DataReceived | TrailersReceived | StreamEnded | StreamReset) -> None:
        asked = visit.asked[event.stream_id]
        if isinstance(event, DataReceived):
            asked.body += event.data
            if visit.is_greedy and event.flow_controlled_length:
                visit.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, TrailersReceived):
            asked.trailers = list(event.headers)
        elif isinstance(event, StreamReset):
            asked.reset_code = int(event.error_code)
        else:
            asked.is_ended = True
        asked.changed.set()

    async def _run(self, asked: Asked) -> None:
        try:
            await self.handle(asked)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            self.errors.append(error)
