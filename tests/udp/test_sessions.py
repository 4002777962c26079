"""Sessions: who is answered by whom, from where, and for how long."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from tests.loopback import until
from tests.udp.loopback import client, routed, server, worker


async def test_a_question_and_its_answer():
    async with server(b"> ") as backend, worker(routed(backend.port)) as running:
        with client(running.port) as one:
            assert await one.ask(b"hello") == b"> hello"
            assert await one.ask(b"again") == b"> again"
        assert len(backend.clients) == 1
        assert len(running.listener.sessions) == 1


@pytest.mark.parametrize("size", [0, 1, 1472, 1473, 9000, 65506, 65507])
async def test_sizes(size: int):
    async with server(b"") as backend, worker(routed(backend.port)) as running:
        with client(running.port) as one:
            assert await one.ask(b"x" * size) == b"x" * size


async def test_each_client_has_a_session_of_its_own():
    async with server(lambda data, sender: b"%d" % sender[1]) as backend, worker(routed(backend.port)) as running:
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(client(running.port)) for _ in range(100)]
            ports = [await one.ask(b"a") for one in clients]
            assert [await one.ask(b"b") for one in clients] == ports
        assert len(set(ports)) == 100


async def test_many_clients_at_once():
    async def talk(number: int) -> None:
        with client(running.port) as one:
            for turn in range(5):
                data = b"%d %d" % (number, turn)
                assert await one.ask(data) == b"> " + data

    async with server(b"> ") as backend, worker(routed(backend.port)) as running:
        await asyncio.gather(*(talk(number) for number in range(100)))
        assert len(backend.clients) == 100


@pytest.mark.parametrize("bound", ["0.0.0.0", "::"])
@pytest.mark.parametrize("asked", ["127.0.0.1", "127.0.0.2", "127.0.0.3"])
async def test_the_address_that_was_asked_answers(bound: str, asked: str):
    async with server(b"> ") as backend, worker(routed(backend.port), host=bound) as running:
        with client(running.port) as one:
            await one.send(b"x", asked)
            assert await one.receive() == (b"> x", (asked, running.port))


async def test_two_addresses_asked_by_one_client():
    async with server(b"> ") as backend, worker(routed(backend.port), host="::") as running:
        with client(running.port) as one:
            await one.send(b"1", "127.0.0.1")
            await one.send(b"2", "127.0.0.2")
            answers = {await one.receive(), await one.receive()}
            assert answers == {(b"> 1", ("127.0.0.1", running.port)), (b"> 2", ("127.0.0.2", running.port))}
        assert len(backend.clients) == 2


async def test_ipv6():
    async with server(b"> ") as backend, worker(routed(backend.port), host="::") as running:
        with client(running.port, "::1") as one:
            await one.send(b"x", "::1")
            data, (address, port, *_) = await one.receive()
            assert (data, address, port) == (b"> x", "::1", running.port)


async def test_several_answers_to_one_datagram_and_none():
    async with server(lambda data, sender: None) as backend, worker(routed(backend.port)) as running:
        with client(running.port) as one:
            await one.send(b"x")
            await until(lambda: bool(backend.seen))
            for number in range(10):
                backend.send(b"%d" % number, backend.seen[0][1])
            assert [(await one.receive())[0] for _ in range(10)] == [b"%d" % number for number in range(10)]


async def test_a_session_ends_after_its_timeout():
    async with server(b"") as backend, worker(routed(backend.port), timeout="50ms") as running:
        with client(running.port) as one:
            await one.ask(b"1")
            await until(lambda: not running.listener.sessions)
            await one.ask(b"2")
        assert len(backend.clients) == 2


async def test_what_the_server_sends_keeps_a_session():
    async with server(b"") as backend, worker(routed(backend.port), timeout="200ms") as running:
        with client(running.port) as one:
            await one.ask(b"1")
            ((_, session),) = backend.seen
            for _ in range(30):
                backend.send(b"more", session)
                await one.receive()
                await asyncio.sleep(0.01)
            assert len(running.listener.sessions) == 1


async def test_a_server_with_a_name():
    async with server(b"> ") as backend:
        async with worker(routed(backend.port).replace("127.0.0.1", "localhost")) as running:
            with client(running.port) as one:
                assert await one.ask(b"held until the name is known") == b"> held until the name is known"
                assert await one.ask(b"2") == b"> 2"
            assert len(backend.clients) == 1
