"""The server behind every peer: as cheap as an event loop can be, so that the peers are what is measured.

`/` answers 70 bytes, `/json` 100 kB of JSON, `/big` 1 MiB, `/huge` 1 GiB; a request body is read and dropped.
`PORT=10` is the port of a server that takes 10 ms for each request, one after the other.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import sys
from typing import Any

import uvloop

MIB = 1 << 20
HUGE = 1 << 30
SMALL = b"a page of exactly seventy bytes, as a small answer of an API would be."
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n"
_JSON = json.dumps(
    [
        {"id": number, "name": f"item {number * 7919 % 1009}", "price": number * 37 % 1000 / 10, "tags": ["a", "b"]}
        for number in range(1500)
    ]
).encode()
_PIECE = b"x" * (64 << 10)


class Server(asyncio.Protocol):
    """One connection, on which requests come one after the other."""

    small = _HEAD % len(SMALL) + SMALL
    json = _HEAD.replace(b"text/plain", b"application/json") % len(_JSON) + _JSON
    big = _HEAD % MIB + b"x" * MIB

    def __init__(self) -> None:
        self.head = b""
        self.skip = 0
        self.answer = b""
        self.chunked = False
        self.left = 0
        self.is_paused = False

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if self.skip:
            taken = min(self.skip, len(data))
            self.skip -= taken
            if self.skip:
                return
            data = data[taken:]
            self.send()
        elif self.chunked:
            self.head += data[-5:]
            if self.head.endswith(b"0\r\n\r\n"):
                self.chunked, self.head = False, b""
                self.send()
            else:
                self.head = self.head[-5:]
            return
        if data:
            self.read_head(data)

    def read_head(self, data: bytes) -> None:
        data = self.head + data if self.head else data
        end = data.find(b"\r\n\r\n")
        if end < 0:
            self.head = data
            return
        self.head = b""
        path = data[: data.find(b"\r\n")].split(b" ")[1]
        self.answer = self.big if path.endswith(b"/big") else self.json if path == b"/json" else self.small
        if path.endswith(b"/huge"):
            self.left, self.answer = HUGE, _HEAD % HUGE
        if data.startswith(b"GET "):
            self.send()
            return
        if match := _LENGTH.search(data, 0, end + 2):
            self.skip = int(match[1])
        else:
            self.chunked = b"chunked" in data[:end]
        rest = data[end + 4 :]
        if not self.skip and not self.chunked:
            self.send()
        elif rest:
            self.data_received(rest)

    def send(self) -> None:
        self.transport.write(self.answer)
        self.pour()

    def pour(self) -> None:
        while self.left and not self.is_paused:
            self.left -= len(_PIECE)
            self.transport.write(_PIECE)

    def pause_writing(self) -> None:
        self.is_paused = True

    def resume_writing(self) -> None:
        self.is_paused = False
        self.pour()


class Slow(Server):
    """One connection to a server that can do one thing at a time."""

    def __init__(self, work: Work) -> None:
        super().__init__()
        self.work = work

    def send(self) -> None:
        asyncio.get_running_loop().call_at(self.work.next_end(), super().send)


class Work:
    """Requests one after the other, each of which takes so many seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.end = 0.0

    def next_end(self) -> float:
        self.end = max(self.end, asyncio.get_running_loop().time()) + self.seconds
        return self.end


async def serve(argument: str) -> None:
    text, _, milliseconds = argument.partition("=")
    port, work = int(text), Work(float(milliseconds or 0) / 1000)
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(1024)
    server = await asyncio.get_running_loop().create_server(
        (lambda: Slow(work)) if milliseconds else Server, sock=listener, backlog=1024
    )
    await server.serve_forever()


async def main(arguments: list[str]) -> None:
    await asyncio.gather(*(serve(argument) for argument in arguments))


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1:]))
