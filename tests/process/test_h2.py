"""Instances that are reloaded and stopped while clients of HTTP/2 are busy: no request is lost."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.h2_client import H2Client
from tests.live import backend, plain
from tests.loopback import until as soon
from tests.process.conftest import Start
from tests.process.instance import Instance, get, until
from trafficcop.http.h2.faults import NO_ERROR

ROUTES = """http:
  routers: {%s: {rule: "PathPrefix(`/`)", service: s}}
  services: {s: {loadBalancer: {servers: [{url: "http://127.0.0.1:%d"}]}}}
"""


@pytest.fixture
async def server() -> AsyncIterator[int]:
    async with backend(lambda number, head, body: plain(200, b"ok")) as server:
        yield server


async def begin(start: Start, port: int, directory: Path, server: int, workers: int = 2) -> Instance:
    """An instance that routes to `server`."""
    instance = start(workers=workers)
    (directory / "dynamic.yml").write_text(ROUTES % ("first", server))
    await asyncio.to_thread(until, lambda: "Serving" in instance.log(), "serving")
    instance.signal(signal.SIGHUP)
    await asyncio.to_thread(until, lambda: get(port)[1] == b"ok", "the routes")
    return instance


async def test_reloads(start: Start, port: int, tmp_path: Path, server: int) -> None:
    instance = await begin(start, port, tmp_path, server)
    load = await asyncio.create_subprocess_exec(
        *("h2load", "-n12000", "-c8", "-m20", f"http://127.0.0.1:{port}/"), stdout=asyncio.subprocess.PIPE
    )
    ended = asyncio.create_task(load.communicate())
    reloads = 0
    while not ended.done():
        # Something else each time, or there would be nothing to put in force.
        (tmp_path / "dynamic.yml").write_text(ROUTES % (f"router{reloads}", server))
        instance.signal(signal.SIGHUP)
        reloads += 1
        await asyncio.sleep(0.05)
    output = (await ended)[0].decode()
    assert "12000 succeeded, 0 failed, 0 errored, 0 timeout" in output, output
    assert reloads > 3


async def ask_on(client: H2Client) -> None:
    """Keep ten requests under way until the router wants no more, and wait for the last answer."""
    while not client.is_closed:
        under_way = sum(not answer.is_ended for answer in client.answers.values())
        if client.goaway is None:
            for _ in range(10 - under_way):
                await client.start()
        await client.receive()


@pytest.mark.parametrize("workers", [0, 2])
async def test_a_stop(start: Start, port: int, tmp_path: Path, server: int, workers: int) -> None:
    instance = await begin(start, port, tmp_path, server, workers)
    clients = [await H2Client.connect(port) for _ in range(6)]
    idle = [await H2Client.connect(port) for _ in range(3)]
    for client in idle:
        assert (await client.ask()).status == 200
    asking = [asyncio.create_task(ask_on(client)) for client in clients]
    await soon(lambda: all(len(client.answers) >= 30 for client in clients))
    instance.signal(signal.SIGTERM)
    await asyncio.gather(*asking, *(client.closed() for client in idle))
    for client in [*clients, *idle]:
        assert client.goaway == NO_ERROR
        assert client.last_stream_id == max(client.answers)
        assert all(answer.is_ended and answer.status == 200 for answer in client.answers.values())
        client.close()
    assert await asyncio.to_thread(instance.wait) == 0
