"""Requests that the fast parser refuses and that are served all the same."""

import pytest

from tests.loopback import Scripted, Visit, fixed, router

NEXT = b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.mark.parametrize(
    ("start", "sent"),
    [
        (b"FOO /a", b"FOO /a"),
        (b"get /a", b"get /a"),
        (b"GETS /a?b;c", b"GETS /a?b&c"),
        (b"!#$%&'*+-.^_`|~ /", b"!#$%&'*+-.^_`|~ /"),
        (b"GET /\xc3\xa9", b"GET /%C3%A9"),
        (b"PURGE /\xff/../b?\xc3\xa9", b"PURGE /b?%C3%A9"),
        (b"DESCRIBE /", b"DESCRIBE /"),
        (b"FOO http://b", b"FOO /"),
        (b"FOO HTTP://b/c?d", b"FOO /c?d"),
        (b"GET https://b?\xc3\xa9", b"GET /?%C3%A9"),
    ],
)
@pytest.mark.parametrize("behind", [b"", NEXT])
async def test_odd_requests_are_served(start: bytes, sent: bytes, behind: bytes) -> None:
    server = Scripted(fixed())
    async with router(server) as loopback:
        client = await loopback.client()
        for _ in range(2):
            client.writer.write(start + b" HTTP/1.1\r\nHost: a\r\n\r\n" + behind)
            for _ in range(2 if behind else 1):
                assert (await client.answer())[0] == 200
        assert (await client.ask(NEXT))[0] == 200
        host = b"b" if b"://b" in start else b"a"
        assert server.heads[0].startswith(sent + b" HTTP/1.1\r\nHost: " + host + b"\r\n")
        assert len(server.heads) == (5 if behind else 3)


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 3\r\n\r\nabc", b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"]
)
async def test_odd_requests_with_a_body(framing: bytes) -> None:
    async def script(visit: Visit) -> None:
        while head := await visit.head():
            assert head.startswith(b"FOO / ")
            assert await visit.body(3) == b"abc"
            await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with router(Scripted(script)) as loopback:
        client = await loopback.client()
        for _ in range(2):
            assert (await client.ask(b"FOO / HTTP/1.1\r\nHost: a\r\n" + framing))[0] == 200


async def test_an_odd_method_in_http_1_0() -> None:
    server = Scripted(fixed())
    async with router(server) as loopback:
        client = await loopback.client()
        assert (await client.ask(b"FOO /a HTTP/1.0\r\nHost: a\r\n\r\n"))[0] == 200
        assert server.heads[0].startswith(b"FOO /a HTTP/1.1\r\nHost: a\r\n")


HOST = b"Host: a\r\n"


@pytest.mark.parametrize(
    "raw",
    [
        b"F(O / HTTP/1.1\r\n" + HOST,
        b"FOO  / HTTP/1.1\r\n" + HOST,
        b"FOO\t/ HTTP/1.1\r\n" + HOST,
        b"FOO /\xff \xff HTTP/1.1\r\n" + HOST,
        b"FOO /\xff\x01 HTTP/1.1\r\n" + HOST,
        b"FOO a HTTP/1.1\r\n" + HOST,
        b"FOO * HTTP/1.1\r\n" + HOST,
        b"FOO / HTTP/2.0\r\n" + HOST,
        b"FOO / RTSP/1.0\r\n" + HOST,
        b"FOO / HTTP/1.1\r\n",
        b"FOO / HTTP/1.1\r\n" + HOST + HOST,
        b"FOO / HTTP/1.1\nHost: a\r\n",
        *(
            b"FOO / HTTP/1.1\r\n" + HOST + line + b"\r\n"
            for line in (
                *(
                    b"A: b\n",
                    b"A : b",
                    b"A: b\r\n c",
                    b"A: \x00",
                    b"A: b\rc",
                    b"Content-Length: 5, 5",
                    b"Content-Length: +5",
                ),
                *(b"Content-Length: 5\r\nContent-Length: 5", b"Content-Length: 5\r\nTransfer-Encoding: chunked"),
                *(b"Transfer-Encoding: gzip", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
            )
        ),
        b"FOO / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
async def test_what_no_engine_reads(raw: bytes) -> None:
    server = Scripted(fixed())
    async with router(server) as loopback:
        answer = await loopback.exchange(raw + b"\r\n" + NEXT)
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert answer.count(b"HTTP/1.1") == 1
        assert server.heads == []


async def test_an_odd_head_comes_in_pieces_behind_another_one() -> None:
    server = Scripted(fixed())
    async with router(server) as loopback:
        client = await loopback.client()
        await client.send(NEXT + b"GE")
        assert (await client.answer())[0] == 200
        await client.send(b"X /\xc3")
        await client.send(b"\xa9 HTTP/1.1\r\nHo")
        await client.send(b"st: a\r\n\r\n" + NEXT)
        assert [(await client.answer())[0] for _ in range(2)] == [200, 200]
        assert [head.partition(b" HTTP")[0] for head in server.heads] == [b"GET /next", b"GEX /%C3%A9", b"GET /next"]


@pytest.mark.parametrize("garbage", [b"FOO\x00", b"FOO \xff", b"FOO /a b", b"F" * 200])
async def test_garbage_is_refused_before_its_end(garbage: bytes) -> None:
    async with router(Scripted(fixed())) as loopback:
        client = await loopback.client()
        await client.send(garbage)
        assert (await client.rest()).startswith(b"HTTP/1.1 400 ")
