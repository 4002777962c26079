"""HTTP/2 towards servers: messages, many requests on few connections, flow control, refusals and ends."""

import asyncio
import gc
from pathlib import Path

import pytest

from tests.h2_client import H2Client
from tests.h2_server import Asked, H2Server
from tests.loopback import PATIENCE, Loopback, Scripted, Visit, fixed, router, until
from tests.tls_servers import authority, pair_for, server_context
from trafficcop.config.dynamic import ForwardingTimeouts, ServersTransport
from trafficcop.config.scalars import Duration
from trafficcop.http.h2 import faults
from trafficcop.http.h2.flow_body import FlowBody
from trafficcop.http.messages import Request
from trafficcop.proxy import h1, h2_stream
from trafficcop.proxy.h2_stream import ClientStream
from trafficcop.server.h2_stream import ServerStream
from trafficcop.tls import security
from trafficcop.tls.client import ServerTrust

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
TRUST = ServerTrust(roots=(authority().pem.decode(),))


def post(body: bytes, fields: bytes = b"", path: bytes = b"/") -> bytes:
    return b"POST %b HTTP/1.1\r\nHost: a\r\n%bContent-Length: %d\r\n\r\n%b" % (path, fields, len(body), body)


def limited(**timeouts: str) -> ServersTransport:
    return ServersTransport(
        forwarding_timeouts=ForwardingTimeouts(**{name: Duration.of(text) for name, text in timeouts.items()})
    )


async def plainly(asked: Asked) -> None:
    await asked.ended()
    await asked.answer(b"%b %b" % (asked[b":method"], asked[b":path"]))


async def test_a_request_and_its_answer() -> None:
    async with H2Server(plainly) as server, router(server.url) as loopback:
        status, fields, body = await loopback.ask(
            b"GET /x?y=1 HTTP/1.1\r\nHost: Example.com:81\r\nX-Some: Thing\r\nConnection: X-Hop\r\nX-Hop: 1\r\n"
            b"Te: trailers, deflate\r\nKeep-Alive: 1\r\n\r\n"
        )
        assert (status, body) == (200, b"GET /x?y=1")
        assert b"date" in fields
        asked = server.asked[0]
        assert asked[b":scheme"] == b"http"
        assert asked[b":authority"] == b"Example.com:81"
        assert asked[b"x-some"] == b"Thing"
        assert asked[b"te"] == b"trailers"
        assert asked[b"x-forwarded-for"] == b"127.0.0.1"
        assert (await loopback.exchange(b"GET / HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        assert server.asked[1][b":authority"] == server.url.rpartition("/")[2].encode()
        names = {name for name, _ in asked.head}
        assert not names & {b"connection", b"x-hop", b"keep-alive", b"host", b"content-length", b"transfer-encoding"}


async def test_over_tls_by_alpn(tmp_path: Path) -> None:
    context = server_context(tmp_path, pair_for("127.0.0.1"))
    async with H2Server(plainly, context) as server, router(server.url, trust=TRUST) as loopback:
        for _ in range(3):
            assert (await loopback.ask(GET))[2] == b"GET /"
        assert server.asked[0][b":scheme"] == b"https"
        assert len(server.visits) == 1


async def test_a_server_may_choose_http_1(tmp_path: Path) -> None:
    context = server_context(tmp_path, pair_for("127.0.0.1"))
    context.set_alpn_protocols(["http/1.1"])
    server = Scripted(fixed(), context)
    async with router(server, trust=TRUST) as loopback:
        statuses = await asyncio.gather(*(loopback.ask(GET) for _ in range(5)))
        assert [status for status, _, _ in statuses] == [200] * 5
        before = len(server.visits)
        assert (await loopback.ask(GET))[0] == 200
        assert len(server.visits) == before


async def test_http_2_can_be_forbidden(tmp_path: Path) -> None:
    context = server_context(tmp_path, pair_for("127.0.0.1"))
    context.set_alpn_protocols(["h2", "http/1.1"])
    seen: list[str | None] = []

    async def script(visit: Visit) -> None:
        seen.append(visit.writer.get_extra_info("ssl_object").selected_alpn_protocol())
        await fixed()(visit)

    async with router(
        Scripted(script, context), trust=TRUST, transport=ServersTransport(disable_http2=True)
    ) as loopback:
        assert (await loopback.ask(GET))[0] == 200
    assert seen == ["http/1.1"]


async def test_h2c_without_http_2_is_no_scheme() -> None:
    async with H2Server(plainly) as server:
        async with router(server.url, transport=ServersTransport(disable_http2=True)) as loopback:
            assert (await loopback.ask(GET))[0] == 500


async def test_upgrades_go_over_http_1(tmp_path: Path) -> None:
    context = server_context(tmp_path, pair_for("127.0.0.1"))
    context.set_alpn_protocols(["h2", "http/1.1"])

    async def script(visit: Visit) -> None:
        await visit.head()
        await visit.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
        await visit.send(await visit.reader.read(100))

    async with router(Scripted(script, context), trust=TRUST) as loopback:
        client = await loopback.client()
        await client.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
        assert (await client.head())[0] == 101
        await client.send(b"ping")
        async with asyncio.timeout(PATIENCE):
            assert await client.reader.readexactly(4) == b"ping"


async def test_requests_at_once_share_a_connection() -> None:
    gate = asyncio.Event()

    async def handle(asked: Asked) -> None:
        await gate.wait()
        await asked.answer(asked[b":path"])

    async with H2Server(handle) as server, router(server.url) as loopback:
        asking = [asyncio.create_task(loopback.ask(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % n)) for n in range(30)]
        await until(lambda: len(server.asked) == 30)
        gate.set()
        assert [(await task)[2] for task in asking] == [b"/%d" % n for n in range(30)]
        assert len(server.visits) == 1


async def test_no_more_streams_than_the_server_takes() -> None:
    gate = asyncio.Event()

    async def handle(asked: Asked) -> None:
        await gate.wait()
        await asked.answer()

    async with H2Server(handle, max_streams=4) as server, router(server.url) as loopback:
        asking = [asyncio.create_task(loopback.ask(GET)) for _ in range(10)]
        await until(lambda: len(server.asked) == 10)
        assert sorted(len(visit.asked) for visit in server.visits) == [2, 4, 4]
        gate.set()
        assert {(await task)[0] for task in asking} == {200}


@pytest.mark.parametrize("method", [b"HEAD", b"GET"])
@pytest.mark.parametrize("status", [200, 204, 304])
async def test_answers_without_a_body(method: bytes, status: int) -> None:
    async def handle(asked: Asked) -> None:
        fields = [(b"content-length", b"5")] if method == b"HEAD" and status == 200 else []
        asked.send_head(status, *fields, is_last=True)

    async with H2Server(handle) as server, router(server.url) as loopback:
        client = await loopback.client()
        for _ in range(2):
            found, fields, body = await client.ask(b"%b / HTTP/1.1\r\nHost: a\r\n\r\n" % method, method)
            assert (found, body) == (status, b"")
            if method == b"HEAD" and status == 200:
                assert fields[b"content-length"] == b"5"


@pytest.mark.parametrize("is_at_once", [True, False])
async def test_a_body_where_none_may_be_is_nobodys_answer(is_at_once: bool) -> None:
    """Sent on, it would be taken for the answer to the client's next request (RFC 9112 §6.3)."""

    async def handle(asked: Asked) -> None:
        if asked[b":path"] == b"/ok":
            await asked.answer(b"mine")
            return
        asked.send_head(304 if asked[b":path"] == b"/304" else 200)
        if not is_at_once:
            await asyncio.sleep(0.02)
        await asked.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged")
        assert await asked.reset() == faults.PROTOCOL_ERROR

    async with H2Server(handle) as server, router(server.url) as loopback:
        client = await loopback.client()
        for method, path, status in ((b"HEAD", b"/", 200), (b"GET", b"/304", 304)) * 2:
            assert (await client.ask(b"%b %b HTTP/1.1\r\nHost: a\r\n\r\n" % (method, path), method))[0] == status
            await until(
                lambda: all(asked.reset_code is not None for asked in server.asked if asked[b":path"] != b"/ok")
            )
            assert (await client.ask(b"GET /ok HTTP/1.1\r\nHost: a\r\n\r\n"))[2] == b"mine"


async def test_fields_of_http_1_in_an_answer_are_left_out() -> None:
    """Malformed (RFC 9113 §8.2.2), but servers that were written for HTTP/1.1 send them, and nothing hangs on them."""

    async def handle(asked: Asked) -> None:
        config = asked.visit.h2.config
        config.validate_outbound_headers = config.normalize_outbound_headers = False
        asked.send_head(200, (b"connection", b"X-Hop"), (b"keep-alive", b"5"), (b"x-hop", b"1"), (b"x-kept", b"1"))
        await asked.send(b"ok", is_last=True)

    async with H2Server(handle) as server, router(server.url) as loopback:
        status, fields, body = await loopback.ask(GET)
        assert (status, body, fields[b"x-kept"]) == (200, b"ok", b"1")
        assert not {b"connection", b"keep-alive", b"x-hop"} & set(fields)


@pytest.mark.parametrize("is_at_once", [True, False])
async def test_an_announced_body_that_does_not_come(is_at_once: bool) -> None:
    """RFC 9113 §8.1.1: malformed, but for answers that never have a body."""

    async def handle(asked: Asked) -> None:
        status = 304 if asked[b":path"] == b"/304" else 200
        asked.send_head(status, (b"content-length", b"5"), is_last=is_at_once)
        if not is_at_once:
            asked.end()

    async with H2Server(handle) as server, router(server.url) as loopback:
        assert (await loopback.ask(b"GET /304 HTTP/1.1\r\nHost: a\r\n\r\n"))[0] == 304
        assert (await loopback.ask(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", b"HEAD"))[0] == 200
        if is_at_once:
            assert (await loopback.ask(GET))[0] == 500
        else:
            assert not (await loopback.exchange(GET)).endswith(b"\r\n\r\n0\r\n\r\n")


@pytest.mark.parametrize("size", [0, 1, 16384, 16385, 65535, 65536, 3_000_000])
async def test_bodies_of_every_size_both_ways(size: int) -> None:
    async def handle(asked: Asked) -> None:
        await asked.answer(await asked.ended())

    data = bytes(range(251)) * (size // 251 + 1)
    async with H2Server(handle) as server, router(server.url) as loopback:
        status, _, body = await loopback.ask(post(data[:size]))
        assert (status, body == data[:size]) == (200, True)
        assert server.asked[0][b"content-length"] == b"%d" % size


async def test_trailers_and_early_hints() -> None:
    async def handle(asked: Asked) -> None:
        asked.visit.h2.send_headers(asked.stream_id, [(b":status", b"103"), (b"link", b"</a>")])
        assert await asked.ended() == b"hello"
        assert asked.trailers == [(b"x-up", b"1")]
        assert asked[b"trailer"] == b"X-Up"
        asked.send_head(200, (b"trailer", b"x-down"))
        await asked.send(b"one")
        asked.end((b"x-down", b"2"))

    async with H2Server(handle) as server, router(server.url) as loopback:
        client = await loopback.client()
        await client.send(
            b"POST / HTTP/1.1\r\nHost: a\r\nTe: trailers\r\nTrailer: X-Up\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"5\r\nhello\r\n0\r\nX-Up: 1\r\n\r\n"
        )
        status, fields = await client.head()
        assert (status, fields[b"link"]) == (103, b"</a>")
        status, fields, body = await client.answer()
        assert (status, body, fields[b"trailer:x-down"]) == (200, b"one", b"2")


async def test_expect_continue() -> None:
    async def handle(asked: Asked) -> None:
        assert asked[b"expect"] == b"100-continue"
        assert asked.body == b""
        asked.visit.h2.send_headers(asked.stream_id, [(b":status", b"100")])
        asked.visit.flush()
        await asked.answer(await asked.ended())

    async with H2Server(handle) as server, router(server.url) as loopback:
        client = await loopback.client()
        await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert (await client.head())[0] == 100
        await client.send(b"hi")
        assert (await client.answer())[2] == b"hi"


async def test_a_server_that_says_nothing_of_continue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(h2_stream, "EXPECT_CONTINUE_SECONDS", 0.01)
    assert h1.EXPECT_CONTINUE_SECONDS == 1.0

    async def handle(asked: Asked) -> None:
        await asked.answer(await asked.ended())

    async with H2Server(handle) as server, router(server.url, transport=limited(response_header_timeout="2s")) as loop:
        client = await loop.client()
        await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert (await client.head())[0] == 100
        await client.send(b"hi")
        assert (await client.answer())[2] == b"hi"


async def test_a_server_that_reads_slowly_holds_the_client_back() -> None:
    async def handle(asked: Asked) -> None:
        await asked.until(lambda: len(asked.body) >= 65535)
        await asyncio.sleep(0.05)
        assert len(asked.body) == 65535
        asked.visit.is_greedy = True
        asked.visit.h2.acknowledge_received_data(65535, asked.stream_id)
        asked.visit.flush()
        await asked.answer(b"%d" % len(await asked.ended()))

    async with H2Server(handle) as server:
        server.is_greedy = False
        async with router(server.url) as loopback:
            assert (await loopback.ask(post(b"x" * 500_000)))[2] == b"500000"


async def test_a_client_that_reads_slowly_holds_the_server_back() -> None:
    size = 30_000_000
    sent: list[int] = []

    async def handle(asked: Asked) -> None:
        if asked[b":path"] == b"/other":
            await asked.answer(b"other")
            return
        asked.send_head(200)
        for _ in range(size // 100_000):
            await asked.send(b"x" * 100_000)
            sent.append(100_000)
        asked.end()

    async with H2Server(handle) as server, router(server.url) as loopback:
        client = await loopback.client(limit=65536)
        await client.send(GET)
        assert (await client.head())[0] == 200
        await until(lambda: len(sent) > 0)
        # Others on the same connection are served meanwhile.
        assert (await loopback.ask(b"GET /other HTTP/1.1\r\nHost: a\r\n\r\n"))[2] == b"other"
        assert sum(sent) < size
        total = 0
        while chunk := await client.chunk():
            total += len(chunk)
        assert total == size
        assert len(server.visits) == 1


async def test_a_client_that_leaves_cancels_its_stream_only() -> None:
    async def handle(asked: Asked) -> None:
        if asked[b":path"] == b"/other":
            await asked.answer(b"other")

    async with H2Server(handle) as server, router(server.url) as loopback:
        client = await loopback.client()
        await client.send(GET)
        await until(lambda: len(server.asked) == 1)
        client.reset()
        assert await server.asked[0].reset() == faults.CANCEL
        assert (await loopback.ask(b"GET /other HTTP/1.1\r\nHost: a\r\n\r\n"))[2] == b"other"
        assert len(server.visits) == 1


async def test_a_client_that_breaks_off_its_body() -> None:
    async def handle(asked: Asked) -> None:
        await asked.until(lambda: asked.body == b"part")

    async with H2Server(handle) as server, router(server.url) as loopback:
        client = await loopback.client()
        await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\npart")
        await until(lambda: bool(server.asked) and server.asked[0].body == b"part")
        client.abort()
        assert await server.asked[0].reset() == faults.CANCEL
        assert not server.asked[0].is_ended


async def test_an_answer_before_the_end_of_the_request() -> None:
    async def handle(asked: Asked) -> None:
        await asked.answer(b"enough", 413)

    async with H2Server(handle) as server, router(server.url) as loopback:
        client = await loopback.client()
        await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\npart")
        assert (await client.answer())[::2] == (413, b"enough")
        assert await server.asked[0].reset() in (faults.NO_ERROR, faults.CANCEL)


@pytest.mark.parametrize(
    ("code", "status"), [(faults.INTERNAL_ERROR, 500), (faults.CANCEL, 500), (faults.REFUSED_STREAM, 500)]
)
async def test_streams_that_servers_reset(code: int, status: int) -> None:
    async def handle(asked: Asked) -> None:
        asked.refuse(code)

    async with H2Server(handle) as server, router(server.url) as loopback:
        assert (await loopback.ask(GET))[0] == status
        # What the server has not looked at is asked again, a few times.
        assert len(server.asked) == (7 if code == faults.REFUSED_STREAM else 1)


async def test_a_refused_stream_is_sent_again() -> None:
    async def handle(asked: Asked) -> None:
        if len(server.asked) == 1:
            asked.refuse(faults.REFUSED_STREAM)
        else:
            await asked.answer(await asked.ended())

    async with H2Server(handle) as server, router(server.url) as loopback:
        assert (await loopback.ask(post(b"once")))[::2] == (200, b"once")


async def test_a_stream_reset_inside_the_answer() -> None:
    async def handle(asked: Asked) -> None:
        asked.send_head(200)
        await asked.send(b"part")
        asked.refuse(faults.INTERNAL_ERROR)

    async with H2Server(handle) as server, router(server.url) as loopback:
        raw = await loopback.exchange(GET)
        assert not raw.endswith(b"0\r\n\r\n")


async def test_goaway_lets_what_is_under_way_finish() -> None:
    async def handle(asked: Asked) -> None:
        if len(server.asked) == 1:
            asked.visit.h2.close_connection()
            data = asked.visit.h2.data_to_send()
            asked.visit.writer.write(data)
            await asyncio.sleep(0.02)
            asked.visit.writer.close()
        else:
            await asked.answer(b"second")

    async with H2Server(handle) as server, router(server.url) as loopback:
        # The library answers no stream after its GOAWAY: that one fails, the next goes to another connection.
        assert (await loopback.ask(GET))[0] == 502
        assert (await loopback.ask(GET))[2] == b"second"
        assert len(server.visits) == 2


async def test_goaway_before_a_stream_was_looked_at() -> None:
    async def handle(asked: Asked) -> None:
        if len(server.visits) == 1:
            asked.visit.h2.close_connection(last_stream_id=0)
            asked.visit.flush()
        else:
            await asked.answer(await asked.ended())

    async with H2Server(handle) as server, router(server.url) as loopback:
        assert (await loopback.ask(post(b"again")))[::2] == (200, b"again")


async def test_a_connection_that_closed_while_idle() -> None:
    async with H2Server(plainly) as server, router(server.url) as loopback:
        assert (await loopback.ask(GET))[0] == 200
        server.visits[0].writer.close()
        assert (await loopback.ask(GET))[0] == 200
        assert len(server.visits) == 2


async def test_a_server_of_http_1_behind_h2c() -> None:
    server = Scripted(fixed(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"))
    await server.start()
    async with router(f"h2c://127.0.0.1:{server.port}") as loopback:
        assert (await loopback.ask(GET))[0] == 500
    await server.stop()


async def test_a_server_that_closes_at_once() -> None:
    async def script(visit: Visit) -> None:
        await visit.reader.read(1)

    server = Scripted(script)
    await server.start()
    async with router(f"h2c://127.0.0.1:{server.port}") as loopback:
        assert (await loopback.ask(GET))[0] == 502
    await server.stop()


async def test_a_server_that_never_says_its_terms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(security, "HANDSHAKE_SECONDS", 0.05)

    async def script(visit: Visit) -> None:
        await visit.closed()

    server = Scripted(script)
    await server.start()
    async with router(f"h2c://127.0.0.1:{server.port}") as loopback:
        statuses = await asyncio.gather(*(loopback.ask(GET) for _ in range(3)))
        assert [status for status, _, _ in statuses] == [504] * 3
        assert len(server.visits) == 1
    await server.stop()


@pytest.mark.parametrize(
    ("opening", "status"),
    [
        (b"\0\0\6\4\0\0\0\0\0\0\3\0\0\0\0", 504),  # MAX_CONCURRENT_STREAMS = 0
        (b"\0\0\0\4\0\0\0\0\0\0\0\x08\7\0\0\0\0\0\0\0\0\0\0\0\0\0", 502),  # GOAWAY at once
    ],
)
async def test_a_server_that_takes_no_streams_is_not_flooded_with_connections(
    opening: bytes, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(security, "HANDSHAKE_SECONDS", 0.05)

    async def script(visit: Visit) -> None:
        await visit.send(opening)
        await visit.closed()

    server = Scripted(script)
    await server.start()
    async with router(f"h2c://127.0.0.1:{server.port}") as loopback:
        async with asyncio.timeout(PATIENCE):
            statuses = await asyncio.gather(*(loopback.ask(GET) for _ in range(3)))
        assert [found for found, _, _ in statuses] == [status] * 3
        assert len(server.visits) <= 3
    await server.stop()


async def test_a_server_that_takes_streams_a_little_later() -> None:
    async def script(visit: Visit) -> None:
        await visit.send(b"\0\0\6\4\0\0\0\0\0\0\3\0\0\0\0")
        await asyncio.sleep(0.02)
        await visit.send(b"\0\0\6\4\0\0\0\0\0\0\3\0\0\0\1")
        await visit.until(b"\x82")
        await visit.send(b"\0\0\1\1\5\0\0\0\1\x89")  # :status 204
        await visit.closed()

    server = Scripted(script)
    await server.start()
    async with router(f"h2c://127.0.0.1:{server.port}") as loopback:
        assert (await loopback.ask(GET))[0] == 204
        assert len(server.visits) == 1
    await server.stop()


async def test_nobody_listens() -> None:
    async with router("h2c://127.0.0.1:1") as loopback:
        assert (await loopback.ask(GET))[0] == 502


async def test_response_header_timeout() -> None:
    async def handle(asked: Asked) -> None:
        await asked.ended()

    async with H2Server(handle) as server, router(server.url, transport=limited(response_header_timeout="50ms")) as it:
        assert (await it.ask(GET))[0] == 504
        assert await server.asked[0].reset() == faults.CANCEL
        assert not server.visits[0].is_closed


async def test_pings_keep_a_silent_connection() -> None:
    async def handle(asked: Asked) -> None:
        await until(lambda: asked.visit.pings >= 2)
        await asked.answer(b"late")

    transport = limited(read_idle_timeout="30ms", ping_timeout="5s")
    async with H2Server(handle) as server, router(server.url, transport=transport) as loopback:
        assert (await loopback.ask(GET))[2] == b"late"


async def test_a_connection_that_answers_no_ping_is_lost() -> None:
    async def handle(asked: Asked) -> None:
        await asked.ended()

    transport = limited(read_idle_timeout="30ms", ping_timeout="30ms")
    async with H2Server(handle) as server:
        server.acknowledges_pings = False
        async with router(server.url, transport=transport) as loopback:
            assert (await loopback.ask(GET))[0] == 504
            await until(lambda: server.visits[0].is_closed)


async def test_an_idle_connection_is_closed() -> None:
    async with H2Server(plainly) as server:
        async with router(server.url, transport=limited(idle_conn_timeout="50ms")) as loopback:
            assert (await loopback.ask(GET))[0] == 200
            await until(lambda: server.visits[0].is_closed)
            assert server.visits[0].goaway == 0


async def retire(loopback: Loopback) -> None:
    loopback.runtime._pools.keep_only(set())


async def test_a_reload_lets_streams_end() -> None:
    gate = asyncio.Event()

    async def handle(asked: Asked) -> None:
        await gate.wait()
        await asked.answer()

    async with H2Server(handle) as server, router(server.url) as loopback:
        asking = asyncio.create_task(loopback.ask(GET))
        await until(lambda: len(server.asked) == 1)
        await retire(loopback)
        gate.set()
        assert (await asking)[0] == 200
        await until(lambda: server.visits[0].is_closed)


async def test_nothing_is_left_to_the_collector() -> None:
    """Of requests that are over, with bodies either way."""

    async def handle(asked: Asked) -> None:
        await asked.answer(b"y" * len(await asked.ended()))

    async with H2Server(handle) as server, router(server.url) as loopback:
        client = await H2Client.connect(loopback)
        await client.ask(body=b"x")
        gc.collect()
        gc.disable()
        gc.set_debug(gc.DEBUG_SAVEALL)
        try:
            for size in (0, 1, 1000, 100_000):
                stream_id = await client.start(method=b"POST", is_last=False)
                await client.send(stream_id, b"x" * size)
                assert len((await client.answer(stream_id)).body) == size
            gc.collect()
            kinds = (ServerStream, ClientStream, FlowBody, Request)
            assert [one for one in gc.garbage if isinstance(one, kinds)] == []
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()
