"""Streams between bare sockets: order of bytes, half-close, back-pressure, faults, descriptors."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import random
import socket

import pytest

from tests.loopback import PATIENCE, Scripted, Visit, until
from tests.tcp.given import closed_port, service
from trafficcop.tcp.terms import Terms


async def echo(visit: Visit) -> None:
    while data := await visit.reader.read(65536):
        await visit.send(data)


async def drain(visit: Visit) -> None:
    await visit.closed()


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


async def test_bytes_go_both_ways() -> None:
    async with service(Scripted(echo)) as entry:
        client = await entry.client()
        await client.send(b"PING\r\n")
        assert await client.reader.readline() == b"PING\r\n"
        client.writer.write_eof()
        assert await client.rest() == b""
        await entry.is_over()
        assert entry.closed == 1


async def test_bytes_read_before_are_sent_first() -> None:
    async with service(Scripted(echo), is_reading=True) as entry:
        client = await entry.client()
        await client.send(b"one")
        assert await client.reader.readexactly(3) == b"one"
        await client.send(b"two")
        assert await client.reader.readexactly(3) == b"two"


async def test_the_server_may_speak_first() -> None:
    async def greet(visit: Visit) -> None:
        await visit.send(b"220 mail.example.com ESMTP\r\n")
        assert await visit.reader.readline() == b"EHLO client.example.com\r\n"
        await visit.send(b"250 OK\r\n")
        assert await visit.reader.readline() == b"QUIT\r\n"
        await visit.send(b"221 Bye\r\n")

    async with service(Scripted(greet)) as entry:
        client = await entry.client()
        assert await client.reader.readline() == b"220 mail.example.com ESMTP\r\n"
        await client.send(b"EHLO client.example.com\r\n")
        assert await client.reader.readline() == b"250 OK\r\n"
        await client.send(b"QUIT\r\n")
        assert await client.rest() == b"221 Bye\r\n"
        client.close()
        await entry.is_over()


async def test_segments_of_one_byte() -> None:
    server = Scripted(echo)
    async with service(server) as entry:
        client = await entry.client()
        client.writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        text = b"slowly, one byte after the other"
        received = b""
        for byte in text:
            await client.send(bytes([byte]))
            received += await client.reader.readexactly(1)
        assert received == text


@pytest.mark.parametrize("is_download", [True, False], ids=["download", "upload"])
async def test_a_long_transfer_arrives_whole(is_download: bool) -> None:
    data = random.Random(7).randbytes(8 << 20)
    seen = hashlib.sha256()

    async def pour(visit: Visit) -> None:
        await visit.send(data)

    async def swallow(visit: Visit) -> None:
        while piece := await visit.reader.read(1 << 16):
            seen.update(piece)
        await visit.send(b"thanks")

    async with service(Scripted(pour if is_download else swallow), terms=Terms(termination_delay=None)) as entry:
        client = await entry.client()
        if is_download:
            while piece := await client.reader.read(1 << 16):
                seen.update(piece)
        else:
            await client.send(data)
            client.writer.write_eof()
            assert await client.rest() == b"thanks"
        assert seen.digest() == hashlib.sha256(data).digest()
        client.close()
        await entry.is_over()


async def test_a_slow_client_holds_the_server_back() -> None:
    total = 64 << 20
    sent = 0

    async def pour(visit: Visit) -> None:
        nonlocal sent
        piece = b"x" * (1 << 16)
        while sent < total:
            await visit.send(piece)
            sent += len(piece)

    async with service(Scripted(pour)) as entry:
        client = await entry.client(limit=1 << 10)
        await client.reader.readexactly(1)
        before = -1
        while before != sent:
            before = sent
            await asyncio.sleep(0.05)
        assert sent < total
        received = 1
        while piece := await client.reader.read(1 << 18):
            received += len(piece)
        assert received == total == sent


async def test_half_close_of_the_client_is_passed_on() -> None:
    async def answer(visit: Visit) -> None:
        request = await visit.closed()
        await visit.send(b"you said " + request)

    async with service(Scripted(answer)) as entry:
        client = await entry.client()
        await client.send(b"all of it")
        client.writer.write_eof()
        assert await client.rest() == b"you said all of it"
        await entry.is_over()


async def test_half_close_of_the_server_is_passed_on() -> None:
    heard = asyncio.Event()

    async def leave(visit: Visit) -> None:
        await visit.send(b"bye")
        visit.writer.write_eof()
        assert await visit.closed() == b"late"
        heard.set()

    async with service(Scripted(leave), terms=Terms(termination_delay=None)) as entry:
        client = await entry.client()
        assert await client.reader.read() == b"bye"
        await client.send(b"late")
        client.close()
        async with asyncio.timeout(PATIENCE):
            await heard.wait()
        await entry.is_over()


@pytest.mark.parametrize("delay", [0.0, 0.05])
async def test_the_other_direction_has_only_so_much_time(delay: float) -> None:
    async def never_end(visit: Visit) -> None:
        assert await visit.closed() == b""
        await asyncio.sleep(PATIENCE)

    async with service(Scripted(never_end), terms=Terms(termination_delay=delay)) as entry:
        client = await entry.client()
        client.writer.write_eof()
        assert await client.rest() == b""
        await entry.is_over()


async def test_a_server_that_dies_ends_the_stream() -> None:
    async def die(visit: Visit) -> None:
        await visit.send(b"half an answ")
        await visit.reader.readexactly(2)
        visit.reset()

    async with service(Scripted(die)) as entry:
        client = await entry.client()
        assert await client.reader.readexactly(12) == b"half an answ"
        await client.send(b"go")
        assert await client.rest() == b""
        await entry.is_over()


async def test_a_client_that_vanishes_ends_the_stream() -> None:
    server = Scripted(drain)
    async with service(server) as entry:
        client = await entry.client()
        await client.send(b"begin")
        await until(lambda: bool(server.visits))
        client.reset()
        await entry.is_over()
        assert server.visits[0].received in (b"begin", b"")


async def test_what_was_read_is_delivered_when_the_server_dies() -> None:
    data = b"x" * (4 << 20)

    async def pour(visit: Visit) -> None:
        await visit.send(data)

    async with service(Scripted(pour), terms=Terms(termination_delay=0.0)) as entry:
        client = await entry.client(limit=1 << 10)
        await asyncio.sleep(0.1)
        assert len(await client.rest()) == len(data)
        client.close()
        await entry.is_over()


async def test_a_server_that_is_not_there_is_passed_over() -> None:
    server = Scripted(echo)
    async with service(f"127.0.0.1:{closed_port()}", server) as entry:
        for _ in range(4):
            client = await entry.client()
            await client.send(b"x")
            assert await client.reader.readexactly(1) == b"x"
            client.close()


async def test_nobody_there(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "trafficcop"):
        async with service(f"127.0.0.1:{closed_port()}") as entry:
            client = await entry.client()
            await client.send(b"anybody?")
            assert await client.rest() == b""
            await entry.is_over()
    assert "Connection refused" in caplog.text


async def test_a_server_that_does_not_answer_in_time(caplog: pytest.LogCaptureFixture) -> None:
    full = socket.socket()
    full.bind(("127.0.0.1", 0))
    full.listen(0)
    address = full.getsockname()
    fillers = []
    for _ in range(4):  # its queue is full: the next SYN gets no answer
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(address)
        fillers.append(filler)
    try:
        with caplog.at_level(logging.ERROR, "trafficcop"):
            async with service(f"127.0.0.1:{address[1]}", terms=Terms(dial_timeout=0.1)) as entry:
                client = await entry.client()
                assert await client.rest() == b""
                await entry.is_over()
        assert "timed out" in caplog.text
    finally:
        for sock in (full, *fillers):
            sock.close()


async def test_a_port_scan_leaves_nothing_behind() -> None:
    server = Scripted(echo)
    async with service(server) as entry:
        client = await entry.client()
        await client.send(b"first")
        await client.reader.readexactly(5)
        before = descriptors()
        address = ("127.0.0.1", entry.port)
        for _ in range(20):
            scanners = [socket.create_connection(address) for _ in range(50)]
            for scanner in scanners:
                scanner.close()
            await asyncio.sleep(0)
        await until(lambda: entry.closed == 1000 and len(server.visits) == 1001)
        await until(lambda: descriptors() <= before)
        assert entry.open == 1


async def test_an_abort_ends_both_sides() -> None:
    server = Scripted(drain)
    async with service(server) as entry:
        client = await entry.client()
        await client.send(b"x")
        await until(lambda: bool(server.visits))
        entry.kept[0].owner.abort()
        assert await client.rest() == b""
        await entry.is_over()
        entry.kept[0].owner.abort()
        assert entry.closed == 1


async def test_many_at_once() -> None:
    async with service(Scripted(echo), Scripted(echo)) as entry:

        async def one(number: int) -> None:
            client = await entry.client()
            for turn in range(5):
                data = b"%d-%d;" % (number, turn) * 200
                await client.send(data)
                assert await client.reader.readexactly(len(data)) == data
            client.close()

        await asyncio.gather(*(one(number) for number in range(100)))
        await entry.is_over()
        assert entry.closed == 100
