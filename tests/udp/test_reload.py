"""What a reload does to the sessions that are there, and what becomes of those whose server is gone or dead."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import socket

from tests.loopback import until
from tests.process.instance import free_port
from tests.udp.loopback import client, routed, server, worker


async def test_a_session_keeps_its_server_and_its_socket():
    async with server(b"a ") as first, server(b"b ") as second:
        async with worker(routed(first.port, second.port)) as running:
            with client(running.port) as one:
                before = await one.ask(b"1")
                for _ in range(5):
                    running.install(routed(second.port, first.port))
                    assert (await one.ask(b"1")) == before
            assert len(first.clients) + len(second.clients) == 1


async def test_a_server_that_is_gone():
    async with server(b"a ") as first, server(b"b ") as second, worker(routed(first.port)) as running:
        with client(running.port) as one:
            assert await one.ask(b"1") == b"a 1"
            running.install(routed(second.port))
            assert await one.ask(b"2") == b"b 2"
            assert len(running.listener.sessions) == 1


async def test_a_router_that_is_gone():
    async with server(b"a ") as backend, worker(routed(backend.port)) as running:
        with client(running.port) as one:
            assert await one.ask(b"1") == b"a 1"
            running.install("{}")
            await one.send(b"2")
            await until(lambda: not running.listener.sessions)
            running.install(routed(backend.port))
            assert await one.ask(b"3") == b"a 3"


async def test_answers_under_way_reach_the_client_after_a_reload():
    async with server(lambda data, sender: None) as backend, worker(routed(backend.port)) as running:
        with client(running.port) as one:
            await one.send(b"1")
            await until(lambda: bool(backend.seen))
            running.install(routed(backend.port, router=", priority: 7"))
            backend.send(b"late", backend.seen[0][1])
            assert (await one.receive())[0] == b"late"


async def test_a_dead_server_is_passed_over():
    dead = free_port()
    async with server(b"a ") as alive, worker(routed(alive.port, dead)) as running:
        answered = 0
        for _ in range(10):
            with client(running.port) as one:
                await one.send(b"1")
                await asyncio.sleep(0.01)
                answered += await _has_answer(one.sock)
        assert answered >= 9


async def test_a_client_of_a_dead_server_goes_to_another_with_its_next_datagram():
    dead = free_port()
    async with server(b"a ") as alive, worker(routed(dead)) as running:
        with client(running.port) as one:
            await one.send(b"1")
            running.install(routed(dead, alive.port))
            while not await _has_answer(one.sock):
                await one.send(b"2")
                await asyncio.sleep(0.01)


async def test_the_only_server_comes_back():
    port = free_port()
    async with worker(routed(port)) as running:
        with client(running.port) as one:
            for _ in range(3):
                await one.send(b"1")
                await asyncio.sleep(0.005)
            async with server(b"a ", port=port):
                assert await one.ask(b"2") == b"a 2"


async def test_a_name_that_nobody_knows():
    text = routed(53).replace("127.0.0.1:53", "127.0.0.1:no-such-service")
    async with worker(text) as running:
        with client(running.port) as one:
            await one.send(b"1")
            await until(lambda: not running.listener.sessions and bool(running.runtime.datagrams.servers._fresh_until))
            await one.send(b"2")  # not looked up again yet
            await asyncio.sleep(0.01)
            assert not running.listener.sessions
        async with server(b"a ") as backend:
            running.install(routed(backend.port))
            with client(running.port) as one:
                assert await one.ask(b"3") == b"a 3"


async def test_no_servers_and_no_router():
    async with worker(routed()) as running:
        with client(running.port) as one:
            await one.send(b"1")
            running.install("{}")
            await one.send(b"2")
            await asyncio.sleep(0.01)
            assert not await _has_answer(one.sock)
        assert not running.listener.sessions


async def test_the_idlest_session_makes_room():
    async with server(b"") as backend, worker(routed(backend.port)) as running:
        running.listener._limit = 10
        socks = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(50)]
        for sock in socks:
            sock.sendto(b"x", ("127.0.0.1", running.port))
        await until(lambda: len(backend.seen) == 50)
        assert len(running.listener.sessions) == 10
        kept = {session.address[1] for session in running.listener.sessions.values()}
        assert kept == {sock.getsockname()[1] for sock in socks[40:]}
        for sock in socks:
            sock.close()


async def test_sources_without_end_leave_nothing_behind():
    async with server(b"") as backend, worker(routed(backend.port), timeout="100ms") as running:
        running.listener._limit = 100
        before = len(os.listdir("/proc/self/fd"))
        for number in range(2000):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.bind((f"127.0.{1 + number % 200}.{1 + number // 200}", 0))
                sock.sendto(b"x", ("127.0.0.1", running.port))
            if number % 50 == 0:
                await asyncio.sleep(0)
                assert len(running.listener.sessions) <= 100
        await until(lambda: not running.listener.sessions)
        assert len(os.listdir("/proc/self/fd")) == before
        with client(running.port) as one:
            assert await one.ask(b"still there") == b"still there"


async def test_descriptors_run_out():
    async with server(b"") as backend, worker(routed(backend.port)) as running:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(client(running.port)) for _ in range(60)]
            taken = {int(name) for name in os.listdir("/proc/self/fd")}
            free = [number for number in range(max(taken) + 30) if number not in taken]
            resource.setrlimit(resource.RLIMIT_NOFILE, (free[20], hard))
            try:
                answers = [await one.ask(b"x") for one in clients]
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert answers == [b"x"] * 60
        assert 0 < len(running.listener.sessions) < 25


async def test_draining_lets_sessions_go_on_and_takes_no_new_ones():
    async with server(b"") as backend, worker(routed(backend.port)) as running:
        with client(running.port) as old, client(running.port) as new:
            await old.ask(b"1")
            running.listener.stop_accepting()
            await new.send(b"2")
            await old.ask(b"3")
        assert len(backend.clients) == 1


async def _has_answer(sock: socket.socket) -> bool:
    try:
        sock.recv(65536)
    except BlockingIOError:
        return False
    return True
