"""Host names of servers: looked up again, every address used, connections that follow their name."""

import asyncio
import socket

import pytest

from tests.loopback import PATIENCE, Scripted, fixed, router, until
from trafficcop.errors import Kind, ProxyError
from trafficcop.http.deadlines import Deadlines
from trafficcop.proxy import connect, names
from trafficcop.proxy.connect import connect as connect_to
from trafficcop.proxy.names import Names
from trafficcop.proxy.origin import Limits, Origin
from trafficcop.proxy.pools import Pools

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


class Directory:
    """A resolver whose answers a test changes."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = list(addresses)
        self.asked = 0
        self.gate: asyncio.Event | None = None

    async def __call__(self, host: str) -> list[str]:
        self.asked += 1
        if self.gate is not None:
            await self.gate.wait()
        if not self.addresses:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return self.addresses


@pytest.fixture
def stale(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every dial asks again."""
    monkeypatch.setattr(names, "FRESH_SECONDS", 0.0)


def known(*addresses: str) -> tuple[Names, Directory]:
    directory = Directory(*addresses)
    return Names(Deadlines(), directory), directory


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1"])
async def test_addresses_are_not_looked_up(host: str) -> None:
    book, directory = known()
    assert await book.addresses(host) == [host]
    assert directory.asked == 0


async def test_every_address_in_turn_from_one_lookup() -> None:
    book, directory = known("192.0.2.1", "192.0.2.2", "192.0.2.1", "192.0.2.3")
    first = [(await book.addresses("app.example.com"))[0] for _ in range(6)]
    assert first == ["192.0.2.1", "192.0.2.2", "192.0.2.3"] * 2
    assert directory.asked == 1


async def test_an_address_that_refused_comes_last() -> None:
    book, _ = known("192.0.2.1", "192.0.2.2")
    await book.addresses("app.example.com")
    book.blame("app.example.com", "192.0.2.2")
    for _ in range(3):
        assert await book.addresses("app.example.com") == ["192.0.2.1", "192.0.2.2"]


async def test_a_change_is_seen(stale: None) -> None:
    book, directory = known("192.0.2.1")
    assert await book.addresses("app.example.com") == ["192.0.2.1"]
    directory.addresses = ["192.0.2.9"]
    assert await book.addresses("app.example.com") == ["192.0.2.9"]


async def test_a_name_that_stops_resolving_keeps_its_addresses(stale: None, caplog: pytest.LogCaptureFixture) -> None:
    book, directory = known("192.0.2.1")
    await book.addresses("app.example.com")
    directory.addresses = []
    assert await book.addresses("app.example.com") == ["192.0.2.1"]
    assert "app.example.com does not resolve any more" in caplog.text


async def test_a_name_that_never_resolved() -> None:
    book, directory = known()
    with pytest.raises(OSError, match=r"app\.example\.com: Name or service not known"):
        await book.addresses("app.example.com")
    directory.addresses = ["192.0.2.1"]
    with pytest.raises(OSError, match="not known"):  # for a moment it is not asked for again
        await book.addresses("app.example.com")


async def test_those_who_come_at_once_share_a_lookup() -> None:
    book, directory = known("192.0.2.1")
    directory.gate = asyncio.Event()
    asking = [asyncio.create_task(book.addresses("app.example.com")) for _ in range(5)]
    await asyncio.sleep(0)
    asking[0].cancel()
    directory.gate.set()
    assert await asyncio.gather(*asking[1:]) == [["192.0.2.1"]] * 4
    assert directory.asked == 1


async def test_a_slow_resolver_keeps_nobody_waiting(stale: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "PATIENCE_SECONDS", 0.01)
    book, directory = known("192.0.2.1")
    await book.addresses("app.example.com")
    directory.gate = asyncio.Event()
    assert await book.addresses("app.example.com") == ["192.0.2.1"]
    book.close()


async def test_watchers_are_told_of_changes_only(monkeypatch: pytest.MonkeyPatch) -> None:
    book, directory = known("192.0.2.1")
    told: list[frozenset[str]] = []
    await book.addresses("app.example.com")
    book.watch("app.example.com", told.append)
    book.on_deadline()
    await asyncio.sleep(0.01)
    assert (directory.asked, told) == (2, [])
    directory.addresses = ["192.0.2.2"]
    book.on_deadline()
    await asyncio.sleep(0.01)
    assert told == [frozenset(("192.0.2.2",))]
    book.unwatch("app.example.com", told.append)
    book.on_deadline()
    await asyncio.sleep(0.01)
    assert directory.asked == 3


async def listening(address: str, port: int = 0) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((address, port))
    sock.listen()
    return sock


async def test_the_next_address_when_one_refuses() -> None:
    server = await listening("127.0.0.2")
    book, _ = known("127.0.0.1", "127.0.0.2")
    with server:
        for _ in range(2):
            with await connect_to(book, "app.example.com", server.getsockname()[1]) as sock:
                assert sock.getpeername()[0] == "127.0.0.2"


async def test_the_next_address_when_one_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "DELAY_SECONDS", 0.01)
    silent = await listening("127.0.0.3")
    silent.listen(0)
    port = silent.getsockname()[1]
    fillers = [socket.socket() for _ in range(4)]  # a full queue answers no further SYN
    for filler in fillers:
        filler.setblocking(False)
        filler.connect_ex(("127.0.0.3", port))
    server = await listening("127.0.0.4", port)
    book, _ = known("127.0.0.3", "127.0.0.4")
    async with asyncio.timeout(PATIENCE):
        with await connect_to(book, "app.example.com", port) as sock:
            assert sock.getpeername()[0] == "127.0.0.4"
    for one in (*fillers, silent, server):
        one.close()


async def test_nobody_takes_the_connection() -> None:
    free = await listening("127.0.0.1")
    port = free.getsockname()[1]
    free.close()
    book, _ = known("127.0.0.1", "127.0.0.2")
    with pytest.raises(ConnectionRefusedError):
        await connect_to(book, "app.example.com", port)


async def test_connections_follow_their_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """An idle connection to an address that the name has no more is closed, one in use after its answer."""
    server = Scripted(fixed())
    async with router(server):
        deadlines = Deadlines()
        pools = Pools(deadlines)
        book, directory = known("127.0.0.1")
        pools._names = book
        pool = pools.get(Origin("http", "app.example.com", server.port), Limits())
        busy, idle = await pool.dial(), await pool.dial()
        pool.release(idle)
        directory.addresses = ["127.0.0.2"]
        book.on_deadline()
        await until(lambda: not pool._idle)
        assert busy in pool.open
        pool.release(busy)
        await until(lambda: not pool.open)


async def test_a_name_that_does_not_resolve_is_a_bad_gateway() -> None:
    pools = Pools(Deadlines())
    pools._names = known()[0]
    with pytest.raises(ProxyError) as caught:
        await pools.get(Origin("http", "app.example.com", 80), Limits()).dial()
    assert caught.value.kind is Kind.UNREACHABLE
    assert caught.value.is_retryable


async def test_localhost_is_found_whatever_it_means() -> None:
    server = Scripted(fixed())
    await server.start()
    async with router(f"http://localhost:{server.port}") as loopback:
        assert (await loopback.ask(GET))[0] == 200
    await server.stop()
