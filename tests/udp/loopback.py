"""UDP on loopback for tests: a worker that serves YAML, servers and clients."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable

from tests.control.given import compiled, static, told
from trafficcop.control.channel import parts_of
from trafficcop.worker.runtime import Runtime

PATIENCE = 10.0
Reply = Callable[[bytes, tuple], bytes | None]


class UDPServer:
    """Answers each datagram with `reply(data, sender)`, None for no answer; notes who asked."""

    def __init__(self, sock: socket.socket, reply: Reply) -> None:
        self.reply = reply
        self.seen: list[tuple[bytes, tuple]] = []
        self.port: int = sock.getsockname()[1]
        self._sock = sock

    def send(self, data: bytes, address: tuple) -> None:
        self._sock.sendto(data, address)

    def receive(self) -> None:
        data, sender = self._sock.recvfrom(65536)
        self.seen.append((data, sender))
        answer = self.reply(data, sender)
        if answer is not None:
            self.send(answer, sender)

    @property
    def clients(self) -> set[tuple]:
        return {sender for _, sender in self.seen}


@contextlib.asynccontextmanager
async def server(reply: Reply | bytes = b"", port: int = 0) -> AsyncIterator[UDPServer]:
    """A server; bytes are put in front of what it is asked."""
    answer: Reply = (lambda data, _: reply + data) if isinstance(reply, bytes) else reply
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.bind(("127.0.0.1", port))
        running = UDPServer(sock, answer)
        loop.add_reader(sock.fileno(), running.receive)
        try:
            yield running
        finally:
            loop.remove_reader(sock.fileno())


class UDPClient:
    """A socket with an address of its own."""

    def __init__(self, sock: socket.socket, port: int) -> None:
        self.sock = sock
        self.port = port

    async def send(self, data: bytes, host: str = "127.0.0.1") -> None:
        await asyncio.get_running_loop().sock_sendto(self.sock, data, (host, self.port))

    async def receive(self) -> tuple[bytes, tuple]:
        async with asyncio.timeout(PATIENCE):
            return await asyncio.get_running_loop().sock_recvfrom(self.sock, 65536)

    async def ask(self, data: bytes, host: str = "127.0.0.1") -> bytes:
        await self.send(data, host)
        return (await self.receive())[0]


@contextlib.contextmanager
def client(port: int, host: str = "127.0.0.1"):
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.bind((host, 0))
        yield UDPClient(sock, port)


class UDPWorker:
    """A worker with one UDP entry point `dns`."""

    def __init__(self, runtime: Runtime, given, port: int) -> None:
        self.runtime = runtime
        self.port = port
        self._given = given

    @property
    def listener(self):
        return self.runtime.datagrams.listeners["dns"]

    def install(self, dynamic: str) -> None:
        plan, report = compiled(dynamic, self._given)
        assert not told(report), told(report)
        linker = self.runtime.linker()
        for part in parts_of(plan):
            linker.add(part)
        for _ in self.runtime.install(linker.finish()):
            pass


@contextlib.asynccontextmanager
async def worker(dynamic: str, timeout: str = "3s", host: str = "127.0.0.1") -> AsyncIterator[UDPWorker]:
    given = static(
        f"entryPoints: {{dns: {{address: '127.0.0.1:0/udp', udp: {{timeout: {timeout}}},"
        " transport: {lifeCycle: {graceTimeOut: 0s}}}}"
    )
    runtime = Runtime(given)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    sock.bind((host, 0))
    runtime.listen("dns", sock)
    running = UDPWorker(runtime, given, sock.getsockname()[1])
    running.install(dynamic)
    await runtime.start()
    try:
        yield running
    finally:
        await runtime.drain()


def routed(*ports: int, router: str = "", more: str = "", balancer: str = "") -> str:
    """YAML of one router in front of servers on these ports."""
    servers = ", ".join(f"{{address: '127.0.0.1:{port}'}}" for port in ports)
    return (
        "udp:\n"
        f"  routers: {{r: {{service: s{router}}}}}\n"
        f"  services: {{s: {{loadBalancer: {{servers: [{servers}]{balancer}}}}}}}\n"
        f"{more}"
    )
