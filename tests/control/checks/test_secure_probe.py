"""Health checks of servers with TLS and with HTTP/2, by the transport of their service."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.h2_server import Asked, H2Server
from tests.loopback import Scripted, Visit, fixed
from tests.tls_servers import authority, pair_for, server_context
from trafficcop.config.dynamic import ServerHealthCheck
from trafficcop.control.checks.health import CheckFailed
from trafficcop.control.checks.http_probe import HTTPProbe
from trafficcop.plan.model import TransportPlan
from trafficcop.tls.client import ServerTrust

TRUSTING = TransportPlan(trust=ServerTrust(roots=(authority().pem.decode(),)))
CAREFREE = TransportPlan(trust=ServerTrust(is_unverified=True))
CHECK = ServerHealthCheck(path="/health?deep", method="POST", hostname="app.example.com", headers={"X-Probe": "1"})


async def verdict(url: str, transport: TransportPlan, config: ServerHealthCheck = CHECK) -> str:
    try:
        async with asyncio.timeout(10):
            await HTTPProbe(url, config, transport)()
    except CheckFailed as error:
        return str(error)
    finally:
        await asyncio.sleep(0)
    return ""


@contextlib.asynccontextmanager
async def started(server: Scripted) -> AsyncIterator[Scripted]:
    """Until every connection of it is closed."""
    await server.start()
    yield server
    for visit in server.visits:
        visit.abort()
    await server.stop()
    for visit in server.visits:
        with contextlib.suppress(OSError):
            await visit.writer.wait_closed()


async def well(asked: Asked) -> None:
    await asked.ended()
    await asked.answer(b"ok")


def assert_asked(asked: Asked, scheme: bytes) -> None:
    fields = dict(asked.head)
    assert fields == {
        b":method": b"POST",
        b":scheme": scheme,
        b":authority": b"app.example.com",
        b":path": b"/health?deep",
        b"content-length": b"0",
        b"user-agent": b"trafficcop",
        b"x-probe": b"1",
    }


async def test_http_2_by_prior_knowledge() -> None:
    async with H2Server(well) as server:
        assert await verdict(server.url, TransportPlan()) == ""
        assert_asked(server.asked[0], b"http")


async def test_http_2_by_scheme() -> None:
    async with H2Server(well) as server:
        config = ServerHealthCheck(path="/", scheme="h2c")
        assert await verdict(f"http://127.0.0.1:{server.port}", TransportPlan(), config) == ""


@pytest.mark.parametrize(("transport", "failure"), [(TRUSTING, ""), (CAREFREE, ""), (TransportPlan(), "certificate")])
async def test_http_2_over_tls(tmp_path: Path, transport: TransportPlan, failure: str) -> None:
    async with H2Server(well, server_context(tmp_path, pair_for("127.0.0.1"))) as server:
        for _ in range(2):
            found = await verdict(server.url, transport)
            assert failure in found if failure else found == ""
        if not failure:
            assert_asked(server.asked[0], b"https")
            assert len(server.visits) == 2  # each check on a connection of its own
        else:
            assert server.asked == []


async def test_http_1_over_tls(tmp_path: Path) -> None:
    context = server_context(tmp_path, pair_for("127.0.0.1"))
    context.set_alpn_protocols(["http/1.1"])
    async with started(Scripted(fixed(), context)) as server:
        assert await verdict(f"https://127.0.0.1:{server.port}", TRUSTING) == ""
        assert server.heads[0].startswith(b"POST /health?deep HTTP/1.1\r\nHost: app.example.com\r\n")


async def test_a_plain_server_that_should_speak_tls() -> None:
    async def script(visit: Visit) -> None:
        await visit.reader.read(65536)
        await visit.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with started(Scripted(script)) as server:
        assert "HTTP request failed" in await verdict(f"https://127.0.0.1:{server.port}", CAREFREE)
