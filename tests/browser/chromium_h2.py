"""HTTP/2 by a browser: a page of many parts on one connection, and a WebSocket on a stream of it (RFC 8441).

Chromium is large, so `scripts/test` leaves this out; `scripts/test --browser` installs it and runs this.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

from tests.certificates import make
from tests.live import plain, running
from tests.secure import certificates_of

PARTS = 80
PATIENCE = 30.0
# It reports to its server what came, and by which protocol.
PAGE = """<!DOCTYPE html><title>A page</title><link rel=icon href="data:,"><script>const told = [];</script>
PARTS
<script>
addEventListener("load", async () => {
  const body = "u".repeat(300000);
  const up = await fetch("/up", {method: "POST", body});
  told.push("up " + await up.text());
  const socket = new WebSocket("wss://" + location.host + "/ws");
  socket.onopen = () => socket.send("hello");
  socket.onmessage = (event) => { told.push("ws " + event.data); socket.close(); };
  socket.onclose = (event) => {
    const seen = performance.getEntriesByType("resource").map((entry) => entry.nextHopProtocol);
    told.push("closed " + event.code);
    fetch("/told", {method: "POST", body: JSON.stringify({told, seen})});
  };
});
</script>
""".replace("PARTS", "".join(f'<script src="/part{number}.js"></script>' for number in range(PARTS))).encode()
ROUTER = """http:
  routers: {all: {rule: 'PathPrefix(`/`)', service: s, tls: {}}}
  services: {s: {loadBalancer: {servers: [{url: 'http://127.0.0.1:%d'}]}}}
"""
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Site:
    """A server that has the page, its parts, and an echo of messages."""

    def __init__(self) -> None:
        self.report: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.sockets = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if head.startswith(b"GET /ws "):
                    self.sockets += 1
                    await echo(head, reader, writer)
                    break
                length = re.search(rb"content-length: *(\d+)", head.lower())
                body = await reader.readexactly(int(length[1]) if length else 0)
                writer.write(self.answer(head.split(b" ")[1], body))
        writer.close()

    def answer(self, path: bytes, body: bytes) -> bytes:
        if path == b"/":
            return plain(200, PAGE, "Content-Type: text/html\r\n")
        if path.startswith(b"/part"):
            return plain(200, b'told.push("part");' + b"/" * 5000, "Content-Type: text/javascript\r\n")
        if path == b"/told":
            self.report.set_result(body)
        return plain(200, b"%d" % len(body))


async def echo(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A WebSocket with short frames (RFC 6455)."""
    key = re.search(rb"sec-websocket-key: *(\S+)", head, re.IGNORECASE)
    assert key is not None, head
    accept = base64.b64encode(hashlib.sha1(key[1] + _GUID, usedforsecurity=False).digest())
    writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n")
    writer.write(b"Sec-WebSocket-Accept: %b\r\n\r\n" % accept)
    kind = 0
    while kind & 15 != 8:
        kind, size = await reader.readexactly(2)
        mask = await reader.readexactly(4)
        data = bytes(byte ^ mask[at % 4] for at, byte in enumerate(await reader.readexactly(size & 127)))
        writer.write(bytes((kind, len(data))) + data)


@contextlib.asynccontextmanager
async def browsing(url: str, profile: Path) -> AsyncIterator[None]:
    words = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--ignore-certificate-errors",
        "--remote-debugging-port=0",
    ]
    process = await asyncio.create_subprocess_exec(
        "chromium",
        *words,
        f"--user-data-dir={profile}",
        url,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        await process.wait()


async def test_chromium(tmp_path: Path) -> None:
    site = Site()
    async with await asyncio.start_server(site.serve, "127.0.0.1", 0) as server:
        tls = "tls:\n" + certificates_of(tmp_path, a=make("127.0.0.1"))
        dynamic = ROUTER % server.sockets[0].getsockname()[1] + tls
        async with running(dynamic) as (port, runtime):
            async with browsing(f"https://127.0.0.1:{port}/", tmp_path / "profile"), asyncio.timeout(PATIENCE):
                said = json.loads(await site.report)
                connections = [one for one in runtime.listeners["web"].connections if hasattr(one, "session")]
    assert said["told"] == ["part"] * PARTS + ["up 300000", "ws hello", "closed 1005"]
    assert set(said["seen"]) == {"h2"}
    assert site.sockets == 1
    # The page, its parts, the upload, the WebSocket and the report.
    assert [one.session.last_peer_id for one in connections] == [2 * (PARTS + 4) - 1]
