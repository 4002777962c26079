"""HTTP/2 by the clients that people use, in plain and over TLS: curl, nghttp and h2load."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.certificates import make
from tests.live import backend, live, plain
from tests.secure import certificates_of

MIB = 1 << 20
ROUTERS = """http:
  routers:
    plain: {rule: 'PathPrefix(`/`)', service: s}
    secure: {rule: 'PathPrefix(`/`)', service: s, tls: {}}
  services: {s: {loadBalancer: {servers: [{url: 'http://127.0.0.1:%d'}]}}}
"""
BOTH = pytest.mark.parametrize("scheme", ["http", "https"])


def echo(number: int, head: str, body: bytes) -> bytes:
    """Answers with the size of what it got, or with a megabyte."""
    return plain(200, b"x" * MIB if head.startswith("GET /big") else b"%d" % len(body))


@asynccontextmanager
async def served(directory: Path) -> AsyncIterator[int]:
    async with backend(echo) as server:
        tls = "tls:\n" + certificates_of(directory, a=make("a.example.com"))
        async with live(ROUTERS % server + tls) as port:
            yield port


async def run(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    return output.decode("latin-1")


def curl(scheme: str, port: int, path: str, *words: str) -> tuple[str, ...]:
    version = "--http2" if scheme == "https" else "--http2-prior-knowledge"
    form = "\n%{http_version} %{http_code} %{size_download}"
    connect = f"a.example.com:{port}:127.0.0.1"
    url = f"{scheme}://a.example.com:{port}{path}"
    return ("curl", "-sSk", version, "-w", form, "--resolve", connect, *words, url)


@BOTH
async def test_curl(scheme: str, tmp_path: Path) -> None:
    body = tmp_path / "body"
    body.write_bytes(b"y" * 3 * MIB)
    async with served(tmp_path) as port:
        assert await run(*curl(scheme, port, "/")) == "0\n2 200 1"
        assert (await run(*curl(scheme, port, "/big"))).endswith(f"\n2 200 {MIB}")
        assert await run(*curl(scheme, port, "/", "-T", str(body))) == f"{3 * MIB}\n2 200 7"
        assert await run(*curl(scheme, port, "/", "-T", str(body), "-H", "Transfer-Encoding: chunked")) == (
            f"{3 * MIB}\n2 200 7"
        )
        assert (await run(*curl(scheme, port, "/", "-I"))).splitlines()[0] == "HTTP/2 200 "
        assert (await run(*curl(scheme, port, "/", "--http1.1"))).endswith("\n1.1 200 1")


@BOTH
async def test_nghttp(scheme: str, tmp_path: Path) -> None:
    async with served(tmp_path) as port:
        url = f"{scheme}://127.0.0.1:{port}"
        output = await run("nghttp", "-v", "-m", "5", "--no-verify-peer", f"{url}/", f"{url}/big")
    assert output.count(":status: 200") == 10
    assert "SETTINGS_MAX_CONCURRENT_STREAMS(0x03):250" in output
    assert "recv GOAWAY" not in output
    assert "recv RST_STREAM" not in output
    assert output.count("; END_STREAM\n") >= 10


@BOTH
async def test_h2load(scheme: str, tmp_path: Path) -> None:
    async with served(tmp_path) as port:
        output = await run("h2load", "-n", "1000", "-c", "4", "-m", "20", f"{scheme}://127.0.0.1:{port}/")
    assert re.search(r"1000 done, 1000 succeeded, 0 failed, 0 errored, 0 timeout", output), output
