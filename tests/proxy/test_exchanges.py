"""Requests to servers: 1xx, early answers, who closes what when somebody leaves, and what the client is told."""

import asyncio
import socket
from dataclasses import replace

import pytest

from tests.loopback import PATIENCE, Scripted, Visit, fixed, router, silent, until
from trafficcop.config.dynamic import Cookie, ForwardingTimeouts, LoadBalancer, ServersTransport, Sticky
from trafficcop.config.scalars import Duration

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
OK = b"HTTP/1.1 200 OK\r\n"
EMPTY = OK + b"Content-Length: 0\r\n\r\n"
EXPECTING = POST + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n"


# === Expect: 100-continue ===


async def test_the_server_asks_for_the_body() -> None:
    async def script(visit: Visit) -> None:
        assert b"Expect: 100-continue\r\n" in await visit.head()
        await visit.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert await visit.body(3) == b"abc"
        await visit.send(EMPTY)
        await visit.closed()

    async with router(Scripted(script)) as loopback:
        client = await loopback.client()
        await client.send(EXPECTING)
        assert (await client.head())[0] == 100
        status, fields, _ = await client.ask(b"abc")
        assert status == 200
        assert b"connection" not in fields
        assert (await client.ask(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"))[0] == 200


async def test_the_server_answers_without_the_body() -> None:
    async def script(visit: Visit) -> None:
        await visit.head()
        await visit.send(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno")
        await visit.closed()

    server = Scripted(script)
    async with router(server) as loopback:
        client = await loopback.client()
        status, fields, body = await client.ask(EXPECTING)
        assert (status, body, fields[b"connection"]) == (401, b"no", b"close")
        assert await client.rest() == b""
        await until(lambda: server.visits[0].reader.at_eof())
        assert server.visits[0].received == b""


async def test_the_server_says_nothing_and_gets_the_body_after_a_second() -> None:
    async def script(visit: Visit) -> None:
        await visit.head()
        assert await visit.body(3) == b"abc"
        await visit.send(EMPTY)

    async with router(Scripted(script)) as loopback:
        client = await loopback.client()
        await client.send(EXPECTING)
        assert (await client.head())[0] == 100
        assert (await client.ask(b"abc"))[0] == 200


async def test_a_client_that_does_not_wait() -> None:
    async def script(visit: Visit) -> None:
        await visit.head()
        assert await visit.body(3) == b"abc"
        await visit.send(b"HTTP/1.1 100 Continue\r\n\r\n" + EMPTY)

    async with router(Scripted(script)) as loopback:
        assert (await loopback.ask(EXPECTING + b"abc"))[0] == 200


async def test_nobody_reads_an_expected_body_of_a_request_without_a_router() -> None:
    async with router() as loopback:
        loopback.runtime.install(loopback.runtime.linker().finish())
        client = await loopback.client()
        status, fields, _ = await client.ask(EXPECTING)
        assert (status, fields[b"connection"]) == (404, b"close")
        assert await client.rest() == b""


async def test_early_hints_are_relayed_at_once() -> None:
    seen = asyncio.Event()

    async def script(visit: Visit) -> None:
        await visit.head()
        await visit.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        await seen.wait()
        await visit.send(b"HTTP/1.1 102 Processing\r\n\r\n" + EMPTY)

    async with router(Scripted(script)) as loopback:
        client = await loopback.client()
        await client.send(GET)
        assert await client.head() == (103, {b"link": b"</a>"})
        seen.set()
        assert (await client.head())[0] == 102
        assert (await client.answer())[0] == 200


async def test_informational_answers_are_not_for_http_1_0() -> None:
    async with router(Scripted(fixed(b"HTTP/1.1 103 Early Hints\r\n\r\n" + EMPTY))) as loopback:
        assert (await loopback.exchange(b"GET / HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.1 200 ")


# === answers before the end of the request ===


async def answer_at_once(visit: Visit) -> None:
    await visit.head()
    await visit.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
    await visit.closed()


async def test_an_early_answer_while_the_client_goes_on_sending() -> None:
    async with router(Scripted(answer_at_once)) as loopback:
        client = await loopback.client()
        await client.send(POST + b"Content-Length: 10000000\r\n\r\n" + b"x" * 1000)
        status, fields, body = await client.answer()
        assert (status, body, fields[b"connection"]) == (413, b"no", b"close")
        await client.send(b"x" * 1000000)
        assert await client.rest() == b""


async def test_an_early_answer_to_a_client_that_stops_sending() -> None:
    async with router(Scripted(answer_at_once)) as loopback:
        status, _, body = await loopback.ask(POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        assert (status, body) == (413, b"no")


async def test_an_early_answer_and_a_short_rest_leave_the_connection_usable() -> None:
    server = Scripted(answer_at_once)
    async with router(server) as loopback:
        client = await loopback.client()
        status, fields, _ = await client.ask(POST + b"Content-Length: 10000\r\n\r\nabc")
        assert status == 413
        assert b"connection" not in fields
        await client.send(b"x" * 9997)
        assert (await client.ask(GET))[0] == 413
        assert len(server.visits) == 2


async def test_an_early_answer_that_streams_while_the_body_comes() -> None:
    async def script(visit: Visit) -> None:
        await visit.head()
        await visit.send(OK + b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(3):
            piece = await visit.body(4)
            await visit.send(b"4\r\n" + piece + b"\r\n")
        await visit.send(b"0\r\n\r\n")

    async with router(Scripted(script)) as loopback:
        client = await loopback.client()
        await client.send(POST + b"Content-Length: 12\r\n\r\n")
        assert (await client.head())[0] == 200
        for piece in (b"abcd", b"efgh", b"ijkl"):
            await client.send(piece)
            assert await client.chunk() == piece
        assert await client.chunk() == b""


# === somebody leaves ===


@pytest.fixture
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trafficcop.server.limits.HALF_CLOSED_SECONDS", 0.05)


def until_closed(answer: bytes = b"") -> tuple[Scripted, asyncio.Event]:
    """A server that answers with so much and no more, and what is set when its connection ends."""
    closed = asyncio.Event()

    async def script(visit: Visit) -> None:
        await visit.head()
        if answer:
            await visit.send(answer)
        await visit.closed()
        closed.set()

    return Scripted(script), closed


@pytest.mark.parametrize("is_reset", [False, True])
@pytest.mark.usefixtures("short_patience")
async def test_a_client_that_leaves_before_the_answer_closes_the_server_connection(is_reset: bool) -> None:
    server, closed = until_closed()
    async with router(server) as loopback:
        client = await loopback.client()
        await client.send(GET)
        await until(lambda: bool(server.heads))
        if is_reset:
            client.reset()
        else:
            client.abort()
        async with asyncio.timeout(PATIENCE):
            await closed.wait()


@pytest.mark.parametrize("framing", [b"Content-Length: 100", b"Transfer-Encoding: chunked"])
async def test_a_client_that_leaves_inside_its_body_closes_the_server_connection(framing: bytes) -> None:
    server, closed = until_closed()
    async with router(server) as loopback:
        client = await loopback.client()
        await client.send(POST + framing + b"\r\n\r\n5\r\nhello\r\n")
        await until(lambda: bool(server.heads))
        client.abort()
        async with asyncio.timeout(PATIENCE):
            await closed.wait()
        assert b"hello" in server.visits[0].received
        assert not server.visits[0].received.endswith(b"0\r\n\r\n")


@pytest.mark.usefixtures("short_patience")
async def test_a_client_that_leaves_inside_the_answer_closes_the_server_connection() -> None:
    server, closed = until_closed(OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
    async with router(server) as loopback:
        client = await loopback.client()
        await client.send(GET)
        await client.head()
        client.abort()
        async with asyncio.timeout(PATIENCE):
            await closed.wait()


@pytest.mark.parametrize("is_reset", [False, True])
@pytest.mark.parametrize("framing", [b"Content-Length: 10", b"Transfer-Encoding: chunked"])
async def test_a_server_that_dies_inside_its_answer_aborts_the_client(framing: bytes, is_reset: bool) -> None:
    async def script(visit: Visit) -> None:
        await visit.head()
        await visit.send(OK + framing + b"\r\n\r\n5\r\nhello\r\n"[: None if b"chunked" in framing else 6])
        await asyncio.sleep(0.05)
        if is_reset:
            visit.reset()

    async with router(Scripted(script)) as loopback:
        raw = await loopback.exchange(GET)
        assert raw.startswith(OK)
        assert not raw.endswith(b"0\r\n\r\n")
        assert b"HTTP/1.1" not in raw[10:]


async def test_an_answer_that_ends_with_the_connection() -> None:
    async def script(visit: Visit) -> None:
        await visit.head()
        await visit.send(OK + b"\r\nhel")
        await visit.send(b"lo")

    async with router(Scripted(script)) as loopback:
        client = await loopback.client()
        for _ in range(2):
            status, fields, body = await client.ask(GET)
            assert (status, body, fields[b"transfer-encoding"]) == (200, b"hello", b"chunked")


async def test_a_server_that_ends_its_answer_and_reads_no_more() -> None:
    hold = asyncio.Event()

    async def script(visit: Visit) -> None:
        await visit.head()
        await visit.send(OK + b"\r\nenough")
        await asyncio.sleep(0.1)
        visit.writer.write_eof()
        await hold.wait()

    async with router(Scripted(script)) as loopback:
        client = await loopback.client()
        client.writer.write(POST + b"Content-Length: 50000000\r\n\r\n" + b"x" * 30_000_000)
        status, _, body = await client.answer()
        assert (status, body) == (200, b"enough")
        hold.set()


async def test_a_reset_does_not_end_an_answer() -> None:
    async def script(visit: Visit) -> None:
        await visit.head()
        await visit.send(OK + b"\r\nhello")
        await asyncio.sleep(0.05)
        visit.reset()

    async with router(Scripted(script)) as loopback:
        raw = await loopback.exchange(GET)
        assert b"hello" in raw
        assert not raw.endswith(b"0\r\n\r\n")


# === failures as answers ===


@pytest.mark.parametrize(
    ("sent", "status", "text"),
    [
        (b"", 502, b"Bad Gateway"),
        (b"HTTP/1.1 200 OK\r\nA: b\r\n", 500, b"Internal Server Error"),
        (b"garbage\r\n\r\n", 500, b"Internal Server Error"),
        (b"HTTP/1.1 099 No\r\nContent-Length: 0\r\n\r\n", 500, b"Internal Server Error"),
        (
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
            500,
            b"Internal Server Error",
        ),
        (OK + b"A: \x00\r\nContent-Length: 0\r\n\r\n", 500, b"Internal Server Error"),
        (OK + b"A: " + b"b" * 1100000, 500, b"Internal Server Error"),
    ],
)
async def test_what_a_client_is_told(sent: bytes, status: int, text: bytes) -> None:
    async def script(visit: Visit) -> None:
        await visit.head()
        await visit.send(sent)

    async with router(Scripted(script)) as loopback:
        client = await loopback.client()
        answer, fields, body = await client.ask(GET)
        assert (answer, body) == (status, text)
        assert b"content-type" not in fields
        assert (await client.ask(GET))[0] == status


async def test_a_server_that_refuses() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        async with router(f"http://127.0.0.1:{unused.getsockname()[1]}") as loopback:
            status, fields, body = await loopback.ask(GET)
            assert (status, body) == (502, b"Bad Gateway")
            assert b"content-type" not in fields


async def test_a_server_of_an_unknown_scheme() -> None:
    async with router("ftp://127.0.0.1:1") as loopback:
        assert (await loopback.ask(GET))[0::2] == (500, b"Internal Server Error")


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("http://", 500),
        ("https:///x", 500),
        ("h2c://user@", 500),
        ("http:127.0.0.1", 500),
        ("http://127.0.0.1:65536", 502),
        ("http://127.0.0.1:0", 502),
        ("http://:0", 502),
        ("http://a..invalid", 502),
        (f"http://{'a' * 64}.invalid", 502),
    ],
)
async def test_a_server_that_cannot_be_anywhere(url: str, status: int) -> None:
    async with router(url) as loopback:
        assert (await loopback.ask(GET))[0] == status


async def test_no_server() -> None:
    async with router() as loopback:
        status, fields, body = await loopback.ask(GET)
        assert (status, body) == (503, b"no available server\n")
        assert fields[b"content-type"] == b"text/plain; charset=utf-8"


# === time limits ===


def limits(**options: str) -> ServersTransport:
    timeouts = replace(ForwardingTimeouts(), **{name: Duration.of(value) for name, value in options.items()})
    return ServersTransport(forwarding_timeouts=timeouts)


async def test_response_header_timeout() -> None:
    async with router(Scripted(silent), transport=limits(response_header_timeout="50ms")) as loopback:
        client = await loopback.client()
        for _ in range(2):
            status, fields, body = await client.ask(GET)
            assert (status, body) == (504, b"Gateway Timeout")
            assert b"content-type" not in fields


async def test_response_header_timeout_begins_when_the_request_has_been_sent() -> None:
    async def script(visit: Visit) -> None:
        await visit.head()
        await visit.body(6)
        await visit.send(EMPTY)

    async with router(Scripted(script), transport=limits(response_header_timeout="100ms")) as loopback:
        client = await loopback.client()
        await client.send(POST + b"Content-Length: 6\r\n\r\nabc")
        await asyncio.sleep(0.4)
        assert (await client.ask(b"def"))[0] == 200


async def test_response_header_timeout_after_a_streamed_body() -> None:
    server = Scripted(silent)
    async with router(server, transport=limits(response_header_timeout="50ms")) as loopback:
        client = await loopback.client()
        await client.send(POST + b"Content-Length: 6\r\n\r\nabc")
        await until(lambda: bool(server.heads))
        assert (await client.ask(b"def"))[0] == 504


async def test_dial_timeout() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = []
        for _ in range(4):  # more than the queue holds: no further handshake is answered
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex(full.getsockname())
            waiting.append(sock)
        async with router(
            f"http://127.0.0.1:{full.getsockname()[1]}", transport=limits(dial_timeout="50ms")
        ) as loopback:
            assert (await loopback.ask(GET))[0::2] == (504, b"Gateway Timeout")
        for sock in waiting:
            sock.close()


# === connections are used again ===


async def test_idle_connections_close_after_their_time() -> None:
    server = Scripted(fixed())
    async with router(server, transport=limits(idle_conn_timeout="50ms")) as loopback:
        assert (await loopback.ask(GET))[0] == 200
        await until(lambda: server.visits[0].reader.at_eof())
        assert (await loopback.ask(GET))[0] == 200
        assert len(server.visits) == 2


async def together(visit: Visit, gate: asyncio.Barrier) -> None:
    while await visit.head():
        await gate.wait()
        await visit.send(EMPTY)


@pytest.mark.parametrize(("option", "kept"), [(3, 3), (0, 2), (-1, 0), (200, 4)])
async def test_max_idle_conns_per_host(option: int, kept: int) -> None:
    gate = asyncio.Barrier(4)
    server = Scripted(lambda visit: together(visit, gate))
    async with router(server, transport=ServersTransport(max_idle_conns_per_host=option)) as loopback:
        answers = await asyncio.gather(*(loopback.ask(GET) for _ in range(4)))
        assert [answer[0] for answer in answers] == [200] * 4
        await until(lambda: sum(not visit.reader.at_eof() for visit in server.visits) == kept)


async def test_the_newest_idle_connection_is_taken_first() -> None:
    server = Scripted(fixed())
    async with router(server) as loopback:
        for _ in range(5):
            assert (await loopback.ask(GET))[0] == 200
        assert len(server.visits) == 1


@pytest.mark.parametrize(
    "answer", [OK + b"Connection: close\r\nContent-Length: 0\r\n\r\n", EMPTY + b"garbage", EMPTY + EMPTY]
)
async def test_a_connection_that_is_not_used_again(answer: bytes) -> None:
    server = Scripted(fixed(answer))
    async with router(server) as loopback:
        for _ in range(2):
            assert (await loopback.ask(GET))[0] == 200
        assert len(server.visits) == 2


async def test_an_answer_that_nobody_asked_for_is_nobodys() -> None:
    async def script(visit: Visit) -> None:
        await visit.head()
        await visit.send(EMPTY)
        await asyncio.sleep(0.05)
        await visit.send(OK + b"Content-Length: 6\r\n\r\npoison")
        await visit.closed()

    server = Scripted(script)
    async with router(server) as loopback:
        assert (await loopback.ask(GET))[0] == 200
        await until(lambda: server.visits[0].reader.at_eof())
        assert (await loopback.ask(GET))[2] == b""


async def dies_on_the_second(visit: Visit, server: Scripted) -> None:
    """Answers one request; the first connection is closed when it brings another."""
    await visit.head()
    await visit.send(EMPTY)
    if visit is server.visits[0]:
        await visit.head()
        visit.abort()
    else:
        await visit.head()
        await visit.send(EMPTY)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (GET, 200),
        (b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", 200),
        (b"DELETE / HTTP/1.1\r\nHost: a\r\n\r\n", 200),
        (POST + b"Content-Length: 3\r\n\r\nabc", 502),
        (b"PATCH / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 502),
    ],
)
async def test_a_stale_connection(request_: bytes, status: int) -> None:
    server: Scripted
    server = Scripted(lambda visit: dies_on_the_second(visit, server))
    async with router(server) as loopback:
        assert (await loopback.ask(GET))[0] == 200
        assert (await loopback.ask(request_))[0] == status
        assert len(server.visits) == (2 if status == 200 else 1)


async def test_a_stale_connection_whose_answer_a_coroutine_awaits() -> None:
    server: Scripted
    server = Scripted(lambda visit: dies_on_the_second(visit, server))
    async with router(server, balancer=LoadBalancer(sticky=Sticky(Cookie()))) as loopback:
        for _ in range(2):
            assert (await loopback.ask(GET))[0] == 200
        assert len(server.visits) == 2


async def test_a_fresh_connection_that_closes_is_not_tried_again() -> None:
    async def script(visit: Visit) -> None:
        await visit.head()

    server = Scripted(script)
    async with router(server) as loopback:
        assert (await loopback.ask(GET))[0] == 502
        assert len(server.visits) == 1
