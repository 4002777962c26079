"""PostgreSQL's way to begin TLS (its manual, "Message Flow"): asked for or not, terminated and passed through."""

from __future__ import annotations

import asyncio
import ssl
import struct
from pathlib import Path

from tests.certificates import make
from tests.loopback import PATIENCE, Client, Script, Visit
from tests.secure import certificates_of, client_context
from tests.tcp.given import Site, balanced, scripted, site

SSL_REQUEST = struct.pack("!ii", 8, 80877103)
PARAMETERS = b"user\0someone\0\0"
STARTUP = struct.pack("!ii", 8 + len(PARAMETERS), 196608) + PARAMETERS
READY = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I"


async def startup(visit: Visit) -> None:
    """A database that wants no password and has no TLS."""
    begin = await visit.reader.readexactly(8)
    while begin == SSL_REQUEST:
        await visit.send(b"N")
        begin = await visit.reader.readexactly(8)
    length, version = struct.unpack("!ii", begin)
    assert version == 196608
    await visit.reader.readexactly(length - 8)
    await visit.send(READY)
    await visit.closed()


def encrypted(context: ssl.SSLContext) -> Script:
    """A database that grants TLS."""

    async def script(visit: Visit) -> None:
        assert await visit.reader.readexactly(8) == SSL_REQUEST
        await visit.send(b"S")
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_side=True)
        await shake_hands(tls, incoming, outgoing, visit.reader, visit.writer)
        while True:
            try:
                data = tls.read(1000)
                break
            except ssl.SSLWantReadError:
                incoming.write(await visit.reader.read(4096))
        assert data == STARTUP
        tls.write(READY)
        await visit.send(outgoing.read())
        await visit.closed()

    return script


async def shake_hands(
    tls: ssl.SSLObject,
    incoming: ssl.MemoryBIO,
    outgoing: ssl.MemoryBIO,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    while True:
        try:
            tls.do_handshake()
            break
        except ssl.SSLWantReadError:
            writer.write(outgoing.read())
            data = await reader.read(4096)
            assert data, "the connection ended within the handshake"
            incoming.write(data)
    writer.write(outgoing.read())


async def ask_for_tls(entry: Site, name: str) -> tuple[Client, bytes]:
    client = await entry.client()
    await client.send(SSL_REQUEST)
    async with asyncio.timeout(PATIENCE):
        return client, await client.reader.readexactly(1)


async def session(client: Client, name: str) -> tuple[bytes, bytes]:
    """TLS as psql begins it once it was granted; the answer to the startup message, and the certificate."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = client_context().wrap_bio(incoming, outgoing, server_hostname=name)
    async with asyncio.timeout(PATIENCE):
        await shake_hands(tls, incoming, outgoing, client.reader, client.writer)
        tls.write(STARTUP)
        await client.send(outgoing.read())
        while True:
            try:
                return tls.read(1000), tls.getpeercert(binary_form=True) or b""
            except ssl.SSLWantReadError:
                data = await client.reader.read(4096)
                assert data, "the connection ended before the answer"
                incoming.write(data)


async def test_without_tls_on_the_entry_point_the_server_is_asked_itself() -> None:
    async with scripted(startup) as (server,):
        text = "tcp: {routers: {r: {rule: 'HostSNI(`*`)', service: s}}, services: {%s}}"
        async with site(text % balanced("s", server)) as entry:
            client, answer = await ask_for_tls(entry, "")
            assert answer == b"N"  # sslmode=prefer goes on in plain
            await client.send(STARTUP)
            assert await client.reader.readexactly(len(READY)) == READY
            disabled = await entry.client()  # sslmode=disable
            await disabled.send(STARTUP)
            assert await disabled.reader.readexactly(len(READY)) == READY


async def test_terminated_and_passed_through_by_name(tmp_path: Path) -> None:
    own, behind = make("db.example.com"), make("through.example.com")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*behind.write(tmp_path, "behind"))
    async with scripted(startup, encrypted(context)) as (plain, through):
        text = f"""
tcp:
  routers:
    db: {{rule: 'HostSNI(`db.example.com`)', service: db, tls: {{}}}}
    through: {{rule: 'HostSNI(`through.example.com`)', service: through, tls: {{passthrough: true}}}}
    plain: {{rule: 'HostSNI(`*`)', service: db}}
  services:
    {balanced("db", plain)}
    {balanced("through", through)}
tls:
{certificates_of(tmp_path, own=own)}
"""
        async with site(text) as entry:
            for name, certificate in (("db.example.com", own.der), ("through.example.com", behind.der)):
                client, answer = await ask_for_tls(entry, name)
                assert answer == b"S"
                assert await session(client, name) == (READY, certificate), name
            # sslmode=disable beside them
            disabled = await entry.client()
            await disabled.send(STARTUP)
            assert await disabled.reader.readexactly(len(READY)) == READY
            # One byte after the other.
            client = await entry.client()
            for byte in SSL_REQUEST:
                await client.send(bytes([byte]))
            assert await client.reader.readexactly(1) == b"S"
            assert await session(client, "db.example.com") == (READY, own.der)


async def test_a_server_that_refuses_tls_ends_the_session(tmp_path: Path) -> None:
    async with scripted(startup) as (plain,):
        text = (
            "tcp: {routers: {r: {rule: 'HostSNI(`db.example.com`)', service: s, tls: {passthrough: true}}},"
            "services: {%s}}"
        )
        async with site(text % balanced("s", plain)) as entry:
            client, answer = await ask_for_tls(entry, "db.example.com")
            assert answer == b"S"
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            tls = client_context().wrap_bio(incoming, outgoing, server_hostname="db.example.com")
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                await client.send(outgoing.read())
            assert await client.rest() == b""


async def test_nobody_for_the_name_and_no_tls_after_all(tmp_path: Path) -> None:
    async with scripted(startup) as (plain,):
        text = "tcp: {routers: {r: {rule: 'HostSNI(`db.example.com`)', service: s, tls: {}}}, services: {%s}}"
        async with site(text % balanced("s", plain)) as entry:
            client, answer = await ask_for_tls(entry, "other.example.com")
            assert answer == b"S"
            await client.send(STARTUP)
            assert await client.rest() == b""
