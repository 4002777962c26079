"""Upgrades: tunnels in both directions, what surrounds them, and WebSocket with a library at both ends."""

import asyncio

import pytest
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Message, Request, TextMessage

from tests.loopback import PATIENCE, Client, Scripted, Visit, router, until
from trafficcop.config.dynamic import ServersTransport
from trafficcop.whoami import start

UPGRADE = b"GET /chat?x HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: example/1\r\n\r\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: example/1\r\nX-A: b\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


async def echo(visit: Visit) -> None:
    head = await visit.head()
    assert head.startswith(b"GET /chat?x HTTP/1.1\r\n")
    assert b"\r\nConnection: Upgrade\r\n" in head
    assert b"\r\nUpgrade: example/1\r\n" in head
    await visit.send(SWITCH)
    while data := await visit.reader.read(65536):
        await visit.send(data)
    await visit.send(b"bye")


async def test_bytes_both_ways_and_half_close() -> None:
    async with router(Scripted(echo)) as loopback:
        client = await loopback.client()
        await client.send(UPGRADE)
        status, fields = await client.head()
        assert status == 101
        assert (fields[b"connection"], fields[b"upgrade"], fields[b"x-a"]) == (b"Upgrade", b"example/1", b"b")
        for size in (1, 70000, 300000):
            client.writer.write(b"x" * size)
            async with asyncio.timeout(PATIENCE):
                assert await client.reader.readexactly(size) == b"x" * size
        client.writer.write_eof()
        assert await client.rest() == b"bye"


@pytest.mark.parametrize(
    ("asked", "chosen", "status"),
    [
        (b"", b"example/1", 500),
        (b"example/2", b"example/1", 500),
        (b"example/1", b"", 500),
        (b"example/1, example/2", b"example/3", 500),
        (b"example/1, example/2", b"example/2", 101),
        (b"WebSocket", b"websocket", 101),
    ],
)
async def test_the_server_must_switch_to_what_was_asked_for(asked: bytes, chosen: bytes, status: int) -> None:
    async def script(visit: Visit) -> None:
        await visit.head()
        await visit.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n")
        await visit.send((b"Upgrade: %b\r\n" % chosen if chosen else b"") + b"\r\nearly")
        await visit.closed()

    upgrade = b"Connection: Upgrade\r\nUpgrade: %b\r\n" % asked if asked else b""
    async with router(Scripted(script)) as loopback:
        client = await loopback.client()
        await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n%b\r\n" % upgrade)
        assert (await client.head())[0] == status


async def test_the_server_half_closes_first() -> None:
    async def script(visit: Visit) -> None:
        await visit.head()
        await visit.send(SWITCH)
        visit.writer.write_eof()
        await visit.closed()

    server = Scripted(script)
    async with router(server) as loopback:
        client = await loopback.client()
        await client.send(UPGRADE)
        await client.head()
        assert await client.rest() == b""
        await client.send(b"last words")
        client.writer.write_eof()
        await until(lambda: server.visits[0].received == b"last words")


async def test_bytes_that_came_before_the_tunnel() -> None:
    async def script(visit: Visit) -> None:
        await visit.head()
        await asyncio.sleep(0.02)
        await visit.send(SWITCH + b"first")
        assert await visit.body(11) == b"early words"

    async with router(Scripted(script)) as loopback:
        client = await loopback.client()
        await client.send(UPGRADE + b"early ")
        await client.send(b"words")
        await client.head()
        assert await client.rest() == b"first"


async def test_a_client_that_floods_before_the_tunnel_is_slowed_down() -> None:
    go_on = asyncio.Event()
    size = 8_000_000

    async def script(visit: Visit) -> None:
        await visit.head()
        await go_on.wait()
        await visit.send(SWITCH)
        await visit.body(size)
        await visit.send(b"got it")

    server = Scripted(script)
    async with router(server) as loopback:
        client = await loopback.client()
        client.writer.write(UPGRADE + b"x" * size)
        await until(lambda: bool(server.heads))
        await asyncio.sleep(0.1)
        (connection,) = loopback.runtime.listeners["web"].connections
        assert len(connection._decoder.leftover) < 1_000_000
        go_on.set()
        await client.head()
        assert await client.rest() == b"got it"


@pytest.mark.parametrize("behind", [b"", GET, UPGRADE + GET])
async def test_a_refused_upgrade_leaves_the_connection_to_http(behind: bytes) -> None:
    async def script(visit: Visit) -> None:
        while await visit.head():
            await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno")

    async with router(Scripted(script)) as loopback:
        client = await loopback.client()
        client.writer.write(UPGRADE + behind)
        for _ in range(1 + behind.count(b"HTTP/1.1")):
            assert (await client.answer())[2] == b"no"
        assert (await client.ask(GET))[0] == 200


async def test_a_refused_upgrade_and_garbage_behind_it() -> None:
    async def script(visit: Visit) -> None:
        while await visit.head():
            await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno")

    async with router(Scripted(script)) as loopback:
        answer = await loopback.exchange(UPGRADE + b"garbage\r\n\r\n")
        assert answer.count(b"HTTP/1.1 200 OK") == 1
        assert answer.count(b"HTTP/1.1 400 Bad Request") == 1


async def test_a_tunnel_needs_no_idle_place_in_the_pool() -> None:
    async with router(Scripted(echo), transport=ServersTransport(max_idle_conns_per_host=-1)) as loopback:
        client = await loopback.client()
        await client.send(UPGRADE)
        await client.head()
        await client.send(b"ping")
        async with asyncio.timeout(PATIENCE):
            assert await client.reader.readexactly(4) == b"ping"


@pytest.mark.parametrize("who", ["client", "server"])
async def test_the_end_of_one_side_ends_the_other(who: str) -> None:
    closed = asyncio.Event()

    async def script(visit: Visit) -> None:
        await visit.head()
        await visit.send(SWITCH)
        if who == "server":
            visit.reset()
        else:
            await visit.closed()
            closed.set()

    async with router(Scripted(script)) as loopback:
        client = await loopback.client()
        await client.send(UPGRADE)
        await client.head()
        if who == "client":
            client.reset()
            async with asyncio.timeout(PATIENCE):
                await closed.wait()
        else:
            assert await client.rest() == b""
        await until(lambda: not loopback.runtime.listeners["web"].connections)


async def test_back_pressure_in_a_tunnel() -> None:
    size = 30_000_000

    async def script(visit: Visit) -> None:
        await visit.head()
        await visit.send(SWITCH)
        visit.writer.write(b"x" * size)
        await visit.closed()

    server = Scripted(script)
    async with router(server) as loopback:
        client = await loopback.client(limit=65536)
        await client.send(UPGRADE)
        await client.head()
        await asyncio.sleep(0.3)
        # What left the server is in the sockets' buffers and a little of ours: most of it still waits there.
        assert server.visits[0].writer.transport.get_write_buffer_size() > size // 2
        async with asyncio.timeout(PATIENCE):
            assert len(await client.reader.readexactly(size)) == size


# === WebSocket ===


async def messages(client: Client, socket: WSConnection) -> list[Message | AcceptConnection | CloseConnection]:
    async with asyncio.timeout(PATIENCE):
        while True:
            events = list(socket.events())
            if events:
                return events  # type: ignore[return-value]
            socket.receive_data(await client.reader.read(65536) or None)


async def test_websocket_through_the_router() -> None:
    server = await start("127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with router(f"http://127.0.0.1:{port}") as loopback:
        client = await loopback.client()
        socket = WSConnection(ConnectionType.CLIENT)
        await client.send(socket.send(Request(host="example.com", target="/echo")))
        assert isinstance((await messages(client, socket))[0], AcceptConnection)
        for sent in (TextMessage("héllo"), BytesMessage(b"x" * 100000)):
            await client.send(socket.send(sent))
            data = sent.data[:0]
            while len(data) < len(sent.data):
                for event in await messages(client, socket):
                    assert isinstance(event, (TextMessage, BytesMessage))
                    data += event.data
            assert data == sent.data
        await client.send(socket.send(CloseConnection(code=1000)))
        assert (await messages(client, socket))[-1] == CloseConnection(code=1000, reason="")
        client.writer.write_eof()
        await client.rest()
    server.close()
    await server.wait_closed()
