"""Servers that fail in every way under load: as long as one is well, no client sees an error, and they come back."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.loopback import PATIENCE, reset, until
from tests.process.instance import Instance, free_port

STATIC = """
workers: 2
entryPoints:
  web: {{address: "127.0.0.1:{web}"}}
providers:
  file: {{filename: {dynamic}, watch: false}}
"""
DYNAMIC = """
http:
  routers:
    all: {{rule: "PathPrefix(`/`)", service: app, middlewares: [again]}}
  middlewares:
    again: {{retry: {{attempts: 6, status: ["500-504"]}}}}
  serversTransports:
    brisk: {{forwardingTimeouts: {{dialTimeout: {patience}, responseHeaderTimeout: {patience}}}}}
  services:
    app:
      loadBalancer:
        serversTransport: brisk
        servers: [{servers}]
        {checks}
"""
# Once is nothing: the machine that runs this may be busy with other things.
ACTIVE = "healthCheck: {path: /health, interval: 200ms, timeout: 400ms, unhealthyThreshold: 2}"
PASSIVE = "passiveHealthCheck: {failureWindow: 200ms, maxFailedAttempts: 2}"
CLIENTS = 6


class Patient:
    """A server on a port of its own, well unless `fault` says otherwise."""

    def __init__(self) -> None:
        self.port = free_port()
        self.fault = ""
        self.requests = 0
        self.checks = 0
        self.checks_before = 0  # the first request
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    def refuse(self) -> None:
        """Take no more connections; those that are there end with their next answer."""
        server, self._server = self._server, None
        if server is not None:
            server.close()

    async def stop(self) -> None:
        """Die: refuse connections, and break off those that are there."""
        self.refuse()
        for writer in self._writers:
            reset(writer)

    async def fail(self, fault: str) -> None:
        self.fault = fault
        if fault == "killed":
            await self.stop()
        elif fault == "refusing":
            self.refuse()

    async def heal(self) -> None:
        if self.fault in ("killed", "refusing"):
            await self.start()
        self.fault = ""
        self.requests = self.checks = 0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if head.startswith(b"GET /health "):
                    self.checks += 1
                else:
                    if not self.requests:
                        self.checks_before = self.checks
                    self.requests += 1
                if not await self._answer(writer):
                    break
        self._writers.discard(writer)
        writer.close()

    async def _answer(self, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection lives on."""
        fault = self.fault
        if fault == "flapping":
            fault = ("500", "")[self.checks % 2]
        if fault == "resetting":
            reset(writer)
            return False
        if fault == "closing":
            return False
        if fault == "hung":
            await asyncio.sleep(PATIENCE)
            return False
        if fault == "slow":
            await asyncio.sleep(0.5)
        writer.write(b"HTTP/1.1 %b X\r\nContent-Length: 2\r\n\r\nok" % (b"500" if fault == "500" else b"200"))
        return fault != "refusing"


class Load:
    """Clients that ask all the time, and what they got."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.statuses: Counter[str] = Counter()
        self._tasks = [asyncio.create_task(self._ask()) for _ in range(CLIENTS)]

    async def _ask(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            while True:
                writer.write(b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n")
                head = await reader.readuntil(b"\r\n\r\n")
                status = head.split(b" ", 2)[1].decode()
                self.statuses[status] += 1
                if status != "200":
                    break
                await reader.readexactly(2)
                await asyncio.sleep(0.003)
        finally:
            writer.close()

    @property
    def has_failed(self) -> bool:
        return any(task.done() for task in self._tasks)

    async def end(self) -> None:
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task


@pytest.fixture
async def patients() -> AsyncIterator[list[Patient]]:
    patients = [Patient() for _ in range(3)]
    for patient in patients:
        await patient.start()
    yield patients
    for patient in patients:
        await patient.stop()


@pytest.fixture
def checks() -> str:
    return ACTIVE


@pytest.fixture
async def load(tmp_path: Path, patients: list[Patient], checks: str) -> AsyncIterator[Load]:
    web, dynamic, static = free_port(), tmp_path / "dynamic.yml", tmp_path / "static.yml"
    servers = ", ".join(f"{{url: 'http://127.0.0.1:{patient.port}'}}" for patient in patients)
    patience = "600ms" if checks == ACTIVE else "10s"
    dynamic.write_text(DYNAMIC.format(servers=servers, checks=checks, patience=patience))
    static.write_text(STATIC.format(web=web, dynamic=dynamic))
    instance = Instance(static)
    try:
        await asyncio.to_thread(instance.wait_serving)
        load = Load(web)
        yield load
        await load.end()
    finally:
        await asyncio.to_thread(instance.stop)


async def is_spared(patient: Patient) -> bool:
    """Whether nobody asks this server but the health check, for as long as a check takes."""
    requests, checks = patient.requests, patient.checks
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.7):
            await until(lambda: patient.checks > checks)
    return patient.requests == requests


FAULTS = ["killed", "500", "resetting", "closing", "hung", "slow", "flapping", "refusing"]


async def test_no_client_sees_an_error_while_one_server_is_well(patients: list[Patient], load: Load) -> None:
    await until(lambda: all(patient.requests > 5 for patient in patients))
    for number, fault in enumerate(FAULTS):
        first, second = patients[number % 3], patients[(number + 1) % 3]
        await first.fail(fault)
        if fault == "flapping":
            await asyncio.sleep(0.6)
        else:
            while not await is_spared(first):
                pass
        await second.fail(fault)
        await asyncio.sleep(0.3)
        for patient in (first, second):
            await patient.heal()
        await until(lambda: load.has_failed or all(patient.requests > 5 for patient in patients))
        assert load.statuses.keys() == {"200"}, (fault, load.statuses)


@pytest.mark.parametrize("checks", [PASSIVE])
async def test_passive_checks_alone(patients: list[Patient], load: Load) -> None:
    await until(lambda: all(patient.requests > 5 for patient in patients))
    for number, fault in enumerate(["killed", "500", "resetting", "closing", "refusing"]):
        first, second = patients[number % 3], patients[(number + 1) % 3]
        await first.fail(fault)
        await asyncio.sleep(0.1)
        await second.fail(fault)
        await asyncio.sleep(0.4)  # both are asked again now and then
        for patient in (first, second):
            await patient.heal()
        await until(lambda: load.has_failed or all(patient.requests > 5 for patient in patients))
        assert load.statuses.keys() == {"200"}, (fault, load.statuses)


@pytest.mark.parametrize("fault", ["killed", "500"])
async def test_servers_come_back_with_their_first_check(patients: list[Patient], load: Load, fault: str) -> None:
    ill = patients[0]
    await until(lambda: all(patient.requests > 5 for patient in patients))
    await ill.fail(fault)
    while not await is_spared(ill):
        pass
    await ill.heal()
    await until(lambda: load.has_failed or ill.requests > 0)
    assert ill.checks_before == 1
    assert load.statuses.keys() == {"200"}
