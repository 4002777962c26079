"""Exporters that push: over UDP, Unix sockets and HTTP, and what becomes of them when nobody is there."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.certificates import make
from tests.control.given import static
from tests.live import backend, plain
from trafficcop.config.observability import Metrics
from trafficcop.control.figures import pushing as control_pushing
from trafficcop.control.figures.expiry import expiries
from trafficcop.control.figures.pushing import Pusher, pushers_of, start_all
from trafficcop.telemetry.metrics import counting_of
from trafficcop.telemetry.snapshot import Facts, Snapshot
from trafficcop.telemetry.totals import Totals

LINE = b"traefik.config.reload.total:1.000000|c\n"


def metrics(text: str) -> Metrics:
    found = static(f"metrics: {text}").metrics
    assert found is not None
    return found


def pusher(text: str, **environ: str) -> Pusher:
    (found,) = pushers_of(metrics(text), environ)
    return found


class Reloads:
    """What control knows: only how often it has reloaded."""

    def __init__(self) -> None:
        self.count = 1
        self.reads = 0
        self._unseen = asyncio.Semaphore(0)

    async def read(self) -> Snapshot:
        self.reads += 1
        self._unseen.release()
        return Snapshot(Totals(), Facts(reloads=self.count))

    async def wait(self, reads: int) -> None:
        """For so many more."""
        for _ in range(reads):
            await self._unseen.acquire()


@contextlib.asynccontextmanager
async def pushing(text: str, *, is_new: bool = True, **environ: str) -> AsyncIterator[Reloads]:
    given, reloads = metrics(text), Reloads()
    counting = counting_of(given)
    assert counting is not None
    tasks = start_all(pushers_of(given, environ), reloads.read, counting, is_new=is_new)
    try:
        yield reloads
        assert not any(task.done() for task in tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.contextmanager
def listening(family: int, kind: int, address: Any) -> Iterator[socket.socket]:
    with socket.socket(family, kind) as sock:
        sock.bind(address)
        sock.settimeout(10)
        yield sock


async def received(sock: socket.socket) -> bytes:
    return await asyncio.to_thread(sock.recv, 65536)


@pytest.mark.parametrize("kind", ["statsD", "datadog"])
async def test_datagrams(kind: str) -> None:
    with listening(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)) as sock:
        address = f"127.0.0.1:{sock.getsockname()[1]}"
        async with pushing(f"{{{kind}: {{address: '{address}', pushInterval: 100ms}}}}") as reloads:
            assert (await received(sock)).startswith(LINE)
            reloads.count += 2
            while b"reload.total:2.000000|c" not in await received(sock):
                pass


async def test_the_agent_is_found_as_datadogs_own_clients_find_it() -> None:
    with listening(socket.AF_INET6, socket.SOCK_DGRAM, ("::1", 0)) as sock:
        environ = {"DD_AGENT_HOST": "::1", "DD_DOGSTATSD_PORT": str(sock.getsockname()[1])}
        async with pushing("{datadog: {pushInterval: 100ms}}", **environ):
            assert (await received(sock)).startswith(LINE)


@pytest.mark.parametrize("scheme", ["unix", "unixgram"])
async def test_a_local_datagram_socket(scheme: str, tmp_path: Path) -> None:
    path = str(tmp_path / "agent.sock")
    with listening(socket.AF_UNIX, socket.SOCK_DGRAM, path) as sock:
        async with pushing(f"{{datadog: {{address: '{scheme}://{path}', pushInterval: 100ms}}}}"):
            assert (await received(sock)).startswith(LINE)


@pytest.mark.parametrize("scheme", ["unix", "unixstream"])
async def test_a_local_stream(scheme: str, tmp_path: Path) -> None:
    path = str(tmp_path / "agent.sock")
    with listening(socket.AF_UNIX, socket.SOCK_STREAM, path) as sock:
        sock.listen()
        async with pushing(f"{{datadog: {{address: '{scheme}://{path}', pushInterval: 100ms}}}}"):
            connection, _ = await asyncio.to_thread(sock.accept)
            with connection:
                connection.settimeout(10)
                assert (await received(connection)).startswith(LINE)


INFLUX = "{{influxDB2: {{address: 'http://127.0.0.1:{}/', org: o, bucket: 'b c', token: '{}', pushInterval: 100ms}}}}"


async def test_influxdb(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("secret\n")
    heads: list[str] = []
    bodies: list[bytes] = []

    def answer(n: int, head: str, body: bytes) -> bytes:
        heads.append(head)
        bodies.append(body)
        return plain(204)

    async with backend(answer) as port, pushing(INFLUX.format(port, token)) as reloads:
        await reloads.wait(3)
    assert heads[0].startswith("POST /api/v2/write?bucket=b+c&org=o&precision=ns HTTP/1.1\r\n")
    assert "\r\nAuthorization: Token secret\r\n" in heads[0]
    assert bodies[0].startswith(b"traefik.config.reload.total count=1.0 ")
    assert b"reload.total" not in b"".join(bodies[1:])


@pytest.mark.parametrize(
    "broken",
    [b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", b"no HTTP at all\r\n\r\n", b"", b"HTTP/1.1 301 X\r\n\r\n"],
)
async def test_a_database_that_fails_is_told_later(broken: bytes, caplog: pytest.LogCaptureFixture) -> None:
    bodies: list[bytes] = []
    done = asyncio.Event()

    def answer(n: int, head: str, body: bytes) -> bytes:
        bodies.append(body)
        if len(bodies) <= 2:
            return broken
        if len(bodies) > 3:
            done.set()
        return plain(204)

    async with backend(answer) as port, pushing(INFLUX.format(port, "t")) as reloads:
        await reloads.wait(2)
        reloads.count = 5
        await asyncio.wait_for(done.wait(), 10)
    told = [record for record in caplog.records if record.message == "cannot push metrics"]
    assert len(told) == 1
    assert b"reload.total count=5.0" in bodies[2]
    assert b"reload.total" not in bodies[3]


@pytest.mark.parametrize(
    "text",
    [
        "{statsD: {address: '127.0.0.1:0', pushInterval: 100ms}}",
        "{statsD: {address: 'nowhere', pushInterval: 100ms}}",
        "{datadog: {address: 'unix:///nowhere/agent.sock', pushInterval: 100ms}}",
        "{influxDB2: {address: 'nowhere', org: o, bucket: b, token: t, pushInterval: 100ms}}",
        "{influxDB2: {address: 'http://127.0.0.1:1', org: o, bucket: b, token: /nowhere, pushInterval: 100ms}}",
    ],
)
async def test_nobody_is_there(text: str, caplog: pytest.LogCaptureFixture) -> None:
    async with pushing(text) as reloads:
        await reloads.wait(3)
    assert len([record for record in caplog.records if record.message == "cannot push metrics"]) == 1


async def test_a_peer_that_does_not_answer_holds_nothing_up() -> None:
    """The task can be cancelled at once, and no thread of the event loop's own is in use."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        async with pushing(INFLUX.format(server.getsockname()[1], "t")) as reloads:
            connection, _ = await asyncio.to_thread(server.accept)
            await asyncio.wait_for(asyncio.sleep(0), 1)
            assert reloads.reads == 1
        connection.close()


async def test_what_an_earlier_control_process_told_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_pushing, "_SETTLING_SECONDS", 0.01)
    with listening(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)) as sock:
        text = f"{{statsD: {{address: '127.0.0.1:{sock.getsockname()[1]}', pushInterval: 100ms}}}}"
        async with pushing(text, is_new=False) as reloads:
            assert b"reload.total" not in await received(sock)
            reloads.count += 1
            while b"reload.total:1.0" not in await received(sock):
                pass


@pytest.mark.parametrize("missing", ["org", "bucket", "token"])
def test_influxdb_needs_three_options(missing: str, caplog: pytest.LogCaptureFixture) -> None:
    options = {"org": "o", "bucket": "b", "token": "t"}
    del options[missing]
    text = ", ".join(f"{name}: {value}" for name, value in options.items())
    assert pushers_of(metrics(f"{{influxDB2: {{{text}}}}}"), {}) == []
    assert [record.message for record in caplog.records] == ["token, org or bucket is missing"]


def test_levels_and_interval() -> None:
    found = pusher("{statsD: {addRoutersLabels: true, addServicesLabels: false, pushInterval: 3s}}")
    assert (found.name, found.interval, found.levels) == ("statsd", 3.0, ("entrypoint", "router"))
    assert pusher("{datadog: {}}").interval == 10.0
    assert pusher("{datadog: {}}").levels == ("entrypoint", "service")


def test_expiries() -> None:
    made = make("b.example.com", "a.example.com", "127.0.0.1", common="example.com")
    nameless = make()
    first, second = expiries([made.pem, made.pem, nameless.pem])
    assert (first.common_name, first.sans) == ("example.com", "a.example.com,b.example.com")
    assert first.serial == str(made.certificate.serial_number)
    assert first.not_after == made.certificate.not_valid_after_utc.timestamp()
    assert (second.common_name, second.sans) == ("", "")
