"""Clients' connections: keep-alive, pipelining, bodies, refusals and what a half-closed connection still gets."""

import asyncio

import pytest

from tests.loopback import Scripted, Visit, fixed, router, silent, until
from tests.wire.test_requests import REFUSED
from trafficcop.config.entry_points import EntryPoint

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
OK = b"HTTP/1.1 200 OK\r\n"


async def echo(visit: Visit) -> None:
    """Answers with the target that was asked for."""
    while head := await visit.head():
        target = head.split(b" ")[1]
        await visit.send(OK + b"Content-Length: %d\r\n\r\n" % len(target) + target)


async def test_keep_alive() -> None:
    server = Scripted(fixed())
    async with router(server) as loopback:
        client = await loopback.client()
        for _ in range(3):
            status, fields, body = await client.ask(GET)
            assert (status, body) == (200, b"ok")
            assert b"connection" not in fields
        assert len(server.visits) == 1


async def test_a_thousand_pipelined_requests() -> None:
    async with router(Scripted(echo)) as loopback:
        client = await loopback.client()
        client.writer.write(b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number for number in range(1000)))
        for number in range(1000):
            assert (await client.answer())[2] == b"/%d" % number


async def test_a_thousand_pipelined_requests_answered_at_once() -> None:
    async with router("http://127.0.0.1:1") as loopback:
        loopback.runtime.install(loopback.runtime.linker().finish())  # no router: 404 without waiting
        client = await loopback.client()
        client.writer.write(GET * 1000)
        for _ in range(1000):
            status, _, body = await client.answer()
            assert (status, body) == (404, b"404 page not found\n")


async def test_pipelined_requests_then_half_closed() -> None:
    async with router(Scripted(echo)) as loopback:
        client = await loopback.client()
        client.writer.write(b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number for number in range(5)))
        client.writer.write_eof()
        answers = await client.rest()
        assert [answers.count(b"\r\n\r\n/%d" % number) for number in range(5)] == [1] * 5


async def test_half_closed_inside_a_request() -> None:
    server = Scripted(fixed())
    async with router(server) as loopback:
        client = await loopback.client()
        client.writer.write(GET[:-2])
        client.writer.write_eof()
        assert await client.rest() == b""
        assert server.heads == []


@pytest.mark.parametrize("body", [b"", b"x", b"x" * 70000, b"x" * 1000000])
async def test_bodies_of_known_length(body: bytes) -> None:
    async def script(visit: Visit) -> None:
        while head := await visit.head():
            assert b"Content-Length: %d\r\n" % len(body) in head
            assert b"Transfer-Encoding" not in head
            await visit.send(OK + b"Content-Length: %d\r\n\r\n" % len(body) + await visit.body(len(body)))

    async with router(Scripted(script)) as loopback:
        client = await loopback.client()
        for _ in range(2):
            raw = POST + b"Content-Length: %d\r\n\r\n" % len(body) + body
            client.writer.write(raw)
            status, fields, answer = await client.answer()
            assert (status, answer) == (200, body)
            assert fields[b"content-length"] == b"%d" % len(body)


async def test_chunks_and_trailers_both_ways() -> None:
    async def script(visit: Visit) -> None:
        head = await visit.head()
        assert b"Transfer-Encoding: chunked\r\n" in head
        assert b"Trailer: X\r\n" in head
        assert await visit.until(b"\r\n0\r\nX: y\r\n\r\n") == b"3\r\nabc\r\n0\r\nX: y\r\n\r\n"
        await visit.send(OK + b"Transfer-Encoding: chunked\r\nTrailer: P, Q\r\n\r\n2\r\nde\r\n")
        await visit.send(b"1\r\nf\r\n0\r\nP: 1\r\nQ: 2\r\n\r\n")
        await visit.closed()

    server = Scripted(script)
    async with router(server) as loopback:
        client = await loopback.client()
        await client.send(POST + b"Transfer-Encoding: chunked\r\nTrailer: X\r\n\r\n")
        await until(lambda: bool(server.heads))
        await client.send(b"3\r\nabc\r\n0\r\nX: y\r\n\r\n")
        status, fields, body = await client.answer()
        assert (status, body) == (200, b"def")
        assert fields[b"trailer"] == b"P, Q"
        assert (fields[b"trailer:p"], fields[b"trailer:q"]) == (b"1", b"2")


async def test_trailers_of_an_answer_that_comes_in_one_piece() -> None:
    answer = OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nX: y\r\n\r\n"
    async with router(Scripted(fixed(answer))) as loopback:
        _, fields, body = await loopback.ask(GET)
        assert (body, fields[b"trailer:x"]) == (b"ab", b"y")


async def test_trailers_of_a_request_that_comes_in_one_piece() -> None:
    async def script(visit: Visit) -> None:
        await visit.head()
        assert await visit.until(b"\r\n0\r\nX: y\r\n\r\n") == b"2\r\nab\r\n0\r\nX: y\r\n\r\n"
        await visit.send(OK + b"Content-Length: 0\r\n\r\n")

    async with router(Scripted(script)) as loopback:
        raw = POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nX: y\r\n\r\n"
        assert (await loopback.ask(raw))[0] == 200


@pytest.mark.parametrize(
    ("answer", "length"),
    [
        (OK + b"Content-Length: 5\r\n\r\n", b"5"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n", None),
        (OK + b"\r\n", None),
    ],
)
async def test_head(answer: bytes, length: bytes | None) -> None:
    server = Scripted(fixed(answer))
    async with router(server) as loopback:
        client = await loopback.client()
        for _ in range(2):
            status, fields, _ = await client.ask(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", b"HEAD")
            assert status == 200
            assert fields.get(b"content-length") == length
        assert len(server.visits) == 1


@pytest.mark.parametrize("status", [204, 304])
async def test_answers_without_a_body(status: int) -> None:
    server = Scripted(fixed(b"HTTP/1.1 %d x\r\nEtag: e\r\nContent-Length: 9\r\n\r\n" % status))
    async with router(server) as loopback:
        client = await loopback.client()
        for _ in range(2):
            answer, fields, _ = await client.ask(GET)
            assert (answer, fields[b"etag"]) == (status, b"e")
        assert len(server.visits) == 1


@pytest.mark.parametrize(("status", "expected"), [(204, b"text/x"), (304, None)])
async def test_the_type_of_what_the_client_has_is_not_told_again(status: int, expected: bytes | None) -> None:
    server = Scripted(fixed(b"HTTP/1.1 %d x\r\nContent-Type: text/x\r\nEtag: e\r\n\r\n" % status))
    async with router(server) as loopback:
        client = await loopback.client()
        for _ in range(3):
            answer, fields, _ = await client.ask(GET)
            assert (answer, fields.get(b"content-type"), fields[b"etag"]) == (status, expected, b"e")


# === HTTP/1.0 ===


async def test_http_1_0_without_keep_alive() -> None:
    async with router(Scripted(fixed())) as loopback:
        answer = await loopback.exchange(b"GET / HTTP/1.0\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"Connection: close\r\n" in answer
        assert answer.endswith(b"\r\n\r\nok")


async def test_http_1_0_with_keep_alive() -> None:
    async with router(Scripted(fixed())) as loopback:
        client = await loopback.client()
        for _ in range(2):
            _, fields, body = await client.ask(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            assert (fields[b"connection"], body) == (b"keep-alive", b"ok")


async def test_http_1_0_and_an_answer_without_a_length() -> None:
    answer = OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"

    async def script(visit: Visit) -> None:
        await visit.head()
        await visit.send(answer)
        await visit.send(b"0\r\nX: y\r\n\r\n")
        await visit.closed()

    async with router(Scripted(script)) as loopback:
        raw = await loopback.exchange(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert raw.endswith(b"\r\n\r\nab")
        assert b"Connection: close\r\n" in raw
        assert b"Transfer-Encoding" not in raw


# === refusals ===


@pytest.mark.parametrize("is_cut", [False, True])
async def test_what_is_refused_never_reaches_a_server(is_cut: bool) -> None:
    server = Scripted(fixed())
    async with router(server) as loopback:
        for status, raw in REFUSED:
            if raw[:1] == b"\x16" or raw[:4] == b"PRI ":
                continue  # the beginning of a ClientHello is waited for; the other is HTTP/2
            client = await loopback.client()
            if is_cut and b"\r\n\r\n" not in raw:
                await client.send(raw[:10])
                await asyncio.sleep(0)
                await client.send(raw[10:])
            else:
                await client.send(raw)
            answer = await client.rest()
            assert answer.startswith(b"HTTP/1.1 %d " % status), raw
            assert b"Connection: close\r\n" in answer
            assert answer.count(b"HTTP/1.1") == 1
        assert server.heads == []


@pytest.mark.parametrize(
    "first",
    [
        POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        POST + b"Content-Length: 400000\r\n\r\n" + b"x" * 400000,
        GET[:-2] + b"Expect: 100-continue\r\n\r\n",
    ],
    ids=["chunks", "long", "expect"],
)
async def test_an_answer_while_the_next_request_still_comes_leaves_the_connection_open(first: bytes) -> None:
    may_answer = asyncio.Event()

    async def script(visit: Visit) -> None:
        head = await visit.head()
        if b"chunked" in head:
            await visit.until(b"0\r\n\r\n")
        elif b"Content-Length: 3\r\n" in head:  # the chunks came in one read
            await visit.body(3)
        elif b"Content-Length" in head:
            await visit.body(400000)
        await may_answer.wait()
        await visit.send(OK + b"Content-Length: 0\r\n\r\n")
        await visit.head()
        await visit.send(OK + b"Content-Length: 2\r\n\r\n" + (await visit.body(200000))[-2:])

    server = Scripted(script)
    async with router(server) as loopback:
        client = await loopback.client()
        client.writer.write(first + POST + b"Content-Length: 200000\r\n\r\n" + b"y" * 150000)
        await until(lambda: bool(server.heads))
        await asyncio.sleep(0.05)  # the second request has begun
        may_answer.set()
        head = await client.head()
        while head[0] == 100:
            head = await client.head()
        assert head[0] == 200
        assert b"connection" not in head[1]
        await client.send(b"z" * 50000)
        status, _, body = await client.answer()
        assert (status, body) == (200, b"zz")


async def test_a_good_request_before_a_malformed_one_is_answered_first() -> None:
    async with router(Scripted(fixed())) as loopback:
        answer = await loopback.exchange(GET + b"garbage\r\n\r\n" + GET)
        assert [line for line in answer.split(b"\r\n") if b"HTTP/1.1" in line] == [
            b"HTTP/1.1 200 OK",
            b"ok" + b"HTTP/1.1 400 Bad Request",
        ]


async def test_a_body_that_turns_out_malformed_gets_one_answer_and_is_cut_off() -> None:
    server = Scripted(silent)
    async with router(server) as loopback:
        client = await loopback.client()
        await client.send(POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        await until(lambda: bool(server.heads))
        await client.send(b"zz\r\n" + GET)
        answer = await client.rest()
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert answer.count(b"HTTP/1.1") == 1
        await until(lambda: b"abc" in server.visits[0].received)
        assert b"0\r\n\r\n" not in server.visits[0].received


async def test_connect_is_refused_and_nothing_behind_it_is_read() -> None:
    server = Scripted(fixed())
    async with router(server) as loopback:
        answer = await loopback.exchange(b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n" + GET)
        assert answer.startswith(b"HTTP/1.1 501 ")
        assert answer.count(b"HTTP/1.1") == 1
        assert server.heads == []


@pytest.mark.parametrize("request_line", [b"GET /%zz", b"GET ftp://a/", b"GET *"])
@pytest.mark.parametrize("host", [b"a", b"a b"])
async def test_what_makes_no_sense_is_told_in_words(request_line: bytes, host: bytes) -> None:
    async with router(Scripted(fixed())) as loopback:
        client = await loopback.client()
        status, fields, body = await client.ask(request_line + b" HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")
        assert (status, body) == (400, b"400 Bad Request")
        assert fields[b"content-type"] == b"text/plain; charset=utf-8"


async def test_options_asterisk() -> None:
    server = Scripted(fixed())
    async with router(server) as loopback:
        client = await loopback.client()
        for _ in range(2):
            status, _, body = await client.ask(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
            assert (status, body) == (200, b"")
        assert server.heads == []


async def test_header_limit_of_the_entry_point() -> None:
    server = Scripted(fixed())
    entry_point = EntryPoint(http=EntryPoint().http.__class__(max_header_bytes=1000))
    async with router(server, entry_point=entry_point) as loopback:
        client = await loopback.client()
        assert (await client.ask(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 4000 + b"\r\n\r\n"))[0] == 200
        await client.send(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 6000 + b"\r\n\r\n")
        assert (await client.rest()).startswith(b"HTTP/1.1 431 ")
        assert len(server.heads) == 1
