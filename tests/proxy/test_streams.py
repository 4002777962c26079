"""Bodies on their way: each piece at once, and never more of them in memory than both sides can take."""

import asyncio

import pytest

from tests.loopback import Scripted, Visit, router, until
from trafficcop.http.body import HIGH_WATER

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\n"
SIZE = 50_000_000


@pytest.mark.parametrize("framing", [b"", b"Transfer-Encoding: chunked\r\n"])
async def test_events_are_flushed_at_once(framing: bytes) -> None:
    seen = asyncio.Semaphore(0)

    async def script(visit: Visit) -> None:
        await visit.head()
        await visit.send(OK + b"Content-Type: text/event-stream\r\n" + framing + b"\r\n")
        for number in range(3):
            event = b"data: %d\n\n" % number
            await visit.send(b"%x\r\n%b\r\n" % (len(event), event) if framing else event)
            await seen.acquire()
        await visit.send(b"0\r\n\r\n" if framing else b"")

    async with router(Scripted(script)) as loopback:
        client = await loopback.client()
        await client.send(GET)
        await client.head()
        for number in range(3):
            assert await client.chunk() == b"data: %d\n\n" % number
            seen.release()
        assert await client.chunk() == b""


@pytest.mark.parametrize("is_chunked", [False, True])
async def test_a_slow_client_of_a_long_answer(is_chunked: bool) -> None:
    async def script(visit: Visit) -> None:
        await visit.head()
        if is_chunked:
            visit.writer.write(OK + b"Transfer-Encoding: chunked\r\n\r\n")
            for _ in range(SIZE // 1_000_000):
                visit.writer.write(b"F4240\r\n" + b"x" * 1_000_000 + b"\r\n")
            visit.writer.write(b"0\r\n\r\n")
        else:
            visit.writer.write(OK + b"Content-Length: %d\r\n\r\n" % SIZE + b"x" * SIZE)
        await visit.closed()

    server = Scripted(script)
    async with router(server) as loopback:
        client = await loopback.client(limit=65536)
        await client.send(GET)
        _, fields = await client.head()
        (connection,) = loopback.runtime.listeners["web"].connections
        transport = connection._transport
        assert transport is not None
        await until(lambda: connection.is_congested)
        await asyncio.sleep(0.1)
        assert transport.get_write_buffer_size() < 2 * HIGH_WATER
        assert server.visits[0].writer.transport.get_write_buffer_size() > SIZE // 2
        received = 0
        if is_chunked:
            while chunk := await client.chunk():
                received += len(chunk)
        else:
            assert fields[b"content-length"] == b"%d" % SIZE
            while received < SIZE:
                received += len(await client.reader.read(1 << 20))
        assert received == SIZE


@pytest.mark.parametrize("is_chunked", [False, True])
async def test_a_slow_server_of_a_long_upload(is_chunked: bool) -> None:
    go_on = asyncio.Event()

    async def script(visit: Visit) -> None:
        await visit.head()
        await go_on.wait()
        received = 0
        last = b""
        while received < SIZE if not is_chunked else not last.endswith(b"\r\n0\r\n\r\n"):
            data = await visit.reader.read(1 << 20)
            last = (last + data)[-16:]
            received += len(data)
        assert received >= SIZE
        await visit.send(OK + b"Content-Length: 0\r\n\r\n")

    server = Scripted(script)
    async with router(server) as loopback:
        client = await loopback.client()
        if is_chunked:
            client.writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in range(SIZE // 1_000_000):
                client.writer.write(b"F4240\r\n" + b"x" * 1_000_000 + b"\r\n")
            client.writer.write(b"0\r\n\r\n")
        else:
            client.writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % SIZE + b"x" * SIZE)
        await until(lambda: bool(server.heads))
        (connection,) = loopback.runtime.listeners["web"].connections
        await until(lambda: connection._is_paused)
        await asyncio.sleep(0.1)
        assert connection._decoder.body is not None
        assert connection._decoder.body._size < 2 * HIGH_WATER
        assert client.writer.transport.get_write_buffer_size() > SIZE // 2
        go_on.set()
        assert (await client.answer())[0] == 200
