"""The built-in server, asked over a socket."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator

import pytest
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Event, Ping, Pong, Request, TextMessage

from trafficcop.whoami import main, start


@pytest.fixture
async def port() -> AsyncIterator[int]:
    server = await start("127.0.0.1", 0, "one")
    yield server.sockets[0].getsockname()[1]
    server.close()


async def ask(port: int, text: str) -> bytes:
    """Send it, say that no more will come, and read to the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(text.replace("\n", "\r\n").encode())
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


def parts(answer: bytes) -> tuple[str, dict[str, str], bytes]:
    head, _, content = answer.partition(b"\r\n\r\n")
    line, *fields = head.decode().split("\r\n")
    return line, dict(field.split(": ", 1) for field in fields), content


async def test_tells_the_request_as_it_came(port: int) -> None:
    answer = await ask(port, "GET /a/b?c=d HTTP/1.1\nX-Zed: 1\nHost: example.com\naccept: a\nAccept: b\n\n")
    line, fields, content = parts(answer)
    assert line == "HTTP/1.1 200 OK"
    assert fields["Content-Type"] == "text/plain; charset=utf-8"
    assert int(fields["Content-Length"]) == len(content)
    about, _, request = content.decode().partition("GET ")
    lines = about.splitlines()
    assert lines[0] == "Name: one"
    assert lines[1] == f"Hostname: {socket.gethostname()}"
    assert lines[2] == "IP: 127.0.0.1"
    assert lines[-1].startswith("RemoteAddr: 127.0.0.1:")
    assert request == "/a/b?c=d HTTP/1.1\r\nHost: example.com\r\nAccept: a\r\nAccept: b\r\nX-Zed: 1\r\n\r\n"


async def test_shows_the_body(port: int) -> None:
    answer = await ask(port, "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n3\nabc\n2\nde\n0\n\n")
    assert answer.endswith(b"\r\n\r\nabcde")


async def test_asks_for_the_body_that_waits(port: int) -> None:
    answer = await ask(port, "POST /health HTTP/1.1\nHost: a\nContent-Length: 3\nExpect: 100-continue\n\n200")
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")


async def test_answers_in_order_and_keeps_the_connection(port: int) -> None:
    answer = await ask(port, "GET /bench HTTP/1.1\nHost: a\n\n" * 40 + "GET /bench HTTP/1.1\nConnection: close\n\n")
    assert answer.count(b"HTTP/1.1 200 OK") == 41
    assert answer.count(b"Connection: close") == 1
    assert answer.endswith(b"\r\n\r\n1")


async def test_http_1_0(port: int) -> None:
    assert b"Connection: close\r\n" in await ask(port, "GET /bench HTTP/1.0\n\n")
    assert b"Connection: keep-alive\r\n" in await ask(port, "GET /bench HTTP/1.0\nConnection: keep-alive\n\n")
    assert b"chunked" not in await ask(port, "GET /sse HTTP/1.0\n\n")


async def test_head_has_no_content(port: int) -> None:
    _, fields, content = parts(await ask(port, "HEAD /bench HTTP/1.1\nHost: a\n\n"))
    assert fields["Content-Length"] == "1"
    assert content == b""


async def test_describes_itself_as_json(port: int) -> None:
    _, fields, content = parts(await ask(port, "GET /api?x=1 HTTP/1.1\nHost: example.com\nx-a: 1\nX-A: 2\n\n"))
    document = json.loads(content)
    assert fields["Content-Type"] == "application/json"
    assert document.pop("remoteAddr").startswith("127.0.0.1:")
    assert document.pop("ip")[0] == "127.0.0.1"
    assert document == {
        "hostname": socket.gethostname(),
        "headers": {"X-A": ["1", "2"]},
        "url": "/api?x=1",
        "host": "example.com",
        "method": "GET",
        "name": "one",
    }


async def test_health_is_what_it_was_set_to(port: int) -> None:
    get = "GET /health HTTP/1.1\nHost: a\n\n"
    assert (await ask(port, get)).startswith(b"HTTP/1.1 200 OK")
    await ask(port, "POST /health HTTP/1.1\nHost: a\nContent-Length: 3\n\n503")
    assert (await ask(port, get)).startswith(b"HTTP/1.1 503 Service Unavailable")
    refused = await ask(port, "POST /health HTTP/1.1\nHost: a\nContent-Length: 3\n\nbad")
    assert refused.startswith(b"HTTP/1.1 400 Bad Request")
    await ask(port, "POST /health HTTP/1.1\nHost: a\nContent-Length: 3\n\n555")
    assert (await ask(port, get)).startswith(b"HTTP/1.1 555 Unassigned")


@pytest.mark.parametrize(
    ("query", "size"),
    [("size=0", 0), ("size=1", 1), ("size=2", 2), ("", 1), ("size=3&unit=KB", 3072), ("size=1&unit=mb", 1 << 20)],
)
async def test_data_of_any_size(port: int, query: str, size: int) -> None:
    _, fields, content = parts(await ask(port, f"GET /data?{query} HTTP/1.1\nHost: a\n\n"))
    assert int(fields["Content-Length"]) == len(content) == size
    assert content[:1] == content[-1:] == b"|"[:size]


@pytest.mark.parametrize("query", ["size=x", "size=-1", "unit=parsec"])
async def test_data_of_no_size(port: int, query: str) -> None:
    assert (await ask(port, f"GET /data?{query} HTTP/1.1\nHost: a\n\n")).startswith(b"HTTP/1.1 400 Bad Request")


async def test_data_as_attachment(port: int) -> None:
    _, fields, _ = parts(await ask(port, "GET /data?attachment=true HTTP/1.1\nHost: a\n\n"))
    assert fields["Content-Disposition"] == "attachment; filename=data.txt"


async def test_events_come_one_by_one(port: int) -> None:
    _, fields, content = parts(await ask(port, "GET /sse HTTP/1.1\nHost: a\n\n"))
    assert fields["Content-Type"] == "text/event-stream"
    assert fields["Transfer-Encoding"] == "chunked"
    assert content.count(b"data: event ") == 5
    assert content.endswith(b"\r\n0\r\n\r\n")


async def test_waits_when_asked(port: int) -> None:
    assert b"GET /?wait=1ms HTTP/1.1" in await ask(port, "GET /?wait=1ms HTTP/1.1\nHost: a\n\n")


async def test_refuses_what_is_not_http(port: int) -> None:
    assert (await ask(port, "what is this\n\n")).startswith(b"HTTP/1.1 400 Bad Request")


UPGRADE = (
    "Upgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\n"
)


async def test_an_upgrade_elsewhere_is_ignored(port: int) -> None:
    answer = await ask(port, f"GET /bench HTTP/1.1\nHost: a\n{UPGRADE}\n" + "GET /api HTTP/1.1\nHost: a\n\n")
    assert answer.count(b"HTTP/1.1 200 OK") == 2


async def test_an_echo_needs_a_handshake(port: int) -> None:
    answer = await ask(port, "GET /echo HTTP/1.1\nHost: a\nUpgrade: websocket\nConnection: Upgrade\n\n")
    assert answer.startswith(b"HTTP/1.1 400 Bad Request")


async def test_echo(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    client = WSConnection(ConnectionType.CLIENT)
    events: list[Event] = []

    async def exchange(*sent: Event) -> Event:
        writer.write(b"".join(client.send(event) for event in sent))
        while not events:
            client.receive_data(await reader.read(65536) or None)
            events.extend(client.events())
        return events.pop(0)

    assert isinstance(await exchange(Request(host="example.com", target="/echo")), AcceptConnection)
    assert (await exchange(TextMessage("héllo"))).data == "héllo"  # type: ignore[attr-defined]
    assert (await exchange(BytesMessage(b"\x00\xff"))).data == b"\x00\xff"  # type: ignore[attr-defined]
    assert isinstance(await exchange(Ping(b"?")), Pong)
    assert isinstance(await exchange(CloseConnection(code=1000)), CloseConnection)
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()


async def test_a_port_in_use_is_one_clear_line(port: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert await asyncio.to_thread(main, ["--port", str(port)]) == 1
    assert capsys.readouterr().err.count("\n") == 1


async def test_a_signal_ends_it() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "trafficcop.whoami", "--port", "0", stdout=asyncio.subprocess.PIPE, env=dict(os.environ)
    )
    assert process.stdout is not None
    assert b"on http://127.0.0.1:" in await process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0
