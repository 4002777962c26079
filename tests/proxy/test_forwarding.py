"""What a server sees of a request, and a client of an answer."""

import asyncio

import pytest

from tests.loopback import PATIENCE, Scripted, fixed, part_of, router, until
from trafficcop.config.dynamic import LoadBalancer
from trafficcop.config.entry_points import EntryPoint, ForwardedHeaders
from trafficcop.errors import ProxyError
from trafficcop.proxy.origin import Origin

START = b"GET / HTTP/1.1\r\nHost: a.test:81\r\n"
OWN = (b"X-Real-Ip", b"X-Forwarded-Proto", b"X-Forwarded-Port", b"X-Forwarded-Host", b"X-Forwarded-Server")


async def seen(lines: bytes = b"", *, start: bytes = START, body: bytes = b"", **options: object) -> list[bytes]:
    """The lines of the head that reaches the server."""
    server = Scripted(fixed())
    async with router(server, **options) as loopback:  # type: ignore[arg-type]
        await loopback.ask(start + lines + b"\r\n" + body)
        assert len(server.heads) == 1
        return server.heads[0][:-4].split(b"\r\n")


def others(head: list[bytes]) -> list[bytes]:
    """Without the start line and what the router adds."""
    return [line for line in head[1:] if not line.startswith((b"Host:", b"X-Forwarded-For:", *OWN))]


@pytest.mark.parametrize(
    ("lines", "kept"),
    [
        (b"A: 1\r\na: 2\r\nCoOkIe: x=y\r\n", [b"A: 1", b"a: 2", b"CoOkIe: x=y"]),
        (b"Connection: keep-alive\r\nKeep-Alive: 5\r\n", []),
        (b"Connection: x-a, X-B\r\nX-A: 1\r\nx-b: 2\r\nX-C: 3\r\n", [b"X-C: 3"]),
        (b"Proxy-Connection: a\r\nProxy-Authenticate: b\r\nProxy-Authorization: c\r\n", []),
        (b"Te: gzip\r\n", []),
        (b"TE: gzip, Trailers\r\nConnection: te\r\n", [b"Te: trailers"]),
        (b"Trailer: X\r\n", []),
        (b"Upgrade: websocket\r\n", []),
        (b"Connection: upgrade\r\nUpgrade: a/1\r\n", [b"Connection: Upgrade", b"Upgrade: a/1"]),
        (b"Forwarded: for=x\r\n", [b"Forwarded: for=x"]),
        (b"Connection: host, content-length, transfer-encoding\r\nA: b\r\n", [b"A: b"]),
    ],
)
async def test_request_fields(lines: bytes, kept: list[bytes]) -> None:
    head = await seen(lines)
    assert others(head) == kept
    assert b"Host: a.test:81" in head
    assert b"X-Forwarded-For: 127.0.0.1" in head


@pytest.mark.parametrize(
    ("start", "line"),
    [
        (b"GET /?a;b HTTP/1.1\r\nHost: a\r\n", b"GET /?a&b HTTP/1.1"),
        (b"GET /? HTTP/1.1\r\nHost: a\r\n", b"GET /? HTTP/1.1"),
        (b"GET http://b/%7ea HTTP/1.1\r\nHost: a\r\n", b"GET /~a HTTP/1.1"),
        (b"OPTIONS http://b HTTP/1.1\r\nHost: a\r\n", b"OPTIONS / HTTP/1.1"),
        (b"GET /x HTTP/1.0\r\nHost: a\r\n", b"GET /x HTTP/1.1"),
    ],
)
async def test_start_lines(start: bytes, line: bytes) -> None:
    head = await seen(start=start)
    assert head[0] == line
    assert head[1] == (b"Host: b" if b"http://b" in start else b"Host: a")


@pytest.mark.parametrize(
    ("lines", "forwarded", "expected"),
    [
        (b"X-Forwarded-For: 203.0.113.9\r\n", ForwardedHeaders(), [b"127.0.0.1"]),
        (b"X-Forwarded-For: 203.0.113.9\r\n", ForwardedHeaders(insecure=True), [b"203.0.113.9, 127.0.0.1"]),
        (
            b"X-Forwarded-For: 203.0.113.9\r\nx-forwarded-for: 198.51.100.1\r\n",
            ForwardedHeaders(insecure=True),
            [b"203.0.113.9, 198.51.100.1, 127.0.0.1"],
        ),
        (b"", ForwardedHeaders(not_append_x_forwarded_for=True), []),
        (
            b"X-Forwarded-For: 203.0.113.9\r\n",
            ForwardedHeaders(insecure=True, not_append_x_forwarded_for=True),
            [b"203.0.113.9"],
        ),
    ],
)
async def test_forwarded_for(lines: bytes, forwarded: ForwardedHeaders, expected: list[bytes]) -> None:
    head = await seen(lines, entry_point=EntryPoint(forwarded_headers=forwarded))
    values = [line.partition(b": ")[2] for line in head if line.lower().startswith(b"x-forwarded-for:")]
    assert values == expected


async def test_what_connection_names_ends_here_even_when_middlewares_may_see_it() -> None:
    lines = b"Connection: x-kept, X-A\r\nX-Kept: 1\r\nX-A: 2\r\nX-B: 3\r\n"
    head = await seen(lines, entry_point=EntryPoint(forwarded_headers=ForwardedHeaders(connection=("X-Kept",))))
    assert [line for line in head if line.startswith((b"X-Kept", b"X-A", b"X-B", b"Connection"))] == [b"X-B: 3"]


async def test_the_host_of_the_server() -> None:
    server = Scripted(fixed())
    async with router(server) as loopback:  # for a client that names none
        assert (await loopback.exchange(b"GET / HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        assert b"\r\nHost: 127.0.0.1:%d\r\n" % server.port in server.heads[0]
    server = Scripted(fixed())
    async with router(server, balancer=LoadBalancer(pass_host_header=False)) as loopback:
        await loopback.ask(START + b"\r\n")
        assert b"\r\nHost: 127.0.0.1:%d\r\n" % server.port in server.heads[0]
        assert b"\r\nX-Forwarded-Host: a.test:81\r\n" in server.heads[0]


@pytest.mark.parametrize(("is_preserved", "path"), [(False, b"/x"), (True, b"/base/x")])
@pytest.mark.parametrize("url_path", ["/base", "/base/"])
async def test_the_path_of_the_server(is_preserved: bool, path: bytes, url_path: str) -> None:
    server = Scripted(fixed())
    async with router(server) as loopback:
        linker = loopback.runtime.linker()
        url = f"http://127.0.0.1:{server.port}{url_path}"
        part_of(linker, LoadBalancer(), [(url, is_preserved)])
        loopback.runtime.install(linker.finish())
        await loopback.ask(b"GET /x?y HTTP/1.1\r\nHost: a\r\n\r\n")
        assert server.heads[0].startswith(b"GET " + path + b"?y HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("start", "framing", "body"),
    [
        (b"GET", b"", b""),
        (b"POST", b"Content-Length: 0", b""),
        (b"PUT", b"Content-Length: 0", b""),
        (b"DELETE", b"", b""),
        (b"GET", b"Content-Length: 3", b"abc"),
    ],
)
async def test_framing_of_requests_that_are_here_whole(start: bytes, framing: bytes, body: bytes) -> None:
    lines = b"Content-Length: %d\r\n" % len(body) if body else b""
    head = await seen(lines, start=start + b" / HTTP/1.1\r\nHost: a\r\n", body=body)
    assert [line for line in head if line.lower().startswith((b"content-", b"transfer-"))] == (
        [framing] if framing else []
    )


async def test_answer_fields() -> None:
    answer = (
        b"HTTP/1.1 299 whatever\r\nA: 1\r\na: 2\r\nConnection: x-b\r\nX-B: 3\r\nKeep-Alive: 5\r\nDate: then\r\n"
        b"Proxy-Authenticate: x\r\nUpgrade: h2c\r\nServer: s\r\nContent-Length: 2\r\n\r\nok"
    )
    async with router(Scripted(fixed(answer))) as loopback:
        client = await loopback.client()
        await client.send(START + b"\r\n")
        async with asyncio.timeout(PATIENCE):
            raw = await client.reader.readuntil(b"\r\n\r\n")
        assert raw == (
            b"HTTP/1.1 299 status code 299\r\nA: 1\r\na: 2\r\nDate: then\r\nServer: s\r\nContent-Length: 2\r\n\r\n"
        )


async def test_a_date_is_added() -> None:
    async with router(Scripted(fixed())) as loopback:
        assert (await loopback.ask(START + b"\r\n"))[1][b"date"].endswith(b" GMT")


# === origins ===


async def test_a_retired_pool_closes_what_is_idle() -> None:
    server = Scripted(fixed())
    async with router(server) as loopback:
        assert (await loopback.ask(START + b"\r\n"))[0] == 200
        loopback.runtime.install(loopback.runtime.linker().finish())
        await until(lambda: server.visits[0].reader.at_eof())
        assert (await loopback.ask(START + b"\r\n"))[0] == 404


def test_origins() -> None:
    assert Origin.of("http://[::1]:81/x") == Origin("http", "::1", 81)
    assert Origin.of("HTTP://A.test") == Origin("http", "a.test", 80)
    with pytest.raises(ProxyError, match="no host"):
        Origin.of("http://")
