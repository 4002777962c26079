"""TLS towards servers: every option against real handshakes, what failures are to a client, and what rides on top."""

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.certificates import Made, make
from tests.loopback import PATIENCE, Scripted, Visit, router, until
from tests.tls_servers import authority, pair_for, pair_for_uris, server_context
from trafficcop.config.dynamic import ForwardingTimeouts, LoadBalancer, ServersTransport
from trafficcop.config.scalars import Duration
from trafficcop.tls import security
from trafficcop.tls.client import ServerTrust

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
OURS = (authority().pem.decode(),)
OTHERS = (authority("Somebody Else").pem.decode(),)
Adjust = Callable[[ssl.SSLContext], None]


def secured(directory: Path, pair: Made | None = None, adjust: Adjust | None = None, *, more: str = "") -> Scripted:
    """A server that answers every request with the SNI it saw, after a handshake with its own context."""
    context = server_context(directory, pair or pair_for("127.0.0.1", "localhost", "app.example.com"))
    names: list[str] = []

    def note(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        names.append(name or "-")

    context.sni_callback = note  # type: ignore[assignment]
    if adjust is not None:
        adjust(context)

    async def script(visit: Visit) -> None:
        connection = visit.writer.get_extra_info("ssl_object")
        while await visit.head():
            text = f"{names[-1]} {connection.version()} {connection.cipher()[0]}".encode()
            await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(text), text))

    return Scripted(script, context)


async def answer(server: Scripted, trust: ServerTrust, host: str = "127.0.0.1") -> tuple[int, str]:
    await server.start()
    url = f"https://{host}:{server.port}"
    try:
        async with router(url, trust=trust) as loopback:
            status, _, body = await loopback.ask(GET)
            return status, body.decode()
    finally:
        await server.stop()


def wants_client(context: ssl.SSLContext) -> None:
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=authority().pem.decode())


def only(version: ssl.TLSVersion) -> Adjust:
    def adjust(context: ssl.SSLContext) -> None:
        context.minimum_version = context.maximum_version = version

    return adjust


CLIENT = pair_for("client.example.com")
MINE = (CLIENT.pem, CLIENT.key_pem)
V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
CHACHA = "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305"
AES256 = "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"
URI = "spiffe://example.com/app"


@pytest.mark.parametrize(
    ("trust", "adjust", "status", "seen"),
    [
        (ServerTrust(roots=OURS), None, 200, "- TLSv1.3"),
        (ServerTrust(roots=(*OTHERS, *OURS)), None, 200, "- TLSv1.3"),
        (ServerTrust(roots=OTHERS), None, 500, ""),
        (ServerTrust(roots=()), None, 500, ""),
        (ServerTrust(), None, 500, ""),
        (ServerTrust(is_unverified=True), None, 200, "- TLSv1.3"),
        (ServerTrust(roots=OTHERS, is_unverified=True), None, 200, "- TLSv1.3"),
        (ServerTrust(roots=OURS, server_name="app.example.com"), None, 200, "app.example.com TLSv1.3"),
        (ServerTrust(roots=OURS, server_name="app.example.com."), None, 200, "app.example.com TLSv1.3"),
        (ServerTrust(roots=OURS, server_name="other.example.com"), None, 500, ""),
        (ServerTrust(is_unverified=True, server_name="other.example.com"), None, 200, "other.example.com TLSv1.3"),
        (ServerTrust(roots=OURS, pairs=(MINE,)), wants_client, 200, "- TLSv1.3"),
        (ServerTrust(roots=OURS), wants_client, 502, ""),
        (ServerTrust(roots=OURS, max_version="VersionTLS12"), None, 200, "- TLSv1.2"),
        (ServerTrust(roots=OURS, min_version="VersionTLS13"), None, 200, "- TLSv1.3"),
        (ServerTrust(roots=OURS, min_version="VersionTLS13"), only(V12), 502, ""),
        (ServerTrust(roots=OURS, max_version="VersionTLS12"), only(V13), 502, ""),
        (ServerTrust(roots=OURS, ciphers=(CHACHA,)), only(V12), 200, "- TLSv1.2 ECDHE-ECDSA-CHACHA20-POLY1305"),
        (ServerTrust(roots=OURS, ciphers=(AES256,)), only(V12), 200, "- TLSv1.2 ECDHE-ECDSA-AES256-GCM-SHA384"),
        (ServerTrust(roots=OURS, ciphers=(AES256,)), None, 200, "- TLSv1.3"),
        (ServerTrust(roots=OURS, ciphers=("TLS_AES_128_GCM_SHA256",)), None, 200, "- TLSv1.3"),
        (ServerTrust(roots=OURS, ciphers=("TLS_AES_128_GCM_SHA256",)), only(V12), 502, ""),
        (ServerTrust(roots=OURS, ciphers=("TLS_RSA_WITH_AES_128_CBC_SHA",)), only(V12), 502, ""),
        (ServerTrust(roots=OURS, peer_uri=URI), None, 500, ""),
    ],
)
async def test_what_is_asked_of_a_server(
    tmp_path: Path, trust: ServerTrust, adjust: Adjust | None, status: int, seen: str
) -> None:
    found, body = await answer(secured(tmp_path, adjust=adjust), trust)
    assert found == status
    assert body.startswith(seen) if status == 200 else body in ("Internal Server Error", "Bad Gateway")


@pytest.mark.parametrize(
    ("pair", "trust", "status"),
    [
        (make("127.0.0.1", issuer=authority(), days=(-3, -1)), ServerTrust(roots=OURS), 500),
        (pair_for("127.0.0.2"), ServerTrust(roots=OURS), 500),
        # A common name is no name of a host any more.
        (make("elsewhere.example.com", common="127.0.0.1", issuer=authority()), ServerTrust(roots=OURS), 500),
        (pair_for_uris("spiffe://other", URI, host="127.0.0.1"), ServerTrust(roots=OURS, peer_uri=URI), 200),
        (pair_for_uris(URI + "/x", host="127.0.0.1"), ServerTrust(roots=OURS, peer_uri=URI), 500),
        # The URI is the name then, but an authority has to vouch for it.
        (pair_for_uris(URI), ServerTrust(roots=OURS, peer_uri=URI, is_unverified=True), 200),
        (pair_for_uris(URI), ServerTrust(roots=OTHERS, peer_uri=URI, is_unverified=True), 500),
        (pair_for_uris(URI), ServerTrust(roots=OURS, peer_uri=URI), 500),
    ],
)
async def test_what_certificates_say(tmp_path: Path, pair: Made, trust: ServerTrust, status: int) -> None:
    assert (await answer(secured(tmp_path, pair), trust))[0] == status


async def test_a_certificate_may_be_trusted_for_itself(tmp_path: Path) -> None:
    pair = pair_for("127.0.0.1", "localhost", "app.example.com")
    assert (await answer(secured(tmp_path), ServerTrust(roots=(pair.pem.decode(),))))[0] == 200


async def test_a_key_may_be_short(tmp_path: Path) -> None:
    pair = make("127.0.0.1", issuer=authority(), is_rsa=True, bits=1024)
    assert (await answer(secured(tmp_path, pair), ServerTrust(roots=OURS)))[0] == 200


async def test_names_of_hosts_are_sent_and_verified(tmp_path: Path) -> None:
    status, body = await answer(secured(tmp_path), ServerTrust(roots=OURS), "localhost")
    assert (status, body.split()[0]) == (200, "localhost")


async def test_the_log_says_what_is_wrong(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    await answer(secured(tmp_path), ServerTrust(roots=OTHERS))
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert "https://127.0.0.1:" in line
    assert "unable to get local issuer certificate" in line


async def speak_plainly(visit: Visit) -> None:
    await visit.reader.read(100)
    await visit.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    await visit.closed()


async def test_a_server_without_tls() -> None:
    assert (await answer(Scripted(speak_plainly), ServerTrust()))[0] == 500


async def test_a_server_that_closes_instead_of_shaking_hands() -> None:
    async def script(visit: Visit) -> None:
        await visit.reader.read(100)

    assert (await answer(Scripted(script), ServerTrust()))[0] == 502


async def test_a_server_that_never_shakes_hands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(security, "HANDSHAKE_SECONDS", 0.05)

    async def script(visit: Visit) -> None:
        await visit.closed()

    # dialTimeout is about TCP alone.
    timeouts = ForwardingTimeouts(dial_timeout=Duration.of("20ms"))
    server = Scripted(script)
    await server.start()
    async with router(
        f"https://127.0.0.1:{server.port}", transport=ServersTransport(forwarding_timeouts=timeouts)
    ) as loopback:
        assert (await loopback.ask(GET))[0] == 504
    await server.stop()


async def test_connections_are_kept_and_stale_ones_replaced(tmp_path: Path) -> None:
    async def script(visit: Visit) -> None:
        await visit.head()
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await visit.head()
        if len(server.visits) == 1:
            visit.reset()
        else:
            await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    server = Scripted(script, server_context(tmp_path, pair_for("127.0.0.1")))
    async with router(server, trust=ServerTrust(roots=OURS)) as loopback:
        assert (await loopback.ask(GET))[0] == 200
        assert (await loopback.ask(GET))[0] == 200
        assert [len(visit.heads) for visit in server.visits] == [2, 1]
        assert (await loopback.ask(GET))[0] == 200
        assert [len(visit.heads) for visit in server.visits] == [2, 2]


async def test_sessions_are_resumed(tmp_path: Path) -> None:
    resumed: list[bool] = []

    async def script(visit: Visit) -> None:
        resumed.append(visit.writer.get_extra_info("ssl_object").session_reused)
        await visit.head()
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")

    for adjust in (only(V12), only(V13)):
        context = server_context(tmp_path, pair_for("127.0.0.1"))
        adjust(context)
        async with router(Scripted(script, context), trust=ServerTrust(roots=OURS)) as loopback:
            for _ in range(3):
                assert (await loopback.ask(GET))[0] == 200
    assert resumed == [False, True, True] * 2


async def test_large_bodies_both_ways(tmp_path: Path) -> None:
    data = bytes(range(256)) * 8192

    async def script(visit: Visit) -> None:
        await visit.head()
        body = await visit.body(len(data))
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    server = Scripted(script, server_context(tmp_path, pair_for("127.0.0.1")))
    async with router(server, trust=ServerTrust(roots=OURS)) as loopback:
        post = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(data)
        status, _, body = await loopback.ask(post + data)
        assert (status, body == data) == (200, True)


async def test_an_answer_that_is_cut_off_is_no_whole_answer(tmp_path: Path) -> None:
    """Without close_notify nobody knows whether the end of the connection is the end of the answer."""

    async def script(visit: Visit) -> None:
        await visit.head()
        await visit.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\npart")
        await asyncio.sleep(0.05)
        visit.abort()

    server = Scripted(script, server_context(tmp_path, pair_for("127.0.0.1")))
    async with router(server, trust=ServerTrust(roots=OURS)) as loopback:
        raw = await loopback.exchange(GET)
        assert b"part" in raw
        assert not raw.endswith(b"0\r\n\r\n")


async def test_an_answer_that_ends_with_its_connection(tmp_path: Path) -> None:
    async def script(visit: Visit) -> None:
        await visit.head()
        await visit.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nwhole")

    server = Scripted(script, server_context(tmp_path, pair_for("127.0.0.1")))
    async with router(server, trust=ServerTrust(roots=OURS)) as loopback:
        assert (await loopback.ask(GET))[2] == b"whole"


async def test_tunnels(tmp_path: Path) -> None:
    """WebSocket with TLS is an upgrade over TLS."""

    async def script(visit: Visit) -> None:
        assert b"\r\nUpgrade: websocket\r\n" in await visit.head()
        await visit.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhi")
        while data := await visit.reader.read(65536):
            await visit.send(data)

    server = Scripted(script, server_context(tmp_path, pair_for("127.0.0.1")))
    async with router(server, trust=ServerTrust(roots=OURS)) as loopback:
        client = await loopback.client()
        await client.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        assert (await client.head())[0] == 101
        async with asyncio.timeout(PATIENCE):
            assert await client.reader.readexactly(2) == b"hi"
            for size in (1, 300000):
                client.writer.write(b"x" * size)
                assert await client.reader.readexactly(size) == b"x" * size
        client.writer.close()
        await until(lambda: server.visits[0].reader.at_eof())


async def test_one_bad_server_of_two(tmp_path: Path) -> None:
    """Its share of the requests fails, the others are served."""
    good, bad = secured(tmp_path), Scripted(speak_plainly)
    await good.start()
    await bad.start()
    urls = [f"https://127.0.0.1:{good.port}", f"https://127.0.0.1:{bad.port}"]
    async with router(*urls, trust=ServerTrust(roots=OURS), balancer=LoadBalancer()) as loopback:
        statuses = sorted([(await loopback.ask(GET))[0] for _ in range(4)])
    assert statuses == [200, 200, 500, 500]
    await good.stop()
    await bad.stop()
