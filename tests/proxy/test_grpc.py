"""gRPC through the router, with grpcio at both ends: every kind of call, in plain and over TLS."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import grpc
import pytest

from tests.live import ask, live
from tests.loopback import PATIENCE, router
from tests.tls_servers import authority, pair_for
from trafficcop.tls.client import ServerTrust

TRUST = ServerTrust(roots=(authority().pem.decode(),))
PAIR = pair_for("127.0.0.1")

Context = "grpc.aio.ServicerContext[bytes, bytes]"


class Echo:
    """What the server does, and what it noticed."""

    def __init__(self) -> None:
        self.cancelled = asyncio.Event()
        self.received = asyncio.Event()
        self.metadata: dict[str, str | bytes] = {}
        self.remaining: float | None = None

    async def unary(self, request: bytes, context: Context) -> bytes:
        self.metadata = dict(context.invocation_metadata() or ())
        self.remaining = context.time_remaining()
        await context.send_initial_metadata((("x-begin", "1"),))
        context.set_trailing_metadata((("x-end", "2"), ("x-bytes-bin", b"\x00\xff")))
        return request

    async def refuse(self, request: bytes, context: Context) -> bytes:
        await context.abort(grpc.StatusCode.PERMISSION_DENIED, "no: " + request.decode())
        return b""

    async def refuse_late(self, request: bytes, context: Context) -> AsyncIterator[bytes]:
        yield b"one"
        await context.abort(grpc.StatusCode.DATA_LOSS, "after one")

    async def count(self, request: bytes, context: Context) -> AsyncIterator[bytes]:
        for number in range(int(request)):
            yield b"%d" % number

    async def collect(self, requests: AsyncIterator[bytes], context: Context) -> bytes:
        return b",".join([request async for request in requests])

    async def converse(self, requests: AsyncIterator[bytes], context: Context) -> AsyncIterator[bytes]:
        async for request in requests:
            yield request.upper()

    async def hang(self, request: bytes, context: Context) -> bytes:
        self.received.set()
        try:
            await asyncio.sleep(PATIENCE)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return b""

    def handlers(self) -> grpc.GenericRpcHandler:
        return grpc.method_handlers_generic_handler(
            "test.Echo",
            {
                "Unary": grpc.unary_unary_rpc_method_handler(self.unary),
                "Refuse": grpc.unary_unary_rpc_method_handler(self.refuse),
                "RefuseLate": grpc.unary_stream_rpc_method_handler(self.refuse_late),
                "Count": grpc.unary_stream_rpc_method_handler(self.count),
                "Collect": grpc.stream_unary_rpc_method_handler(self.collect),
                "Converse": grpc.stream_stream_rpc_method_handler(self.converse),
                "Hang": grpc.unary_unary_rpc_method_handler(self.hang),
            },
        )


_LIMITS = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))


@asynccontextmanager
async def calls(*, is_secure: bool = False) -> AsyncIterator[tuple[grpc.aio.Channel, Echo]]:
    """A channel to the router, behind which there is a server."""
    echo = Echo()
    server = grpc.aio.server(options=_LIMITS)
    server.add_generic_rpc_handlers((echo.handlers(),))
    if is_secure:
        port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(PAIR.key_pem, PAIR.pem)]))
    else:
        port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    url = f"{'https' if is_secure else 'h2c'}://127.0.0.1:{port}"
    try:
        async with router(url, trust=TRUST) as loopback:
            async with grpc.aio.insecure_channel(f"127.0.0.1:{loopback.port}", options=_LIMITS) as channel:
                yield channel, echo
    finally:
        await server.stop(None)


async def make_every_kind_of_call(channel: grpc.aio.Channel) -> None:
    assert await channel.unary_unary("/test.Echo/Unary")(b"hello") == b"hello"
    counted = [part async for part in channel.unary_stream("/test.Echo/Count")(b"100")]
    assert counted == [b"%d" % number for number in range(100)]
    assert await channel.stream_unary("/test.Echo/Collect")(iter([b"a", b"b", b"c"])) == b"a,b,c"
    conversation = channel.stream_stream("/test.Echo/Converse")()
    for word in (b"one", b"two", b"three"):
        await conversation.write(word)
        assert await conversation.read() == word.upper()
    await conversation.done_writing()
    assert await conversation.read() is grpc.aio.EOF
    assert await conversation.code() == grpc.StatusCode.OK


@pytest.mark.parametrize("is_secure", [False, True])
async def test_every_kind_of_call(is_secure: bool) -> None:
    async with calls(is_secure=is_secure) as (channel, _):
        await make_every_kind_of_call(channel)


async def test_metadata_both_ways() -> None:
    async with calls() as (channel, echo):
        call = channel.unary_unary("/test.Echo/Unary")(b"", metadata=(("x-some", "thing"), ("x-raw-bin", b"\x00\x01")))
        assert await call == b""
        assert dict(await call.initial_metadata())["x-begin"] == "1"
        trailing = dict(await call.trailing_metadata())
        assert (trailing["x-end"], trailing["x-bytes-bin"]) == ("2", b"\x00\xff")
        assert (echo.metadata["x-some"], echo.metadata["x-raw-bin"]) == ("thing", b"\x00\x01")
        assert echo.metadata["x-forwarded-for"] == "127.0.0.1"


@pytest.mark.parametrize("size", [0, 1, 16_000, 16_384, 65_535, 4_000_000])
async def test_messages_of_every_size(size: int) -> None:
    async with calls() as (channel, _):
        data = bytes(range(250)) * (size // 250) + b"x" * (size % 250)
        assert await channel.unary_unary("/test.Echo/Unary")(data) == data


async def failure(call: object) -> tuple[grpc.StatusCode, str | None]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call  # type: ignore[misc]
    return caught.value.code(), caught.value.details()


async def test_answers_of_trailers_only() -> None:
    async with calls() as (channel, _):
        found = await failure(channel.unary_unary("/test.Echo/Refuse")(b"you"))
        assert found == (grpc.StatusCode.PERMISSION_DENIED, "no: you")
        found = await failure(channel.unary_unary("/test.Echo/Nothing")(b""))
        assert found[0] == grpc.StatusCode.UNIMPLEMENTED


async def test_a_status_after_messages() -> None:
    async with calls() as (channel, _):
        call = channel.unary_stream("/test.Echo/RefuseLate")(b"")
        assert await call.read() == b"one"
        assert await failure(call.read()) == (grpc.StatusCode.DATA_LOSS, "after one")


async def test_deadlines_reach_the_server() -> None:
    async with calls() as (channel, echo):
        await channel.unary_unary("/test.Echo/Unary")(b"", timeout=30)
        assert echo.remaining is not None
        assert 0 < echo.remaining < 40
        found = await failure(channel.unary_unary("/test.Echo/Hang")(b"", timeout=0.2))
        assert found[0] == grpc.StatusCode.DEADLINE_EXCEEDED
        async with asyncio.timeout(PATIENCE):
            await echo.cancelled.wait()


async def test_a_call_that_is_cancelled_is_cancelled_at_the_server() -> None:
    async with calls() as (channel, echo):
        call = channel.unary_unary("/test.Echo/Hang")(b"")
        async with asyncio.timeout(PATIENCE):
            await echo.received.wait()
            call.cancel()
            await echo.cancelled.wait()
        # The connection serves others still.
        assert await channel.unary_unary("/test.Echo/Unary")(b"hello") == b"hello"


async def test_many_calls_at_once() -> None:
    async with calls() as (channel, _):
        unary: Callable[[bytes], object] = channel.unary_unary("/test.Echo/Unary")
        words = [b"%d" % number for number in range(200)]
        assert await asyncio.gather(*(unary(word) for word in words)) == words  # type: ignore[call-overload]


async def test_no_server_is_unavailable() -> None:
    async with router("h2c://127.0.0.1:1") as loopback:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{loopback.port}") as channel:
            assert (await failure(channel.unary_unary("/test.Echo/Unary")(b"")))[0] == grpc.StatusCode.UNAVAILABLE


async def test_grpc_web() -> None:
    """A browser's call over HTTP/1.1 to a server that is strict about gRPC."""
    echo = Echo()
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((echo.handlers(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    dynamic = f"""
http:
  routers: {{r: {{rule: PathPrefix(`/`), service: s, middlewares: [m]}}}}
  services: {{s: {{loadBalancer: {{servers: [{{url: 'h2c://127.0.0.1:{port}'}}]}}}}}}
  middlewares: {{m: {{grpcWeb: {{allowOrigins: ['*']}}}}}}
"""
    request = "POST /test.Echo/%s\nContent-Type: application/grpc-web+proto\nOrigin: http://a.example.com"
    message = b"\0\0\0\0\x05hello"
    async with live(dynamic) as entry:
        status, fields, body = await ask(entry, request % "Unary", message)
        assert (status, fields["content-type"], fields["x-begin"]) == (200, "application/grpc-web", "1")
        assert body.startswith(message + b"\x80")
        assert body.endswith(b"grpc-message: \r\ngrpc-status: 0\r\nx-bytes-bin: AP8\r\nx-end: 2\r\n")
        status, fields, body = await ask(entry, request % "Refuse", message)
        assert (status, fields["grpc-status"], body) == (200, "7", b"\x80\0\0\0\0")
    await server.stop(None)
