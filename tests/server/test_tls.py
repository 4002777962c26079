"""Entry points that terminate TLS, from the first byte to the answer."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from tests.certificates import make
from tests.live import backend, live, plain
from tests.secure import ask, certificates_of, client_context, exchange, shake_hands

SERVICES = "  services: {s: {loadBalancer: {servers: [{url: 'http://127.0.0.1:%d'}]}}}\n"


async def test_a_certificate_by_name_and_the_default_one(tmp_path: Path) -> None:
    a, wild, default = make("a.example.com"), make("*.example.com"), make("other.example.org")
    cert, key = default.write(tmp_path, "default")
    tls = (
        "tls:\n"
        + certificates_of(tmp_path, a=a, wild=wild)
        + f"  stores: {{default: {{defaultCertificate: {{certFile: '{cert}', keyFile: '{key}'}}}}}}\n"
    )
    async with live("http: {}\n" + tls) as port:
        for name, made in (
            ("a.example.com", a),
            ("A.Example.Com", a),
            ("b.example.com", wild),
            ("c.b.example.com", default),
            ("", default),
        ):
            told = await ask(port, name)
            assert told.certificate == made.der, name
            assert told.status == 404  # no router at all: the default options, and nothing found


async def test_a_client_without_a_name_gets_the_certificate_of_the_address(tmp_path: Path) -> None:
    local, other = make("127.0.0.1"), make("a.example.com")
    async with live("http: {}\ntls:\n" + certificates_of(tmp_path, local=local, other=other)) as port:
        assert (await shake_hands(port)).certificate == local.der


async def test_without_any_certificate_one_is_made() -> None:
    async with live("http: {}") as port:
        told = await ask(port, "a.example.com")
        assert b"TRAEFIK DEFAULT CERT" in told.certificate
        assert told.status == 404


async def test_https_routers_are_for_tls_alone() -> None:
    async with backend(lambda n, head, body: plain(200, head.encode())) as server:
        routers = """http:
  routers:
    plain: {rule: 'Host(`a.example.com`)', service: s}
    secure: {rule: 'Host(`b.example.com`)', service: s, tls: {}}
"""
        async with live(routers + SERVICES % server) as port:
            assert (await ask(port, "a.example.com")).status == 404
            told = await ask(port, "b.example.com", client_context(alpn=("http/1.1",)))
            assert (told.status, told.alpn) == (200, "http/1.1")
            assert b"X-Forwarded-Proto: https\r\n" in told.answer
            assert b"X-Forwarded-Port: 443\r\n" in told.answer
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.1\r\nHost: b.example.com\r\nConnection: close\r\n\r\n")
            assert (await reader.read()).startswith(b"HTTP/1.1 404 ")
            writer.close()


async def test_options_by_name_and_domain_fronting() -> None:
    async with backend(lambda n, head, body: plain(200, b"ok")) as server:
        text = """http:
  routers:
    old: {rule: 'Host(`old.example.com`)', service: s, tls: {options: old}}
    new: {rule: 'Host(`new.example.com`)', service: s, tls: {options: new}}
    same: {rule: 'Host(`same.example.com`)', service: s, tls: {options: new}}
"""
        options = "tls: {options: {old: {maxVersion: VersionTLS12}, new: {minVersion: VersionTLS13}}}\n"
        async with live(text + SERVICES % server + options) as port:
            assert (await ask(port, "old.example.com")).version == "TLSv1.2"
            assert (await ask(port, "new.example.com")).version == "TLSv1.3"
            with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
                await shake_hands(port, "new.example.com", client_context(high=ssl.TLSVersion.TLSv1_2))
            fronted = await ask(port, "new.example.com", host="old.example.com")
            assert fronted.status == 421
            assert fronted.answer.endswith(b"\r\n\r\nMisdirected Request\n")
            assert (await ask(port, "new.example.com", host="same.example.com")).status == 200


async def test_strict_names(tmp_path: Path) -> None:
    text = "http: {}\ntls:\n  options: {default: {sniStrict: true}}\n"
    async with live(text + certificates_of(tmp_path, a=make("a.example.com"))) as port:
        assert (await ask(port, "a.example.com")).status == 404
        for name in ("b.example.com", ""):
            with pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
                await shake_hands(port, name)


GARBAGE = [
    b"\x16\x03\x01\x00\x05hello",
    b"\x16\x03\x01\x00\x00",
    b"\x16\x03\x01\x00\x02\x01\xff\xff\xff\xff\xff",
    b"\x80\x2e\x01\x00\x02" + bytes(60),
]


@pytest.mark.parametrize("data", GARBAGE, ids=range(len(GARBAGE)))
async def test_garbage_in_place_of_a_client_hello(data: bytes) -> None:
    async with live("http: {}") as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(data)
        async with asyncio.timeout(5):
            try:
                answer = await reader.read()
            except ConnectionResetError:
                answer = b""
        assert answer[:1] in (b"", b"\x15")
        writer.close()


async def test_a_handshake_that_does_not_go_on_is_ended() -> None:
    static = """
entryPoints: {web: {address: '127.0.0.1:0', transport: {respondingTimeouts: {readTimeout: 100ms}}}}
"""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    outgoing = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="a.example.com")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    hello = outgoing.read()
    async with live("http: {}", static) as port:
        for part in (b"", hello[:3], hello[:100], hello):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(part)
            async with asyncio.timeout(5):
                try:
                    answer = await reader.read()
                except ConnectionResetError:
                    answer = b"\x16"
            assert answer[:1] == (b"\x16" if part is hello else b"")
            writer.close()


async def test_a_large_body_both_ways() -> None:
    whole = bytes(range(256)) * 12000
    async with backend(lambda n, head, body: plain(200, body)) as server:
        text = "http:\n  routers: {r: {rule: 'PathPrefix(`/`)', service: s, tls: {}}}\n"
        async with live(text + SERVICES % server) as port:
            head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
            head = head.replace(b"%d", str(len(whole)).encode())
            answer = await asyncio.to_thread(exchange, port, "a", head + whole)
            assert answer.partition(b"\r\n\r\n")[2] == whole
