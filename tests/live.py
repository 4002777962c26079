"""A worker on loopback for tests: YAML compiled and linked; and servers that answer raw bytes."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from tests.control.given import compiled, static, told
from trafficcop.config.static import StaticConfiguration
from trafficcop.control.channel import parts_of
from trafficcop.worker.runtime import Runtime

WEB = "entryPoints: {web: {address: '127.0.0.1:0'}}"


@contextlib.asynccontextmanager
async def live(dynamic: str, static_text: str = WEB) -> AsyncIterator[int]:
    """The port of an entry point `web` that serves `dynamic`."""
    async with running(dynamic, static_text) as (port, _):
        yield port


@contextlib.asynccontextmanager
async def running(dynamic: str, static_text: str = WEB) -> AsyncIterator[tuple[int, Runtime]]:
    """The same with the worker that serves it."""
    given = static(static_text)
    runtime = Runtime(given)
    with socket.create_server(("127.0.0.1", 0)) as sock:
        runtime.listen("web", sock)
        install(runtime, dynamic, given)
        await runtime.start()
        try:
            yield sock.getsockname()[1], runtime
        finally:
            for listener in runtime.listeners.values():
                await listener.stop_accepting()
                listener.abort()
            await runtime.drain()


def install(runtime: Runtime, dynamic: str, given: StaticConfiguration) -> None:
    """Put a configuration in force, now."""
    plan, report = compiled(dynamic, given)
    assert not told(report), told(report)
    linker = runtime.linker()
    for part in parts_of(plan):
        linker.add(part)
    for _ in runtime.install(linker.finish()):
        pass


@dataclass
class Seen:
    """What reached a Backend: heads and bodies of requests."""

    heads: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)


Answered = tuple[int, dict[str, str], bytes]
Answer = Callable[[int, str, bytes], bytes]


@contextlib.asynccontextmanager
async def backend(answer: Answer, seen: Seen | None = None, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server; `answer(n, head, body)` is what it writes to the nth request (of all connections), b"" closes."""
    noted = Seen() if seen is None else seen
    writers: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.add(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                body = await _body(reader, head)
                noted.heads.append(head)
                noted.bodies.append(body)
                reply = answer(len(noted.heads), head, body)
                if not reply:
                    break
                writer.write(reply)
        writer.close()

    accepted: list[asyncio.BaseTransport] = []

    class Accepting(asyncio.StreamReaderProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            accepted.append(transport)
            super().connection_made(transport)

    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Accepting(asyncio.StreamReader(), serve), "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for _ in range(5):
            await asyncio.sleep(0)  # who has just been accepted is served some turns later
        for writer in writers:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        for transport in accepted:
            if not transport.is_closing():
                transport.close()
        await server.wait_closed()


async def _body(reader: asyncio.StreamReader, head: str) -> bytes:
    lines = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
    if "chunked" in lines.get("transfer-encoding", ""):
        body = b""
        while size := int((await reader.readline()).split(b";")[0], 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readuntil(b"\r\n")
        return body
    return await reader.readexactly(int(lines.get("content-length", "0")))


def plain(status: int, body: bytes = b"", fields: str = "") -> bytes:
    """An answer on the wire."""
    return b"HTTP/1.1 %d X\r\n%bContent-Length: %d\r\n\r\n%b" % (status, fields.encode(), len(body), body)


async def ask(
    port: int, request: str, body: bytes = b"", *, is_framed: bool = False
) -> tuple[int, dict[str, str], bytes]:
    """One request, given as its request line and fields without Host; (status, fields in lower case, body)."""
    line, _, fields = request.partition("\n")
    lines = [f"{line} HTTP/1.1", "Host: example.com", "Connection: close", *fields.split("\n")]
    if body and not is_framed:
        lines.append(f"Content-Length: {len(body)}")
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write("".join(f"{text}\r\n" for text in lines if text).encode() + b"\r\n" + body)
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *rest = head.split("\r\n")
    headers = {name.lower(): value for name, value in (text.split(": ", 1) for text in rest if text)}
    content = await _rest(reader, headers)
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    if headers.get("content-encoding") == "gzip":
        content = gzip.decompress(content)
    return int(first.split()[1]), headers, content


async def _rest(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding") != "chunked":
        return await reader.read()
    content = b""
    while size := int(await reader.readline(), 16):
        content += (await reader.readexactly(size + 2))[:-2]
    return content


def routed(middleware: str, port: int, more: str = "", services: str = "") -> str:
    """YAML of one router with one middleware `m` in front of a server on `port`."""
    return (
        "http:\n"
        f"  routers: {{r: {{rule: PathPrefix(`/`), service: s, middlewares: [m{more}]}}}}\n"
        f"  services: {{s: {{loadBalancer: {{servers: [{{url: 'http://127.0.0.1:{port}'}}]}}}}{services}}}\n"
        f"  middlewares: {{m: {{{middleware}}}}}\n"
    )
