"""gRPC as clients on the internet speak it: over TLS to an entry point, over TLS to the server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest

from tests.live import live
from tests.proxy.test_grpc import PAIR, Echo, failure, make_every_kind_of_call
from tests.secure import certificates_of, exchange
from tests.tls_servers import authority, pair_for

OURS = pair_for("grpc.example.com")
_OPTIONS = (
    ("grpc.ssl_target_name_override", "grpc.example.com"),
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
)


@asynccontextmanager
async def entry_point(directory: Path, middlewares: str = "[]") -> AsyncIterator[tuple[int, Echo]]:
    """The port of an entry point with TLS, and what is behind it."""
    echo = Echo()
    server = grpc.aio.server(options=_OPTIONS)
    server.add_generic_rpc_handlers((echo.handlers(),))
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(PAIR.key_pem, PAIR.pem)]))
    await server.start()
    ca, _ = authority().write(directory, "ca")
    text = f"""
http:
  routers: {{r: {{rule: 'Host(`grpc.example.com`)', service: s, tls: {{}}, middlewares: {middlewares}}}}}
  middlewares: {{web: {{grpcWeb: {{allowOrigins: ['*']}}}}}}
  services: {{s: {{loadBalancer: {{servers: [{{url: 'https://127.0.0.1:{port}'}}], serversTransport: t}}}}}}
  serversTransports: {{t: {{rootCAs: ['{ca}']}}}}
tls:
{certificates_of(directory, ours=OURS)}
"""
    try:
        async with live(text) as entry:
            yield entry, echo
    finally:
        await server.stop(None)


@asynccontextmanager
async def calls(directory: Path) -> AsyncIterator[tuple[grpc.aio.Channel, Echo]]:
    credentials = grpc.ssl_channel_credentials(authority().pem)
    async with entry_point(directory) as (port, echo):
        async with grpc.aio.secure_channel(f"127.0.0.1:{port}", credentials, options=_OPTIONS) as channel:
            yield channel, echo


async def test_every_kind_of_call(tmp_path: Path) -> None:
    async with calls(tmp_path) as (channel, _):
        await make_every_kind_of_call(channel)


async def test_large_messages_and_many_calls(tmp_path: Path) -> None:
    async with calls(tmp_path) as (channel, _):
        unary = channel.unary_unary("/test.Echo/Unary")
        large = bytes(range(256)) * 8192
        assert await unary(large) == large
        words = [b"%d" % number for number in range(300)]

        async def say(word: bytes) -> bytes:
            answer: bytes = await unary(word)
            return answer

        assert await asyncio.gather(*map(say, words)) == words


async def test_refusals_deadlines_and_cancelled_calls(tmp_path: Path) -> None:
    async with calls(tmp_path) as (channel, echo):
        refused = await failure(channel.unary_unary("/test.Echo/Refuse")(b"you"))
        assert refused == (grpc.StatusCode.PERMISSION_DENIED, "no: you")
        assert (await failure(channel.unary_unary("/test.Echo/None")(b"")))[0] == grpc.StatusCode.UNIMPLEMENTED
        late = await failure(channel.unary_unary("/test.Echo/Hang")(b"", timeout=0.2))
        assert late[0] == grpc.StatusCode.DEADLINE_EXCEEDED
        async with asyncio.timeout(10):
            await echo.cancelled.wait()
        assert await channel.unary_unary("/test.Echo/Unary")(b"on") == b"on"


@pytest.mark.parametrize("method", ["Unary", "Refuse"])
async def test_grpc_web(tmp_path: Path, method: str) -> None:
    message = b"\0\0\0\0\x05hello"
    head = (
        f"POST /test.Echo/{method} HTTP/1.1\r\nHost: grpc.example.com\r\nContent-Type: application/grpc-web+proto\r\n"
        f"Origin: https://a.example.com\r\nContent-Length: {len(message)}\r\nConnection: close\r\n\r\n"
    )
    async with entry_point(tmp_path, "[web]") as (port, _):
        answer = await asyncio.to_thread(exchange, port, "grpc.example.com", head.encode() + message)
    assert answer.startswith(b"HTTP/1.1 200 ")
    if method == "Unary":
        assert message in answer
        assert b"grpc-status: 0\r\n" in answer
    else:
        assert b"grpc-status: 7\r\n" in answer.lower()
