"""Health checks over gRPC against a server made of another HTTP/2 library."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived, StreamEnded

from tests.control.checks.test_http_probe import verdict
from tests.loopback import Scripted, Visit
from trafficcop.config.dynamic import ServerHealthCheck
from trafficcop.control.checks.grpc_probe import serving_status
from trafficcop.control.checks.health import CheckFailed

Fields = list[tuple[str, str]]
Answer = Callable[[H2Connection, int], None]

GRPC: Fields = [(":status", "200"), ("content-type", "application/grpc")]
CHECK = ServerHealthCheck(mode="grpc")


def message(*data: int) -> bytes:
    return b"\0" + len(data).to_bytes(4) + bytes(data)


def replies(body: bytes, trailers: Fields | None = None, head: Fields | None = None) -> Answer:
    def answer(connection: H2Connection, stream: int) -> None:
        connection.send_headers(stream, head or GRPC)
        if body:
            connection.send_data(stream, body)
        connection.send_headers(stream, trailers or [("grpc-status", "0")], end_stream=True)

    return answer


class Server(Scripted):
    """A server that gives one answer to every call, and what reached it."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(self._serve)
        self.answer = answer
        self.asked: list[Fields] = []

    async def _serve(self, visit: Visit) -> None:
        connection = H2Connection(H2Configuration(client_side=False))
        connection.initiate_connection()
        await visit.send(connection.data_to_send())
        while data := await visit.reader.read(65536):
            for event in connection.receive_data(data):
                if isinstance(event, RequestReceived):
                    self.asked.append([(name.decode(), value.decode()) for name, value in event.headers or ()])
                elif isinstance(event, StreamEnded) and event.stream_id is not None:
                    self.answer(connection, event.stream_id)
            await visit.send(connection.data_to_send())


@contextlib.asynccontextmanager
async def grpc(answer: Answer) -> AsyncIterator[Server]:
    server = Server(answer)
    await server.start()
    yield server
    await server.stop()
    await asyncio.sleep(0)  # for its connections to close


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (replies(message(0x08, 1)), ""),
        (replies(message(0x08, 2)), "received gRPC status code: NOT_SERVING"),
        (replies(message(0x08, 3)), "received gRPC status code: SERVICE_UNKNOWN"),
        (replies(message(0x08, 9)), "received gRPC status code: 9"),
        (replies(message()), "received gRPC status code: UNKNOWN"),
        (replies(message(0x12, 2, 65, 66, 0x08, 1)), ""),  # a field that we do not know before the one that counts
        (replies(b"", [("grpc-status", "12")]), "gRPC server does not implement the health protocol"),
        (
            replies(b"", [("grpc-status", "5"), ("grpc-message", "no%20such")]),
            "gRPC health check failed: code 5 no such",
        ),
        (replies(message(0x08, 1), [("x", "y")]), "gRPC health check failed: code missing"),
        (replies(b"", head=[(":status", "404")]), "gRPC health check failed: HTTP status 404"),
        (replies(b""), "gRPC health check failed: malformed answer"),
        (replies(b"\1\0\0\0\2\x08\1"), "gRPC health check failed: malformed answer"),
        (replies(message(0x08)), "gRPC health check failed: malformed answer"),
        (replies(message(*[0xFF] * 20)), "gRPC health check failed: malformed answer"),
        (
            lambda connection, stream: connection.send_headers(stream, [*GRPC, ("grpc-status", "12")], end_stream=True),
            "gRPC server does not implement the health protocol",
        ),
        (
            lambda connection, stream: connection.reset_stream(stream, 0x7),
            "gRPC health check failed: the server reset the stream with REFUSED_STREAM",
        ),
    ],
)
async def test_answers(answer: Answer, failure: str) -> None:
    async with grpc(answer) as server:
        assert await verdict(f"http://127.0.0.1:{server.port}", CHECK) == failure


@pytest.mark.parametrize("url", ["http://127.0.0.1:{}", "h2c://127.0.0.1:{}", "https://127.0.0.1:{}/app"])
@pytest.mark.parametrize("scheme", ["", "http", "h2c"])
async def test_what_is_asked(url: str, scheme: str) -> None:
    async with grpc(replies(message(0x08, 1))) as server:
        assert await verdict(url.format(server.port), ServerHealthCheck(mode="grpc", scheme=scheme, path="/x")) == ""
        assert dict(server.asked[0]) == {
            ":method": "POST",
            ":scheme": "http",
            ":authority": f"127.0.0.1:{server.port}",
            ":path": "/grpc.health.v1.Health/Check",
            "content-type": "application/grpc",
            "te": "trailers",
            "user-agent": "trafficcop",
        }


async def test_another_port() -> None:
    async with grpc(replies(message(0x08, 1))) as server:
        assert await verdict("http://127.0.0.1:1", ServerHealthCheck(mode="grpc", port=server.port)) == ""


async def test_a_scheme_with_tls_fails_as_it_does_in_traefik() -> None:
    config = ServerHealthCheck(mode="grpc", scheme="https")
    assert "no credentials" in await verdict("http://127.0.0.1:1", config)


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
async def test_a_server_of_another_protocol(said: bytes) -> None:
    async def script(visit: Visit) -> None:
        await visit.reader.read(65536)
        await visit.send(said)

    server = Scripted(script)
    await server.start()
    assert await verdict(f"http://127.0.0.1:{server.port}", CHECK) != ""
    await server.stop()
    await asyncio.sleep(0)  # for its connections to close


def test_bytes_of_others_do_no_harm() -> None:
    chance = random.Random(7)
    for _ in range(3000):
        payload = chance.randbytes(chance.randrange(12))
        data = b"\0" + len(payload).to_bytes(4) + payload if chance.random() < 0.8 else payload
        with contextlib.suppress(CheckFailed):
            assert serving_status(data) >= 0


async def test_a_server_that_cannot_be_anywhere() -> None:
    assert "port must be 0-65535" in await verdict("http://127.0.0.1:65536", CHECK)
    assert "label empty or too long" in await verdict("http://a..b", CHECK)
