"""TCP routers on entry points, beside HTTP and with TLS, from the first byte on."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from pathlib import Path

import pytest

from tests.certificates import make
from tests.loopback import PATIENCE, Visit, fixed
from tests.secure import certificates_of, client_context, long_hello
from tests.tcp.given import ENTRY_POINT, balanced, says, scripted, site

HTTP_REQUEST = b"GET / HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n"


async def test_a_server_that_speaks_first_needs_no_byte_of_the_client() -> None:
    async def greet(visit: Visit) -> None:
        await visit.send(b"220 ready\r\n")
        await visit.closed()

    async with scripted(greet) as (server,):
        text = "tcp: {routers: {r: {rule: 'HostSNI(`*`)', service: s}}, services: {%s}}"
        async with site(text % balanced("s", server)) as entry:
            client = await entry.client()
            async with asyncio.timeout(PATIENCE):
                assert await client.reader.readline() == b"220 ready\r\n"


async def test_beside_http_a_plain_router_takes_what_its_rule_says() -> None:
    async with scripted(says(b"tcp"), fixed()) as (server, web):
        text = f"""
tcp: {{routers: {{r: {{rule: 'ClientIP(`192.0.2.0/24`)', service: s}}}}, services: {{{balanced("s", server)}}}}}
http:
  routers: {{h: {{rule: 'PathPrefix(`/`)', service: h}}}}
  services: {{h: {{loadBalancer: {{servers: [{{url: 'http://127.0.0.1:{web.port}'}}]}}}}}}
"""
        async with site(text) as entry:
            assert (await entry.ask(HTTP_REQUEST)).startswith(b"HTTP/1.1 200 ")
        async with site(text.replace("192.0.2.0/24", "127.0.0.0/8")) as entry:
            assert await entry.ask(b"x") == b"tcp:x"


async def test_a_connection_without_a_router_is_http() -> None:
    async with scripted(says(b"tcp")) as (server,):
        text = "tcp: {routers: {r: {rule: '!ClientIP(`127.0.0.1`)', service: s}}, services: {%s}}"
        async with site(text % balanced("s", server)) as entry:
            assert (await entry.ask(HTTP_REQUEST)).startswith(b"HTTP/1.1 404 ")


async def test_by_server_name_terminated_and_passed_through(tmp_path: Path) -> None:
    """HTTP routers and TCP routers on one entry point with TLS, at the same time."""
    own, behind = make("*.example.com"), make("through.example.com")
    cert, key = behind.write(tmp_path, "behind")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)

    async def secret(visit: Visit) -> None:
        await visit.send(b"behind:" + await visit.reader.read(100))

    async with (
        scripted(secret, tls=context) as (through,),
        scripted(says(b"db"), says(b"alpn"), says(b"any"), fixed()) as (db, alpn, any_, web),
    ):
        text = f"""
tcp:
  routers:
    db: {{rule: 'HostSNI(`db.example.com`)', service: db, tls: {{}}}}
    alpn: {{rule: 'HostSNI(`db.example.com`) && ALPN(`mqtt`)', service: alpn, tls: {{options: mqtt}}}}
    through: {{rule: 'HostSNI(`through.example.com`)', service: through, tls: {{passthrough: true}}}}
    any: {{rule: 'HostSNI(`*`)', service: any, tls: {{}}}}
  services:
    {balanced("db", db)}
    {balanced("alpn", alpn)}
    {balanced("any", any_)}
    through: {{loadBalancer: {{servers: [{{address: '127.0.0.1:{through.port}'}}]}}}}
http:
  routers: {{web: {{rule: 'Host(`web.example.com`)', service: web, tls: {{}}}}}}
  services: {{web: {{loadBalancer: {{servers: [{{url: 'http://127.0.0.1:{web.port}'}}]}}}}}}
tls:
  options: {{mqtt: {{alpnProtocols: [mqtt]}}}}
{certificates_of(tmp_path, own=own)}
"""
        async with site(text) as entry:

            async def ask(name: str, data: bytes = b"x", alpn: tuple[str, ...] = ()) -> tuple[bytes, bytes]:
                client = await entry.client(ssl=client_context(alpn=alpn), server_hostname=name)
                tls = client.writer.get_extra_info("ssl_object")
                await client.send(data)
                return await client.rest(), tls.getpeercert(binary_form=True)

            assert await ask("db.example.com") == (b"db:x", own.der)
            assert await ask("db.example.com", alpn=("mqtt",)) == (b"alpn:x", own.der)
            assert await ask("through.example.com") == (b"behind:x", behind.der)
            assert await ask("other.example.com") == (b"any:x", own.der)
            answer, certificate = await ask("web.example.com", HTTP_REQUEST.replace(b"example", b"web.example"))
            assert (answer[:13], certificate) == (b"HTTP/1.1 200 ", own.der)
            # What is not TLS goes to HTTP here: no router without TLS is there for it.
            assert (await entry.ask(HTTP_REQUEST)).startswith(b"HTTP/1.1 404 ")


async def test_https_without_a_host_comes_before_a_catch_all() -> None:
    async with scripted(says(b"any"), fixed()) as (any_, web):
        text = f"""
tcp:
  routers: {{any: {{rule: 'HostSNI(`*`)', service: any, tls: {{}}, priority: 1000}}}}
  services: {{{balanced("any", any_)}}}
http:
  routers: {{web: {{rule: 'PathPrefix(`/`)', service: web, tls: {{}}}}}}
  services: {{web: {{loadBalancer: {{servers: [{{url: 'http://127.0.0.1:{web.port}'}}]}}}}}}
"""
        async with site(text) as entry:
            answer = await entry.ask(HTTP_REQUEST, ssl=client_context(), server_hostname="x.example.com")
            assert answer.startswith(b"HTTP/1.1 200 ")


async def test_a_long_client_hello_in_small_pieces_reaches_the_server_whole() -> None:
    """16 kB, in segments of one byte and of many."""
    hello = long_hello("db.example.com")

    async def count(visit: Visit) -> None:
        assert await visit.reader.readexactly(len(hello)) == hello
        await visit.send(b"all of it")

    async with scripted(count) as (server,):
        text = (
            "tcp: {routers: {r: {rule: 'HostSNI(`db.example.com`)', service: s, tls: {passthrough: true}}},"
            "services: {%s}}"
        )
        async with site(text % balanced("s", server)) as entry:
            client = await entry.client()
            client.writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for start in range(64):
                await client.send(hello[start : start + 1])
                await asyncio.sleep(0)
            for start in range(64, len(hello), 1460):
                await client.send(hello[start : start + 1460])
                await asyncio.sleep(0)
            assert await client.rest() == b"all of it"


async def test_broken_options_close_what_the_router_would_have_taken(tmp_path: Path) -> None:
    from tests.control.given import compiled, static

    text = (
        "tcp: {routers: {r: {rule: 'HostSNI(`db.example.com`)', service: s, tls: {options: gone}}},"
        "services: {s: {loadBalancer: {servers: [{address: '127.0.0.1:1'}]}}}}"
    )
    plan, report = compiled(text, static(ENTRY_POINT))
    assert report.tcp_routers["r@file"].errors == ("unknown TLS options: gone@file",)
    (router,) = plan.tcp_routers
    assert (router.service, router.tls_options, router.is_tls) == ("", "", True)


# === PROXY protocol ===


async def test_the_proxy_header_names_the_client_for_rules_and_servers() -> None:
    async def tell(visit: Visit) -> None:
        await visit.send(b"saw " + await visit.reader.readline() + await visit.reader.readexactly(1))

    async with scripted(tell) as (server,):
        text = f"""
tcp:
  routers: {{r: {{rule: 'ClientIP(`192.0.2.7`)', service: s}}}}
  services: {{{balanced("s", server, options=", serversTransport: v1")}}}
  serversTransports: {{v1: {{proxyProtocol: {{version: 1}}}}}}
"""
        entry_point = "entryPoints: {web: {address: '127.0.0.1:0', proxyProtocol: {insecure: true}}}"
        async with site(text, entry_point) as entry:
            header = b"PROXY TCP4 192.0.2.7 198.51.100.1 56789 5432\r\n"
            assert await entry.ask(header + b"x") == b"saw " + header + b"x"
            addresses = socket.inet_aton("192.0.2.7") + socket.inet_aton("198.51.100.1")
            version2 = b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c" + addresses + struct.pack("!HH", 56789, 5432)
            assert await entry.ask(version2 + b"x") == b"saw " + header + b"x"


async def test_version_2_of_the_proxy_header_is_the_default() -> None:
    async def tell(visit: Visit) -> None:
        header = await visit.reader.readexactly(28)
        assert header[:16] == b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c"
        assert header[16:24] == socket.inet_aton("127.0.0.1") * 2
        await visit.send(header[24:28] + await visit.reader.readexactly(1))

    async with scripted(tell) as (server,):
        text = "tcp: {routers: {r: {rule: 'HostSNI(`*`)', service: s}}, services: {%s}}"
        async with site(text % balanced("s", server, options=", proxyProtocol: {}")) as entry:
            client = await entry.client()
            mine = client.writer.get_extra_info("sockname")[1]
            await client.send(b"x")
            answer = await client.rest()
            assert answer == mine.to_bytes(2, "big") + entry.port.to_bytes(2, "big") + b"x"


# === reload and drain ===


async def test_a_reload_cuts_no_stream() -> None:
    from tests.control.given import static

    async def echo(visit: Visit) -> None:
        while data := await visit.reader.read(100):
            await visit.send(data)

    async with scripted(echo, says(b"new")) as (old, new):
        text = "tcp: {routers: {r: {rule: 'HostSNI(`*`)', service: s}}, services: {%s}}"
        async with site(text % balanced("s", old)) as entry:
            client = await entry.client()
            await client.send(b"before")
            assert await client.reader.readexactly(6) == b"before"
            entry.install(text % balanced("s", new), static(ENTRY_POINT))
            await client.send(b"after")
            assert await client.reader.readexactly(5) == b"after"
            assert await entry.ask(b"x") == b"new:x"
            entry.install("http: {}", static(ENTRY_POINT))
            await client.send(b"at last")
            assert await client.reader.readexactly(7) == b"at last"


@pytest.mark.parametrize("is_leaving", [True, False])
async def test_a_drain_waits_for_streams(is_leaving: bool) -> None:
    async def echo(visit: Visit) -> None:
        while data := await visit.reader.read(100):
            await visit.send(data)

    async with scripted(echo) as (server,):
        text = "tcp: {routers: {r: {rule: 'HostSNI(`*`)', service: s}}, services: {%s}}"
        grace = "10s" if is_leaving else "100ms"
        life_cycle = f"transport: {{lifeCycle: {{graceTimeOut: {grace}}}}}"
        entry_point = f"entryPoints: {{web: {{address: '127.0.0.1:0', {life_cycle}}}}}"
        async with site(text % balanced("s", server), entry_point) as entry:
            client = await entry.client()
            await client.send(b"x")
            assert await client.reader.readexactly(1) == b"x"
            drained = asyncio.create_task(entry.runtime.drain())
            await asyncio.sleep(0.02)
            assert not drained.done()
            if is_leaving:
                await client.send(b"still there")
                assert await client.reader.readexactly(11) == b"still there"
                client.close()
            else:
                assert await client.rest() == b""
            async with asyncio.timeout(PATIENCE):
                await drained
