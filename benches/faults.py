"""What clients notice when two of three servers fail, in every way in which servers fail."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import statistics
import struct
import sys
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvloop

from benches.load import Wanted
from benches.measure import Bench, Row, Running
from benches.paced import Pace
from benches.peers import Job, Peer
from benches.processes import free_port

Figures = dict[str, Row]

PER_SECOND = 2000
FAULTS = ("killed", "refusing", "hung", "slow", "500", "resetting", "closing", "flapping")
_ANSWER = b"HTTP/1.1 %b X\r\nContent-Length: 2\r\n\r\nok"
_SLOW_SECONDS = 0.2
_CHECKS = {
    "passive": "",
    "passive and active": "        healthCheck: {path: /health, interval: 1s, unhealthyInterval: 1s, timeout: 500ms}\n",
}
_DYNAMIC = """
http:
  routers:
    app: {{rule: Host(`bench.example.com`), service: app, middlewares: [again]}}
  middlewares:
    again: {{retry: {{attempts: 4, status: ["500-504"]}}}}
  serversTransports:
    brisk: {{forwardingTimeouts: {{dialTimeout: 500ms, responseHeaderTimeout: 500ms}}}}
  services:
    app:
      loadBalancer:
        serversTransport: brisk
        passiveHealthCheck: {{failureWindow: 1s, maxFailedAttempts: 3}}
{checks}        servers: [{servers}]
"""


def faults(bench: Bench) -> Figures:
    """2,000 requests a second while first one, then another of three servers fails; every fault in its turn."""
    figures: Figures = {}
    seconds = 12 * bench.seconds / len(FAULTS)
    for peer in bench.peers:
        if peer.can_route:
            for checks, text in _CHECKS.items():
                rows = uvloop.run(_measure(bench, peer, text, seconds))
                figures |= {f"{peer.name}, {checks}, {fault}": row for fault, row in rows.items()}
    return figures


async def _measure(bench: Bench, peer: Peer, checks: str, seconds: float) -> Figures:
    async with _three_servers() as servers:
        listed = ", ".join(f"{{url: 'http://127.0.0.1:{server.port}'}}" for server in servers)
        text = _DYNAMIC.format(servers=listed, checks=checks)
        given = replace(peer, command=lambda job: peer.command(replace(job, dynamic=text)))
        context = bench.running(given, Job(Path(), 0, 0))
        running = await asyncio.to_thread(context.__enter__)
        try:
            return await _all_faults(running, servers, seconds)
        finally:
            await asyncio.to_thread(context.__exit__, *sys.exc_info())


async def _all_faults(running: Running, servers: list[Patient], seconds: float) -> Figures:
    """Each fault for as long: one server alone, then another as well, then both are well again."""
    pace = Pace(running.port, PER_SECOND, Wanted())
    await pace.ask_for(1.0)
    pace.take()
    figures: Figures = {}
    for number, fault in enumerate(FAULTS):
        first, second = servers[number % 3], servers[(number + 1) % 3]
        asking = asyncio.create_task(pace.ask_for(seconds))
        await first.fail(fault)
        await asyncio.sleep(seconds / 4)
        await second.fail(fault)
        await asyncio.sleep(seconds / 4)
        for server in (first, second):
            await server.heal()
        await asking
        outcomes, times = pace.take()
        figures[fault] = _row(outcomes, times, seconds, max(first.back_after, second.back_after))
        if outcomes.keys() - {"200"}:
            sys.stderr.write(f"  {running.peer.name}: {fault}: {dict(outcomes)}, lag {pace.lag:.3f} s\n")
        pace.lag = 0.0
    await pace.end()
    left, _ = pace.take()
    figures[FAULTS[-1]]["failed"] += sum(left.values()) - left["200"]
    return figures


def _row(outcomes: Counter[str], times: list[float], seconds: float, back_after: float) -> Row:
    times.sort()
    return {
        "rps": len(times) / seconds,
        "p50_ms": statistics.median(times) * 1e3,
        "p99_ms": times[int(len(times) * 0.99)] * 1e3,
        "back_s": back_after,
        "failed": float(sum(outcomes.values()) - outcomes["200"]),
    }


# === servers ===


class Patient:
    """A server that is well unless `fault` says otherwise. `back_after`: seconds from its healing to a request."""

    def __init__(self) -> None:
        self.port = free_port()
        self.fault = ""
        self.connections: set[_Connection] = set()
        self.back_after = 0.0
        self._healed_at = 0.0
        self._server: Any = None

    async def start(self) -> None:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(1024)
        self._server = await asyncio.get_running_loop().create_server(
            lambda: _Connection(self), sock=listener, backlog=1024
        )

    def stop(self) -> None:
        """Refuse connections from now on."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def fail(self, fault: str) -> None:
        self.fault = fault
        if fault in ("killed", "refusing"):
            self.stop()
        if fault == "killed":
            for connection in list(self.connections):
                connection.reset()

    async def heal(self) -> None:
        if self._server is None:
            await self.start()
        self.fault, self.back_after = "", float("inf")
        self._healed_at = asyncio.get_running_loop().time()

    def note_request(self) -> None:
        if self.back_after == float("inf"):
            self.back_after = asyncio.get_running_loop().time() - self._healed_at


class _Connection(asyncio.Protocol):
    def __init__(self, patient: Patient) -> None:
        self._patient = patient
        self._data = b""
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._patient.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._patient.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        self._data += data
        if not self._data.endswith(b"\r\n\r\n"):
            return
        if not self._data.startswith(b"GET /health "):
            self._patient.note_request()
        self._data = b""
        self._answer(asyncio.get_running_loop())

    def _answer(self, loop: asyncio.AbstractEventLoop) -> None:
        fault = self._patient.fault
        if fault == "flapping":
            fault = "500" if int(loop.time() * 2) % 2 else ""
        if fault == "resetting":
            self.reset()
        elif fault == "closing":
            self._transport.close()
        elif fault == "slow":
            loop.call_later(_SLOW_SECONDS, self._write, b"200")
        elif fault != "hung":
            self._write(b"500" if fault == "500" else b"200")

    def _write(self, status: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(_ANSWER % status)

    def reset(self) -> None:
        sock = self._transport.get_extra_info("socket")
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()


@contextlib.asynccontextmanager
async def _three_servers() -> AsyncIterator[list[Patient]]:
    servers = [Patient() for _ in range(3)]
    for server in servers:
        await server.start()
    try:
        yield servers
    finally:
        for server in servers:
            server.stop()
            for connection in list(server.connections):
                connection.reset()
