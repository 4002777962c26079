"""respondingTimeouts, the limits of keep-alive, and an entry point that drains."""

import asyncio
from dataclasses import replace

import pytest

from tests.loopback import Loopback, Scripted, Visit, fixed, router, silent, until
from trafficcop.config.entry_points import (
    EntryPoint,
    EntryPointProxyProtocol,
    EntryPointTransport,
    LifeCycle,
    RespondingTimeouts,
)
from trafficcop.config.scalars import Duration
from trafficcop.server import limits

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\n"


def limited(grace: str = "10s", accept: str = "0s", proxied: bool = False, **timeouts: str) -> EntryPoint:
    responding = replace(RespondingTimeouts(), **{name: Duration.of(value) for name, value in timeouts.items()})
    life_cycle = LifeCycle(grace_time_out=Duration.of(grace), request_accept_grace_timeout=Duration.of(accept))
    transport = replace(EntryPointTransport(), responding_timeouts=responding, life_cycle=life_cycle)
    return replace(EntryPoint(), transport=transport, proxy_protocol=EntryPointProxyProtocol() if proxied else None)


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1", b"GET / HTTP/1.1\r\n", POST, POST + b"X-A: ", POST + b"\r"])
async def test_read_timeout(sent: bytes) -> None:
    async with router(Scripted(fixed(b"")), entry_point=limited(read_timeout="60ms")) as loopback:
        assert await loopback.exchange(sent) == b""


@pytest.mark.parametrize("sent", [b"G", b"GET /", b"GET / HTTP/1.", POST + b"X-A"])
async def test_read_timeout_within_a_line(sent: bytes) -> None:
    async with router(Scripted(fixed(b"")), entry_point=limited(read_timeout="60ms")) as loopback:
        assert await loopback.exchange(sent) == (
            b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n"
            b"Connection: close\r\n\r\n400 Bad Request"
        )


@pytest.mark.parametrize(
    "sent",
    [
        b"Content-Length: 5\r\n\r\n",
        b"Content-Length: 5\r\n\r\nab",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"Content-Length: 600000\r\n\r\n" + b"x" * 500_000,
    ],
)
async def test_read_timeout_within_a_body(sent: bytes) -> None:
    server = Scripted(silent)
    async with router(server, entry_point=limited(read_timeout="60ms")) as loopback:
        client = await loopback.client()
        await client.send(POST + sent)
        status, fields, body = await client.answer()
        assert (status, fields[b"connection"], body) == (504, b"close", b"Gateway Timeout")
        assert await client.rest() == b""
        await until(lambda: server.visits[0].reader.at_eof())  # it must not take what it got for the whole


async def test_read_timeout_of_a_body_whose_answer_has_begun() -> None:
    async def script(visit: Visit) -> None:
        await visit.head()
        await visit.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n")
        await visit.closed()

    async with router(Scripted(script), entry_point=limited(read_timeout="200ms")) as loopback:
        client = await loopback.client()
        await client.send(POST + b"Content-Length: 5\r\n\r\nab")
        assert (await client.head())[0] == 200
        assert not (await client.rest()).endswith(b"0\r\n\r\n")


async def test_read_timeout_of_a_body_that_nobody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LINGER_SECONDS", 0.05)
    async with router(Scripted(silent), entry_point=limited(read_timeout="60ms")) as loopback:
        client = await loopback.client()
        await client.send(POST + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        assert await client.rest() == b""


async def test_read_timeout_of_a_proxy_header() -> None:
    async with router(Scripted(fixed()), entry_point=limited(read_timeout="60ms", proxied=True)) as loopback:
        assert await loopback.exchange(b"PROXY ") == b""


async def test_read_timeout_ends_with_the_request() -> None:
    async def script(visit: Visit) -> None:
        await visit.head()
        await visit.body(4)
        await asyncio.sleep(0.4)
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with router(Scripted(script), entry_point=limited(read_timeout="200ms")) as loopback:
        client = await loopback.client()
        await client.send(POST + b"Content-Length: 4\r\n\r\nab")
        assert (await client.ask(b"cd"))[0] == 200


async def test_write_timeout() -> None:
    server = Scripted(silent)
    async with router(server, entry_point=limited(write_timeout="60ms")) as loopback:
        assert await loopback.exchange(GET) == b""
        await until(lambda: server.visits[0].reader.at_eof())


async def test_write_timeout_after_a_streamed_body() -> None:
    server = Scripted(silent)
    async with router(server, entry_point=limited(write_timeout="60ms")) as loopback:
        client = await loopback.client()
        await client.send(POST + b"Content-Length: 4\r\n\r\nab")
        await until(lambda: bool(server.heads))
        await client.send(b"cd")
        assert await client.rest() == b""


async def test_idle_timeout() -> None:
    async with router(Scripted(fixed()), entry_point=limited(idle_timeout="60ms")) as loopback:
        client = await loopback.client()
        for _ in range(2):
            assert (await client.ask(GET))[0] == 200
        assert await client.rest() == b""


async def test_no_idle_timeout_means_the_read_timeout() -> None:
    entry_point = limited(idle_timeout="0s", read_timeout="60ms")
    async with router(Scripted(fixed()), entry_point=entry_point) as loopback:
        client = await loopback.client()
        assert (await client.ask(GET))[0] == 200
        assert await client.rest() == b""


async def test_no_read_timeout_at_all() -> None:
    entry_point = limited(idle_timeout="0s", read_timeout="0s")
    async with router(Scripted(fixed()), entry_point=entry_point) as loopback:
        client = await loopback.client()
        await client.send(GET[:10])
        await asyncio.sleep(0.1)
        assert (await client.ask(GET[10:]))[0] == 200


async def test_keep_alive_max_requests() -> None:
    entry_point = replace(EntryPoint(), transport=EntryPointTransport(keep_alive_max_requests=3))
    async with router(Scripted(fixed()), entry_point=entry_point) as loopback:
        client = await loopback.client()
        closes = [b"connection" in (await client.ask(GET))[1] for _ in range(3)]
        assert closes == [False, False, True]
        assert await client.rest() == b""


async def test_keep_alive_max_time() -> None:
    entry_point = replace(EntryPoint(), transport=EntryPointTransport(keep_alive_max_time=Duration.of("300ms")))
    async with router(Scripted(fixed()), entry_point=entry_point) as loopback:
        client = await loopback.client()
        _, fields, _ = await client.ask(GET)
        assert b"connection" not in fields
        await asyncio.sleep(0.35)
        _, fields, _ = await client.ask(GET)
        assert fields[b"connection"] == b"close"
        assert await client.rest() == b""


# === drain ===


async def held(visit: Visit, gate: asyncio.Event) -> None:
    while await visit.head():
        await gate.wait()
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


async def test_a_drain_lets_requests_end_and_closes_the_rest() -> None:
    gate = asyncio.Event()
    server = Scripted(lambda visit: held(visit, gate))
    async with router(server, entry_point=limited()) as loopback:
        idle, busy = await loopback.client(), await loopback.client()
        await busy.send(GET)
        await until(lambda: bool(server.heads))
        drain = asyncio.create_task(loopback.runtime.drain())
        assert await idle.rest() == b""
        gate.set()
        status, _, body = await busy.answer()
        assert (status, body) == (200, b"ok")
        assert await busy.rest() == b""
        await drain


async def test_a_drain_cuts_off_what_takes_too_long() -> None:
    gate = asyncio.Event()
    server = Scripted(lambda visit: held(visit, gate))
    async with router(server, entry_point=limited(grace="100ms")) as loopback:
        client = await loopback.client()
        await client.send(GET)
        await until(lambda: bool(server.heads))
        await loopback.runtime.drain()
        assert await client.rest() == b""
        await until(lambda: server.visits[0].reader.at_eof())


async def refused(loopback: Loopback) -> bool:
    try:
        client = await loopback.client()
    except ConnectionRefusedError:
        return True
    client.close()
    return False


async def test_a_drain_goes_on_accepting_for_a_while() -> None:
    async with router(Scripted(fixed()), entry_point=limited(accept="200ms")) as loopback:
        drain = asyncio.create_task(loopback.runtime.drain())
        await asyncio.sleep(0)
        _, fields, _ = await loopback.ask(GET)
        assert b"connection" not in fields
        await drain


async def test_a_request_during_a_drain_is_the_last_of_its_connection() -> None:
    gate = asyncio.Event()
    server = Scripted(lambda visit: held(visit, gate))
    async with router(server, entry_point=limited()) as loopback:
        client = await loopback.client()
        client.writer.write(GET + GET)
        await until(lambda: bool(server.heads))
        drain = asyncio.create_task(loopback.runtime.drain())
        await until(lambda: loopback.runtime.listeners["web"].is_draining)
        gate.set()
        assert (await client.answer())[0] == 200
        await client.rest()
        await drain
