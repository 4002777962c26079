"""TLS between the router and TCP servers: whom it trusts, what it shows, and how streams end."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path

import pytest
from cryptography import x509

from tests.certificates import Made, make
from tests.loopback import Visit
from tests.secure import client_context
from tests.tcp.given import balanced, says, scripted, site

CA = make(common="an authority", is_ca=True)
SERVER = make("db.example.com", issuer=CA)
NAMED = make(
    issuer=CA,
    extensions=[
        x509.SubjectAlternativeName(
            [x509.DNSName("db.example.com"), x509.UniformResourceIdentifier("spiffe://example.com/db")]
        )
    ],
)
CLIENT = make("client.example.com", issuer=CA)


def context(directory: Path, made: Made, *, wants_client: bool = False) -> ssl.SSLContext:
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    found.load_cert_chain(*made.write(directory, "server"))
    if wants_client:
        found.load_verify_locations(cadata=CA.pem.decode())
        found.verify_mode = ssl.CERT_REQUIRED
    return found


def config(directory: Path, server: str, options: str) -> str:
    (directory / "ca.crt").write_bytes(CA.pem)
    return f"""
tcp:
  routers: {{r: {{rule: 'HostSNI(`*`)', service: s}}}}
  services: {{{server.replace("'}", "', tls: true}")}}}
  serversTransports: {{t: {{tls: {{{options}}}}}}}
"""


@pytest.mark.parametrize(
    ("options", "is_good"),
    [
        ("serverName: db.example.com, rootCAs: ['%s/ca.crt']", True),
        ("serverName: other.example.com, rootCAs: ['%s/ca.crt']", False),
        ("serverName: db.example.com", False),
        ("insecureSkipVerify: true", True),
        ("rootCAs: ['%s/ca.crt']", False),  # no name to compare: it is not taken from the address
    ],
)
async def test_whom_it_trusts(options: str, is_good: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    options = options.replace("%s", str(tmp_path))
    async with scripted(says(b"db"), tls=context(tmp_path, SERVER)) as (server,):
        text = config(tmp_path, balanced("s", server, options=", serversTransport: t"), options)
        with caplog.at_level(logging.ERROR, "trafficcop"):
            async with site(text) as entry:
                assert await entry.ask(b"x") == (b"db:x" if is_good else b"")
    assert ("Error while dialing backend" in caplog.text) == (not is_good)


async def test_the_certificate_of_the_client_and_the_uri_of_the_server(tmp_path: Path) -> None:
    cert, key = CLIENT.write(tmp_path, "client")
    options = (
        f"serverName: db.example.com, rootCAs: ['{tmp_path}/ca.crt'], "
        f"certificates: [{{certFile: '{cert}', keyFile: '{key}'}}], peerCertURI: 'spiffe://example.com/%s'"
    )
    async with scripted(says(b"db"), tls=context(tmp_path, NAMED, wants_client=True)) as (server,):
        given = balanced("s", server, options=", serversTransport: t")
        async with site(config(tmp_path, given, options % "db")) as entry:
            assert await entry.ask(b"x") == b"db:x"
        async with site(config(tmp_path, given, options % "other")) as entry:
            assert await entry.ask(b"x") == b""


async def test_the_proxy_header_comes_before_tls(tmp_path: Path) -> None:
    heads = []

    async def script(visit: Visit) -> None:
        heads.append(await visit.reader.readline())
        heads.append(await visit.reader.readexactly(1))

    async with scripted(script) as (server,):
        text = config(tmp_path, balanced("s", server, options=", serversTransport: t"), "insecureSkipVerify: true")
        text = text.replace("t: {tls", "t: {proxyProtocol: {version: 1}, tls")
        async with site(text) as entry:
            assert await entry.ask(b"x") == b""
    assert heads[0].startswith(b"PROXY TCP4 127.0.0.1 127.0.0.1 ")
    assert heads[1] == b"\x16"


async def test_long_transfers_with_tls_on_both_sides(tmp_path: Path) -> None:
    data = bytes(range(256)) * 8192

    async def mirror(visit: Visit) -> None:
        received = await visit.reader.readexactly(len(data))
        await visit.send(received[::-1])
        await visit.closed()  # uvloop's own TLS loses what it has not sent yet

    async with scripted(mirror, tls=context(tmp_path, SERVER)) as (server,):
        text = config(tmp_path, balanced("s", server, options=", serversTransport: t"), "insecureSkipVerify: true")
        text = text.replace("service: s}", "service: s, tls: {}}")
        async with site(text) as entry:
            client = await entry.client(ssl=client_context(), server_hostname="db.example.com")
            await client.send(data)
            assert await client.reader.readexactly(len(data)) == data[::-1]


async def test_a_name_is_looked_up(tmp_path: Path) -> None:
    async with scripted(says(b"db")) as (server,):
        text = "tcp: {routers: {r: {rule: 'HostSNI(`*`)', service: s}}, services: {%s}}"
        async with site(text % balanced("s", server).replace("127.0.0.1", "localhost")) as entry:
            assert await entry.ask(b"x") == b"db:x"
