"""HTTP/2 from a client to a server that speaks HTTP/1.1: messages, refusals, bodies, ends."""

from __future__ import annotations

import asyncio
import gc
import re
from dataclasses import replace
from time import monotonic

import pytest
from h2.settings import SettingCodes

from tests.h2_client import Answer, H2Client
from tests.loopback import Loopback, Scripted, Visit, fixed, router, silent, until
from trafficcop.config.entry_points import HTTP2, EntryPoint
from trafficcop.config.observability import Metrics, Prometheus
from trafficcop.config.scalars import Duration
from trafficcop.config.static import StaticConfiguration
from trafficcop.http.deadlines import NEVER
from trafficcop.http.h2 import faults
from trafficcop.http.h2.terms import STREAM_WINDOW
from trafficcop.http.messages import Request
from trafficcop.proxy.h1 import ServerConnection
from trafficcop.server.h2 import HELD_LIMIT, HELD_PROGRESS, LINGER_SECONDS
from trafficcop.server.h2_stream import ServerStream

OK = b"HTTP/1.1 200 OK\r\n"
MIB = 1 << 20


async def echo(visit: Visit) -> None:
    """Answers with the head it was sent."""
    while head := await visit.head():
        await visit.send(OK + b"Content-Length: %d\r\n\r\n" % len(head) + head)


async def test_a_request_reaches_the_server_as_http_1() -> None:
    async with router(Scripted(echo)) as loopback:
        client = await H2Client.connect(loopback)
        answer = await client.ask((b"x-a", b"1"), (b"cookie", b"a=1"), (b"cookie", b"b=2"), path=b"/x?y=1")
        lines = answer.body.split(b"\r\n")
        assert lines[:4] == [b"GET /x?y=1 HTTP/1.1", b"Host: example.com", b"x-a: 1", b"cookie: a=1; b=2"]
        assert b"X-Forwarded-Proto: http" in lines
        assert b"X-Forwarded-Host: example.com" in lines
        assert b"X-Forwarded-For: 127.0.0.1" in lines
        assert not any(line.startswith((b"Transfer-Encoding", b"Content-Length", b"Connection")) for line in lines)


async def test_fields_of_the_connection_do_not_come_back() -> None:
    head = OK + b"Connection: keep-alive, X-Hop\r\nKeep-Alive: timeout=5\r\nX-Hop: 1\r\nX-Plain: Yes\r\nServer: s\r\n"
    async with router(Scripted(fixed(head + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"))) as loopback:
        answer = await (await H2Client.connect(loopback)).ask()
        assert re.fullmatch(rb"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", answer.fields.pop(b"date"))
        # The whole answer came in one piece, so its length is known.
        assert answer.fields == {b"x-plain": b"Yes", b"server": b"s", b"content-length": b"2"}
        assert (answer.status, answer.body) == (200, b"ok")


async def test_many_streams_on_one_connection() -> None:
    async with router(Scripted(echo)) as loopback:
        client = await H2Client.connect(loopback)
        streams = [await client.start(path=b"/%d" % number) for number in range(100)]
        for number, stream_id in enumerate(streams):
            answer = await client.answer(stream_id)
            assert answer.body.startswith(b"GET /%d HTTP/1.1\r\n" % number)


@pytest.mark.parametrize("size", [1, 2, 10, 33])
async def test_in_pieces(size: int) -> None:
    async with router(Scripted(echo)) as loopback:
        client = await H2Client.connect(loopback)
        client.h2.send_headers(
            1, [(b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/"), (b":authority", b"a")]
        )
        client.h2.send_data(1, b"hello", end_stream=True)
        data = client.h2.data_to_send()
        client.answers[1] = Answer()
        for start in range(0, len(data), size):
            client.writer.write(data[start : start + size])
            await client.writer.drain()
            await asyncio.sleep(0)
        assert (await client.answer(1)).status == 200


async def test_head_requests_and_statuses_without_a_body() -> None:
    async def script(visit: Visit) -> None:
        while head := await visit.head():
            if head.startswith(b"HEAD"):
                await visit.send(OK + b"Content-Length: 5\r\n\r\n")
            else:
                await visit.send(b"HTTP/1.1 304 Not Modified\r\nEtag: x\r\n\r\n")

    async with router(Scripted(script)) as loopback:
        client = await H2Client.connect(loopback)
        answer = await client.ask(method=b"HEAD")
        assert (answer.status, answer.fields[b"content-length"], answer.body) == (200, b"5", b"")
        answer = await client.ask()
        assert (answer.status, answer.fields[b"etag"]) == (304, b"x")
        assert b"content-length" not in answer.fields


async def test_bodies_and_trailers_both_ways() -> None:
    async def script(visit: Visit) -> None:
        await visit.head()
        await visit.until(b"0\r\n")
        await visit.until(b"\r\n\r\n")
        await visit.send(b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n")
        await visit.send(OK + b"Trailer: X-Down\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        await asyncio.sleep(0.02)
        await visit.send(b"3\r\ntwo\r\n0\r\nX-Down: 2\r\n\r\n")
        await visit.closed()

    server = Scripted(script)
    async with router(server) as loopback:
        client = await H2Client.connect(loopback)
        stream_id = await client.start((b"te", b"trailers"), (b"trailer", b"x-up"), method=b"POST", is_last=False)
        await client.send(stream_id, b"first", is_last=False)
        await client.send(stream_id, b"second", is_last=False)
        client.h2.send_headers(stream_id, [(b"x-up", b"1")], end_stream=True)
        await client.flush()
        answer = await client.answer(stream_id)
        assert (answer.informational, answer.body, answer.trailers) == ([103], b"onetwo", {b"x-down": b"2"})
        assert answer.fields[b"trailer"] == b"X-Down"
        assert b"Te: trailers\r\n" in server.heads[0]
        assert b"Transfer-Encoding: chunked" in server.heads[0]
        assert server.visits[0].received.endswith(b"x-up: 1\r\n\r\n")


async def test_a_length_and_trailers_do_not_frame_the_body_twice() -> None:
    """Legal in HTTP/2. In HTTP/1.1 a length with chunks behind it would let a client write the next request itself."""

    async def script(visit: Visit) -> None:
        while head := await visit.head():
            if b"chunked" in head:
                await visit.until(b"0\r\n")
                await visit.until(b"\r\n\r\n")
            else:
                await visit.body(3)
            await visit.send(OK + b"Content-Length: 2\r\n\r\nok")

    server = Scripted(script)
    async with router(server) as loopback:
        client = await H2Client.connect(loopback)
        for _ in range(2):
            head = [(b":method", b"POST"), (b":scheme", b"http"), (b":authority", b"a"), (b":path", b"/")]
            stream_id = client.h2.get_next_available_stream_id()
            client.answers[stream_id] = Answer()
            client.h2.send_headers(stream_id, [*head, (b"content-length", b"3")])
            client.h2.send_data(stream_id, b"abc")
            client.h2.send_headers(stream_id, [(b"x-up", b"1")], end_stream=True)
            await client.flush()
            assert (await client.answer(stream_id)).status == 200
        assert [head.split(b"\r\n")[0] for head in server.heads] == [b"POST / HTTP/1.1"] * 2
        assert not any(b"Content-Length" in head for head in server.heads)
        assert server.visits[0].received == b"3\r\nabc\r\n0\r\nx-up: 1\r\n\r\n" * 2


async def test_a_large_body_each_way() -> None:
    size = 3 * MIB

    async def script(visit: Visit) -> None:
        assert b"Content-Length: %d" % size in await visit.head()
        body = await visit.reader.readexactly(size)
        await visit.send(OK + b"Content-Length: %d\r\n\r\n" % size + body[::-1])
        await visit.closed()

    async with router(Scripted(script)) as loopback:
        client = await H2Client.connect(loopback)
        data = bytes(range(256)) * (size // 256)
        answer = await client.ask((b"content-length", b"%d" % size), method=b"PUT", body=data)
        assert answer.body == data[::-1]


async def test_expectations() -> None:
    async def script(visit: Visit) -> None:
        await visit.head()
        await visit.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        await visit.body(2)
        await visit.send(OK + b"Content-Length: 0\r\n\r\n")
        await visit.closed()

    async with router(Scripted(script)) as loopback:
        client = await H2Client.connect(loopback)
        fields = ((b"expect", b"100-continue"), (b"content-length", b"2"))
        stream_id = await client.start(*fields, method=b"POST", is_last=False)
        while client.answers[stream_id].informational != [100]:
            await client.receive()
        await client.send(stream_id, b"ok")
        assert (await client.answer(stream_id)).status == 200


async def test_expectations_that_nobody_knows_are_the_servers_to_judge() -> None:
    server = Scripted(echo)
    async with router(server) as loopback:
        client = await H2Client.connect(loopback)
        answer = await client.ask((b"expect", b"miracles"))
        assert (answer.status, b"\r\nexpect: miracles\r\n" in answer.body) == (200, True)


@pytest.mark.parametrize(
    "field",
    [
        (b"connection", b"close"),
        (b"transfer-encoding", b"chunked"),
        (b"te", b"gzip"),
        (b"upgrade", b"h2c"),
        (b"keep-alive", b"1"),
        (b"proxy-connection", b"close"),
    ],
)
async def test_fields_of_http_1_are_refused_with_words(field: tuple[bytes, bytes]) -> None:
    async with router("http://127.0.0.1:1") as loopback:
        client = await H2Client.connect(loopback)
        answer = await client.ask(field)
        assert answer.status == 400
        assert field[0] in answer.body
        assert (await client.ask()).status == 502


@pytest.mark.parametrize(
    "fields",
    [
        [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/"), (b"X-Upper", b"1")],
        [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/"), (b"x", b"a\r\nHost: evil")],
        [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/"), (b"x y", b"1")],
        [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/"), (b"content-length", b"+1")],
        [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/"), (b"content-length", b"3")],
        [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/ HTTP/1.1\r\nX: ")],
        [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/ b")],
        [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/\tb")],
        [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/?a\tb")],
        [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"nowhere")],
        [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"")],
        [(b":method", b"GET"), (b":path", b"/")],
        [(b":method", b"GET / HTTP/1.1\r\n"), (b":scheme", b"http"), (b":path", b"/")],
        [(b":scheme", b"http"), (b":path", b"/")],
        [(b":method", b"GET"), (b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/")],
        [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/"), (b":status", b"200")],
        [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/"), (b":more", b"1")],
        [(b":method", b"GET"), (b"x", b"1"), (b":scheme", b"http"), (b":path", b"/")],
    ],
)
async def test_malformed_requests_end_their_stream_only(fields: list[tuple[bytes, bytes]]) -> None:
    async with router(Scripted(fixed())) as loopback:
        client = await H2Client.connect(loopback)
        answer = await client.answer(await client.start_raw(fields))
        assert (answer.status, answer.code) == (0, faults.PROTOCOL_ERROR)
        assert (await client.ask()).body == b"ok"


async def test_the_authority_and_odd_targets() -> None:
    server = Scripted(echo)
    async with router(server) as loopback:
        client = await H2Client.connect(loopback)
        head = (await client.ask((b"host", b"other.example.com"))).body
        assert b"Host: example.com\r\n" in head
        assert b"other" not in head
        only_host = [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/"), (b"host", b"b.example.com")]
        answer = await client.answer(await client.start_raw(only_host))
        assert b"Host: b.example.com\r\n" in answer.body
        nobody = await client.answer(await client.start_raw(only_host[:3]))
        assert b"Host: 127.0.0.1:%d\r\n" % server.port in nobody.body
        assert (await client.ask(method=b"OPTIONS", path=b"*")).status == 200
        assert (await client.ask(path=b"/%zz")).status == 400
        assert (await client.ask(method=b"UNHEARD-OF")).body.startswith(b"UNHEARD-OF / ")
        connect = await client.start_raw([(b":method", b"CONNECT"), (b":authority", b"a:443")], is_last=False)
        assert (await client.answer(connect)).status == 501


async def test_headers_that_are_too_large() -> None:
    entry_point = EntryPoint()
    entry_point = replace(entry_point, http=replace(entry_point.http, max_header_bytes=2000))
    async with router(Scripted(fixed()), entry_point=entry_point) as loopback:
        client = await H2Client.connect(loopback)
        assert (await client.ask((b"x", b"y" * 1000))).status == 200
        assert (await client.ask((b"x", b"y" * 4000))).status == 431
        assert (await client.ask((b"x", b"y" * 4000), (b"z", b"1"), method=b"POST", body=b"")).status == 431
        assert (await client.ask((b"x", b"y" * 100))).status == 200
        # Many times the limit: nobody reads that to its end.
        await client.start(*[(b"x-%d" % number, b"y" * 1000) for number in range(100)])
        assert await client.closed() == faults.ENHANCE_YOUR_CALM


async def test_options_of_the_entry_point() -> None:
    entry_point = EntryPoint(http2=HTTP2(max_concurrent_streams=2, max_decoder_header_table_size=100))

    async with router(Scripted(silent), entry_point=entry_point) as loopback:
        client = await H2Client.connect(loopback)
        first = [await client.start() for _ in range(2)]
        await client.receive()
        settings = client.h2.remote_settings
        assert (settings.max_concurrent_streams, settings.header_table_size) == (2, 100)
        # As if we had not heard.
        settings[SettingCodes.MAX_CONCURRENT_STREAMS] = 100
        settings.acknowledge()
        third = await client.start()
        assert (await client.answer(third)).code == faults.REFUSED_STREAM
        assert not any(client.answers[stream_id].is_ended for stream_id in first)


async def test_a_server_that_breaks_off() -> None:
    async def script(visit: Visit) -> None:
        await visit.head()
        await visit.send(OK + b"Content-Length: 10\r\n\r\nonly")
        visit.abort()

    async with router(Scripted(script)) as loopback:
        client = await H2Client.connect(loopback)
        answer = await client.ask()
        assert (answer.status, answer.code) == (200, faults.INTERNAL_ERROR)


async def test_a_client_that_cancels() -> None:
    async def script(visit: Visit) -> None:
        await visit.head()
        await visit.closed()

    server = Scripted(script)
    async with router(server) as loopback:
        client = await H2Client.connect(loopback)
        stream_id = await client.start()
        await until(lambda: len(server.heads) == 1)
        client.h2.reset_stream(stream_id, faults.CANCEL)
        await client.flush()
        server.script = fixed()
        assert (await client.ask()).body == b"ok"
        assert len(server.visits) == 2


async def test_an_answer_before_the_request_has_ended() -> None:
    async def script(visit: Visit) -> None:
        await visit.head()
        await visit.send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
        await visit.closed()

    async with router(Scripted(script)) as loopback:
        client = await H2Client.connect(loopback)
        stream_id = await client.start(method=b"POST", is_last=False)
        answer = await client.answer(stream_id)
        assert (answer.status, answer.body) == (403, b"no")
        while answer.code is None:
            await client.receive()
        assert answer.code == faults.NO_ERROR


async def test_an_upload_waits_for_a_slow_server() -> None:
    go = asyncio.Event()

    async def script(visit: Visit) -> None:
        visit.writer.transport.pause_reading()
        await go.wait()
        visit.writer.transport.resume_reading()
        await visit.head()
        await visit.reader.readexactly(16 * MIB)
        await visit.send(OK + b"Content-Length: 2\r\n\r\nok")
        await visit.closed()

    async with router(Scripted(script)) as loopback:
        client = await H2Client.connect(loopback)
        stream_id = await client.start((b"content-length", b"%d" % (16 * MIB)), method=b"POST", is_last=False)
        sending = asyncio.create_task(client.send(stream_id, b"x" * 16 * MIB))
        await asyncio.sleep(0.2)
        assert not sending.done()
        (connection,) = loopback.runtime.listeners["web"].connections
        (stream,) = connection.session.streams.values()
        assert stream.unread <= STREAM_WINDOW
        go.set()
        await sending
        assert (await client.answer(stream_id)).body == b"ok"


async def test_a_download_waits_for_a_slow_client() -> None:
    sent = 0

    async def script(visit: Visit) -> None:
        nonlocal sent
        await visit.head()
        await visit.send(OK + b"Content-Length: %d\r\n\r\n" % (32 * MIB))
        for _ in range(32):
            await visit.send(b"x" * MIB)
            sent += 1
        await visit.closed()

    async with router(Scripted(script)) as loopback:
        client = await H2Client.connect(loopback, credits=False)
        stream_id = await client.start()
        while len(client.answers[stream_id].body) < 65535:
            await client.receive()
        await asyncio.sleep(0.1)
        assert sent < 16
        (connection,) = loopback.runtime.listeners["web"].connections
        assert connection.session.held < MIB
        # Another one is served meanwhile only where the connection's window allows; a ping always is.
        client.h2.ping(b"12345678")
        await client.flush()
        while not client.pings:
            await client.receive()
        client.credits = True
        client.h2.increment_flow_control_window(40 * MIB)
        client.h2.increment_flow_control_window(40 * MIB, stream_id)
        await client.flush()
        assert len((await client.answer(stream_id)).body) == 32 * MIB


async def test_the_last_request_of_a_connection() -> None:
    entry_point = EntryPoint()
    entry_point = replace(entry_point, transport=replace(entry_point.transport, keep_alive_max_requests=2))
    async with router(Scripted(fixed()), entry_point=entry_point) as loopback:
        client = await H2Client.connect(loopback)
        assert (await client.ask()).status == 200
        assert client.goaway is None
        assert (await client.ask()).status == 200
        assert await client.closed() == faults.NO_ERROR
        assert client.last_stream_id == 3


async def test_drain() -> None:
    go = asyncio.Event()

    async def script(visit: Visit) -> None:
        await visit.head()
        await go.wait()
        await visit.send(OK + b"Content-Length: 2\r\n\r\nok")
        await visit.closed()

    async with router(Scripted(script)) as loopback:
        idle, busy = await H2Client.connect(loopback), await H2Client.connect(loopback)
        listener = loopback.runtime.listeners["web"]
        stream_id = await busy.start()
        await until(lambda: sum(len(connection.session.streams) for connection in _h2(loopback)) == 1)
        await idle.receive()
        listener.close_idle()
        assert await idle.closed() == faults.NO_ERROR
        while busy.last_stream_id != stream_id:
            await busy.receive()
        go.set()
        assert (await busy.answer(stream_id)).body == b"ok"
        assert await busy.closed() == faults.NO_ERROR


async def test_who_still_sends_reads_our_end_and_no_reset() -> None:
    """A reset could take the answer away from a client that has not read it: window updates are on their way."""
    async with router(Scripted(fixed())) as loopback:
        client = await H2Client.connect(loopback)
        await client.ask()
        loopback.runtime.listeners["web"].close_idle()
        assert await client.closed() == faults.NO_ERROR
        for _ in range(3):
            client.writer.write(b"\0\0\4\x08\0\0\0\0\0\0\0\0\1")
            await asyncio.sleep(0.01)
        assert len(_h2(loopback)) == 1
        client.writer.close()
        await until(lambda: not _h2(loopback))


async def test_requests_that_cross_the_goaway_are_served() -> None:
    async with router(Scripted(fixed())) as loopback:
        client = await H2Client.connect(loopback)
        assert (await client.ask()).status == 200
        loopback.runtime.listeners["web"].close_idle()
        # Sent before anything of it was read.
        first, second = await client.start(), await client.start()
        assert (await client.answer(first)).body == b"ok"
        assert (await client.answer(second)).body == b"ok"
        assert await client.closed() == faults.NO_ERROR
        assert client.last_stream_id == second


async def test_a_client_that_answers_no_ping_is_not_waited_for() -> None:
    async with router(Scripted(fixed())) as loopback:
        client = await H2Client.connect(loopback)
        await client.ask()
        (connection,) = _h2(loopback)
        connection.close_if_idle()
        assert connection.deadline <= monotonic() + LINGER_SECONDS
        connection.on_deadline()
        assert await client.closed() == faults.NO_ERROR
        assert client.last_stream_id == 1


def _h2(loopback: Loopback) -> list:
    return [one for one in loopback.runtime.listeners["web"].connections if hasattr(one, "session")]


def short(**limits: str) -> EntryPoint:
    entry_point = EntryPoint()
    timeouts = replace(
        entry_point.transport.responding_timeouts, **{name: Duration.of(text) for name, text in limits.items()}
    )
    return replace(entry_point, transport=replace(entry_point.transport, responding_timeouts=timeouts))


async def test_idle_connections_are_closed() -> None:
    async with router(Scripted(fixed()), entry_point=short(idle_timeout="50ms")) as loopback:
        client = await H2Client.connect(loopback)
        assert (await client.ask()).status == 200
        assert await client.closed() == faults.NO_ERROR


@pytest.mark.parametrize("sent", [b"", b"\0\0\1\1\0\0\0\0\1\x82"])
async def test_so_are_those_that_never_ask_where_requests_may_take_their_time(sent: bytes) -> None:
    async with router(Scripted(fixed()), entry_point=short(idle_timeout="50ms", read_timeout="0s")) as loopback:
        client = await H2Client.connect(loopback)
        client.writer.write(sent)
        await client.closed()


async def test_a_body_that_takes_too_long_ends_its_stream() -> None:
    async with router(Scripted(silent), entry_point=short(read_timeout="50ms")) as loopback:
        client = await H2Client.connect(loopback)
        stream_id = await client.start(method=b"POST", is_last=False)
        answer = await client.answer(stream_id)
        assert (answer.status, answer.body) == (504, b"Gateway Timeout")
        (connection,) = _h2(loopback)
        await until(lambda: connection.session.streams == {})


async def test_an_answer_that_takes_too_long_ends_its_stream() -> None:
    async with router(Scripted(silent), entry_point=short(write_timeout="50ms")) as loopback:
        client = await H2Client.connect(loopback)
        assert (await client.answer(await client.start())).code == faults.INTERNAL_ERROR


async def test_a_client_that_never_ends_its_head_is_closed() -> None:
    async with router(Scripted(fixed()), entry_point=short(read_timeout="50ms")) as loopback:
        client = await H2Client.connect(loopback)
        client.writer.write(b"\0\0\1\1\0\0\0\0\1\x82")  # HEADERS without END_HEADERS
        await client.closed()


async def test_websocket_by_extended_connect() -> None:
    async def script(visit: Visit) -> None:
        await visit.head()
        await visit.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n")
        await visit.send(b"Sec-WebSocket-Accept: x\r\nSec-WebSocket-Protocol: chat\r\n\r\nearly")
        while data := await visit.reader.read(65536):
            await visit.send(data.upper())

    server = Scripted(script)
    async with router(server) as loopback:
        client = await H2Client.connect(loopback)
        await client.receive()
        assert client.h2.remote_settings.enable_connect_protocol == 1
        fields = [
            (b":method", b"CONNECT"),
            (b":protocol", b"websocket"),
            (b":scheme", b"http"),
            (b":path", b"/chat"),
            (b":authority", b"example.com"),
            (b"sec-websocket-version", b"13"),
        ]
        stream_id = await client.start_raw(fields, is_last=False)
        answer = client.answers[stream_id]
        await client.send(stream_id, b"hello", is_last=False)
        while answer.body != b"earlyHELLO":
            await client.receive()
        assert (answer.status, answer.fields[b"sec-websocket-protocol"]) == (200, b"chat")
        assert b"sec-websocket-accept" not in answer.fields
        big = b"abc" * 500_000
        await client.send(stream_id, big)
        assert (await client.answer(stream_id)).body == b"earlyHELLO" + big.upper()
        head = server.heads[0]
        assert head.startswith(b"GET /chat HTTP/1.1\r\n")
        assert b"Connection: Upgrade\r\nUpgrade: websocket\r\n" in head
        assert re.search(rb"Sec-WebSocket-Key: [\w+/]{22}==\r\n", head)
        assert b"X-Forwarded-Proto: ws\r\n" in head
        await until(lambda: _h2(loopback)[0].session.streams == {})


async def test_a_websocket_that_is_refused_is_counted_as_one() -> None:
    async with router(
        Scripted(fixed(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")),
        static=StaticConfiguration(metrics=Metrics(prometheus=Prometheus())),
    ) as loopback:
        client = await H2Client.connect(loopback)
        await client.receive()
        fields = [(b":method", b"CONNECT"), (b":protocol", b"websocket"), (b":scheme", b"http"), (b":path", b"/")]
        stream_id = await client.start_raw([*fields, (b":authority", b"example.com")])
        assert (await client.answer(stream_id)).status == 403
        meters = loopback.runtime.meters
        assert meters is not None
        entry_point = meters.entry_point("web")
        assert entry_point is not None
        await until(lambda: bool(entry_point.cells))
        assert list(entry_point.cells) == [(b"GET", "websocket", 403)]


@pytest.mark.parametrize("protocol", [b"", b"example/1"])
async def test_a_server_that_switches_to_something_else(protocol: bytes) -> None:
    """Asked for a WebSocket, or for nothing."""

    async def script(visit: Visit) -> None:
        await visit.head()
        await visit.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %b\r\n\r\n" % protocol)
        await visit.closed()

    async with router(Scripted(script)) as loopback:
        client = await H2Client.connect(loopback)
        await client.receive()
        fields = [(b":method", b"CONNECT"), (b":protocol", b"websocket"), (b":scheme", b"http"), (b":path", b"/")]
        stream_id = await client.start_raw([*fields, (b":authority", b"a")], is_last=False)
        assert (await client.answer(stream_id)).status == 500
        assert (await client.ask()).status == 500


@pytest.mark.parametrize("is_agreed", [True, False])
async def test_tunnels_end(is_agreed: bool) -> None:
    """The server refuses, or agrees and closes."""

    async def script(visit: Visit) -> None:
        await visit.head()
        if is_agreed:
            await visit.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        else:
            await visit.send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    async with router(Scripted(script)) as loopback:
        client = await H2Client.connect(loopback)
        await client.receive()
        fields = [(b":method", b"CONNECT"), (b":protocol", b"websocket"), (b":scheme", b"http"), (b":path", b"/")]
        stream_id = await client.start_raw([*fields, (b":authority", b"a")], is_last=False)
        answer = await client.answer(stream_id)
        assert (answer.status, answer.body) == (200 if is_agreed else 403, b"")
        if is_agreed:
            await client.send(stream_id, b"")  # until then it may go on sending
        await until(lambda: _h2(loopback)[0].session.streams == {})


async def test_an_answer_that_is_no_tunnel_must_not_look_like_one() -> None:
    async with router(Scripted(fixed())) as loopback:
        client = await H2Client.connect(loopback)
        await client.receive()
        fields = [(b":method", b"CONNECT"), (b":protocol", b"websocket"), (b":scheme", b"http"), (b":path", b"/")]
        stream_id = await client.start_raw([*fields, (b":authority", b"a")], is_last=False)
        answer = await client.answer(stream_id)
        assert (answer.status, answer.body) == (502, b"")
        await until(lambda: _h2(loopback)[0].session.streams == {})
        assert (await client.ask()).body == b"ok"


async def test_bytes_that_are_no_ascii_reach_servers_escaped() -> None:
    async with router(Scripted(echo)) as loopback:
        client = await H2Client.connect(loopback)
        answer = await client.ask(path=b"/caf\xc3\xa9?q=\xc3\xa9")
        assert answer.body.startswith(b"GET /caf%C3%A9?q="), answer.body


async def test_a_client_that_resets_its_tunnel() -> None:
    async def script(visit: Visit) -> None:
        await visit.head()
        await visit.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        await visit.closed()
        visit.received += b"closed"

    server = Scripted(script)
    async with router(server) as loopback:
        client = await H2Client.connect(loopback)
        await client.receive()
        fields = [(b":method", b"CONNECT"), (b":protocol", b"websocket"), (b":scheme", b"http"), (b":path", b"/")]
        stream_id = await client.start_raw([*fields, (b":authority", b"a")], is_last=False)
        while not client.answers[stream_id].status:
            await client.receive()
        client.h2.reset_stream(stream_id)
        await client.flush()
        await until(lambda: server.visits[0].received == b"closed")


async def test_upgrade_to_h2c_is_ignored() -> None:
    server = Scripted(fixed())
    async with router(server) as loopback:
        head = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
        head += b"HTTP2-Settings: AAMAAABk\r\n\r\n"
        status, _, body = await loopback.ask(head)
        assert (status, body) == (200, b"ok")
        assert b"h2c" not in server.heads[0]
        assert b"HTTP2-Settings" not in server.heads[0]


async def test_a_connection_that_is_lost() -> None:
    async def script(visit: Visit) -> None:
        await visit.head()
        await visit.closed()
        visit.received += b"closed"

    server = Scripted(script)
    async with router(server) as loopback:
        client = await H2Client.connect(loopback)
        for _ in range(3):
            await client.start()
        await until(lambda: len(server.heads) == 3)
        client.close()
        await until(lambda: [visit.received for visit in server.visits] == [b"closed"] * 3)
        await until(lambda: not loopback.runtime.listeners["web"].connections)


async def test_nothing_is_left_to_the_collector() -> None:
    """Neither of requests, nor of connections to servers: what has been open for a while is looked at rarely."""

    async def script(visit: Visit) -> None:
        await visit.head()
        await visit.send(OK + b"Connection: close\r\nContent-Length: 2\r\n\r\nok")

    async with router(Scripted(script)) as loopback:
        client = await H2Client.connect(loopback)
        await client.ask()
        gc.collect()
        gc.disable()
        gc.set_debug(gc.DEBUG_SAVEALL)
        try:
            for stream_id in [await client.start() for _ in range(20)]:
                assert (await client.answer(stream_id)).body == b"ok"
            gc.collect()
            assert [one for one in gc.garbage if isinstance(one, ServerStream | ServerConnection | Request)] == []
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()


async def test_a_client_that_lets_us_hold_much_must_take_some_of_it() -> None:
    async def script(visit: Visit) -> None:
        await visit.head()
        await visit.send(OK + b"Content-Length: %d\r\n\r\n" % MIB + b"x" * MIB)
        await visit.closed()

    async with router(Scripted(script)) as loopback:
        client = await H2Client.connect(loopback, credits=False)
        streams = [await client.start() for _ in range(60)]
        await until(lambda: bool(_h2(loopback)))
        (connection,) = _h2(loopback)
        await until(lambda: connection.session.held > HELD_LIMIT and connection.deadline != NEVER)
        # The rest of those answers stays with their servers.
        answers = [stream._answer_body for stream in connection.session.streams.values()]
        assert sum(answer is not None and answer._is_paused for answer in answers) > 30
        first = connection.deadline
        # Something was taken: it gets as long again.
        client.h2.increment_flow_control_window(100_000)
        client.h2.increment_flow_control_window(100_000, streams[0])
        await client.flush()
        await until(lambda: connection.session.taken > HELD_PROGRESS + 65_535)
        connection.on_deadline()
        assert connection.deadline > first
        assert not connection.transport.is_closing()
        connection.on_deadline()
        await until(lambda: not loopback.runtime.listeners["web"].connections)
        assert connection.session.held == 0
