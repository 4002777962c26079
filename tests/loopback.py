"""A router between raw clients and scripted servers, all on loopback."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from trafficcop.config.dynamic import LoadBalancer, Server, ServersTransport, Service
from trafficcop.config.entry_points import EntryPoint
from trafficcop.config.static import StaticConfiguration
from trafficcop.plan.messages import PlanPart
from trafficcop.plan.model import RouterPlan, ServicePlan, TransportPlan
from trafficcop.rules.parse import parse
from trafficcop.tls.client import DEFAULT_TRUST, ServerTrust
from trafficcop.worker.link import Linker
from trafficcop.worker.runtime import Runtime

PATIENCE = 10.0  # nothing here takes so long unless it hangs

Script = Callable[["Visit"], Awaitable[None]]


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection with RST instead of FIN."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@dataclass
class Visit:
    """One connection that reached a scripted server."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    heads: list[bytes] = field(default_factory=list)
    received: bytes = b""

    async def head(self) -> bytes:
        """The next request's head; b"" when the router closed instead."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return b""
        self.heads.append(head)
        return head

    async def body(self, size: int) -> bytes:
        data = await self.reader.readexactly(size)
        self.received += data
        return data

    async def until(self, mark: bytes) -> bytes:
        data = await self.reader.readuntil(mark)
        self.received += data
        return data

    async def closed(self) -> bytes:
        """Wait for the router to close; what it sent before."""
        try:
            data = await self.reader.read()
        except ConnectionError:
            data = b""
        self.received += data
        return data

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def abort(self) -> None:
        self.writer.transport.abort()

    def reset(self) -> None:
        reset(self.writer)


class Scripted:
    """A server that plays its script for every connection, and remembers all of them."""

    def __init__(self, script: Script, tls: ssl.SSLContext | None = None) -> None:
        self.script = script
        self.tls = tls
        self.visits: list[Visit] = []
        self.errors: list[Exception] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    @property
    def heads(self) -> list[bytes]:
        return [head for visit in self.visits for head in visit.heads]

    @property
    def url(self) -> str:
        return f"{'http' if self.tls is None else 'https'}://127.0.0.1:{self.port}"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._play, "127.0.0.1", 0, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _play(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visit = Visit(reader, writer)
        self.visits.append(visit)
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
        try:
            await self.script(visit)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        except Exception as error:
            self.errors.append(error)
        finally:
            writer.close()

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        assert self.errors == []


class Client:
    """A raw connection to the router."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def head(self) -> tuple[int, dict[bytes, bytes]]:
        """Status and fields (names in lower case) of the next answer."""
        async with asyncio.timeout(PATIENCE):
            raw = await self.reader.readuntil(b"\r\n\r\n")
        lines = raw[:-4].split(b"\r\n")
        fields: dict[bytes, bytes] = {}
        for line in lines[1:]:
            name, _, value = line.partition(b": ")
            fields[name.lower()] = fields[name.lower()] + b"|" + value if name.lower() in fields else value
        return int(lines[0].split(b" ")[1]), fields

    async def answer(self, method: bytes = b"GET") -> tuple[int, dict[bytes, bytes], bytes]:
        """The next answer, its body unpacked; trailers are among the fields with `trailer:` before their names."""
        status, fields = await self.head()
        async with asyncio.timeout(PATIENCE):
            if method == b"HEAD" or status in (204, 304) or status < 200:
                body = b""
            elif fields.get(b"transfer-encoding") == b"chunked":
                body = await self._chunks(fields)
            elif b"content-length" in fields:
                body = await self.reader.readexactly(int(fields[b"content-length"]))
            else:
                body = await self.reader.read()
        return status, fields, body

    async def chunk(self) -> bytes:
        async with asyncio.timeout(PATIENCE):
            size = int(await self.reader.readuntil(b"\r\n"), 16)
            if size == 0:
                return b""
            return (await self.reader.readexactly(size + 2))[:-2]

    async def _chunks(self, fields: dict[bytes, bytes]) -> bytes:
        body = b""
        while chunk := await self.chunk():
            body += chunk
        while (line := await self.reader.readuntil(b"\r\n")) != b"\r\n":
            name, _, value = line[:-2].partition(b": ")
            fields[b"trailer:" + name.lower()] = value
        return body

    async def ask(self, raw: bytes, method: bytes = b"GET") -> tuple[int, dict[bytes, bytes], bytes]:
        await self.send(raw)
        return await self.answer(method)

    async def rest(self) -> bytes:
        """Everything until the router closes; a reset counts as a close."""
        data = b""
        async with asyncio.timeout(PATIENCE):
            try:
                while piece := await self.reader.read(65536):
                    data += piece
            except ConnectionError:
                pass
        return data

    def close(self) -> None:
        self.writer.close()

    def abort(self) -> None:
        self.writer.transport.abort()

    def reset(self) -> None:
        reset(self.writer)


class Loopback:
    """A Runtime with one entry point, and one router that sends everything to one service."""

    def __init__(self, runtime: Runtime, port: int) -> None:
        self.runtime = runtime
        self.port = port
        self._clients: list[Client] = []

    async def client(self, **options: object) -> Client:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, **options)  # type: ignore[arg-type]
        client = Client(reader, writer)
        self._clients.append(client)
        return client

    async def ask(self, raw: bytes, method: bytes = b"GET") -> tuple[int, dict[bytes, bytes], bytes]:
        """Over a connection of its own."""
        client = await self.client()
        try:
            return await client.ask(raw, method)
        finally:
            client.close()

    async def exchange(self, raw: bytes) -> bytes:
        """Everything that comes back until the router closes."""
        client = await self.client()
        await client.send(raw)
        return await client.rest()

    def close(self) -> None:
        for client in self._clients:
            client.abort()


def part_of(
    linker: Linker, balancer: LoadBalancer, urls: list[tuple[str, bool]], transport: TransportPlan | None = None
) -> None:
    """One router that sends everything to one service; each URL with its `preservePath`."""
    servers = tuple(Server(url=url, preserve_path=is_preserved) for url, is_preserved in urls)
    service = Service(load_balancer=replace(balancer, servers=servers))
    linker.add(
        PlanPart(
            1,
            services=(ServicePlan("app@file", service),),
            transports={"default@internal": transport or TransportPlan()},
        )
    )
    rule = parse("PathPrefix(`/`)")
    linker.add(PlanPart(1, routers=(RouterPlan("all@file", "web", rule, "v3", 1, 0, (), "app@file"),), is_last=True))


@asynccontextmanager
async def router(
    *servers: Scripted | str,
    entry_point: EntryPoint | None = None,
    transport: ServersTransport | None = None,
    trust: ServerTrust = DEFAULT_TRUST,
    static: StaticConfiguration | None = None,
    balancer: LoadBalancer | None = None,
) -> AsyncIterator[Loopback]:
    """`servers`: scripted ones, which are started and stopped, or URLs."""
    urls = []
    for server in servers:
        if isinstance(server, Scripted):
            await server.start()
            urls.append(server.url)
        else:
            urls.append(server)
    static = replace(static or StaticConfiguration(), entry_points={"web": entry_point or EntryPoint()})
    runtime = Runtime(static)
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    runtime.listen("web", sock)
    linker = runtime.linker()
    plan = TransportPlan(transport or ServersTransport(), trust)
    part_of(linker, balancer or LoadBalancer(), [(url, False) for url in urls], plan)
    runtime.install(linker.finish())
    await runtime.start()
    loopback = Loopback(runtime, sock.getsockname()[1])
    try:
        yield loopback
    finally:
        loopback.close()
        for listener in runtime.listeners.values():
            await listener.stop_accepting()
            listener.abort()
        runtime._pools.close()
        runtime._deadlines.stop()
        sock.close()
        for server in servers:
            if isinstance(server, Scripted):
                await server.stop()
        await asyncio.sleep(0)


def fixed(answer: bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") -> Script:
    """A server that answers every request without a body alike."""

    async def script(visit: Visit) -> None:
        while await visit.head():
            await visit.send(answer)

    return script


async def silent(visit: Visit) -> None:
    """Reads the head of one request, and says nothing until its client leaves."""
    await visit.head()
    await visit.closed()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that will come true without a sign."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - what is waited for is no event of ours
            await asyncio.sleep(0.005)
