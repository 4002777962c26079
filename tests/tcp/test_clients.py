"""TCP routers by the clients that people use: psql, redis-cli, openssl, a mail client."""

from __future__ import annotations

import asyncio
import smtplib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.certificates import Made, make
from tests.loopback import PATIENCE, Script, Visit, fixed, until
from tests.secure import certificates_of
from tests.tcp.given import Site, balanced, closed_port, says, scripted, site
from tests.tls_servers import authority, pair_for

SSL_REQUEST, GSS_REQUEST = 80877103, 80877104
GREETING = "220 mail.example.com ready"


async def run(*command: str, told: bytes = b"") -> tuple[int, str]:
    """A command's status, and what it has printed."""
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(PATIENCE):
        output, _ = await process.communicate(told)
    return process.returncode or 0, output.decode("latin-1").strip()


def server_context(directory: Path, pair: Made, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair.write(directory, name))
    return context


# === PostgreSQL ===


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", 4 + len(body)) + body


READY = message(b"Z", b"I")
WELCOME = message(b"R", struct.pack("!i", 0)) + message(b"S", b"server_version\x0015.0\0") + READY


def row(text: str) -> bytes:
    """An answer of one line with one column (the manual, "Message Formats")."""
    column = b"it\0" + struct.pack("!ihihih", 0, 0, 25, -1, -1, 0)
    value = text.encode()
    return (
        message(b"T", struct.pack("!h", 1) + column)
        + message(b"D", struct.pack("!hi", 1, len(value)) + value)
        + message(b"C", b"SELECT 1\0")
        + READY
    )


def database(name: str, tls: ssl.SSLContext | None = None) -> Script:
    """Answers each query with its name, and whether it was asked over TLS of its own."""

    async def script(visit: Visit) -> None:
        way = "plain"
        while True:
            length, version = struct.unpack("!ii", await visit.reader.readexactly(8))
            if version == SSL_REQUEST and tls is not None:
                await visit.send(b"S")
                await visit.writer.start_tls(tls)
                way = "tls"
            elif version in (SSL_REQUEST, GSS_REQUEST):
                await visit.send(b"N")
            else:
                break
        await visit.reader.readexactly(length - 8)
        await visit.send(WELCOME)
        while (await visit.reader.readexactly(1)) == b"Q":
            (length,) = struct.unpack("!i", await visit.reader.readexactly(4))
            await visit.reader.readexactly(length - 4)
            await visit.send(row(f"{name} {way}"))

    return script


@dataclass
class Databases:
    """The entry point in front of them, and the file with whom psql trusts."""

    entry: Site
    roots: str

    async def ask(self, host: str, mode: str, more: str = "") -> tuple[int, str]:
        return await run(
            "psql",
            "--no-psqlrc",
            "--tuples-only",
            "--no-align",
            "--command=select 1",
            f"host={host} hostaddr=127.0.0.1 port={self.entry.port} user=someone dbname=some"
            f" sslmode={mode} sslrootcert={self.roots} {more}",
        )


@asynccontextmanager
async def databases(directory: Path) -> AsyncIterator[Databases]:
    """One whose TLS ends here, one that has TLS of its own, and one for those who ask for none."""
    roots = directory / "roots.pem"
    roots.write_bytes(authority().pem)
    tls = server_context(directory, pair_for("own.example.com"), "own")
    scripts = (database("ended"), database("own", tls), database("plain"))
    async with scripted(*scripts) as (ended, own, plain):
        text = f"""
tcp:
  routers:
    ended: {{rule: 'HostSNI(`ended.example.com`)', service: ended, tls: {{}}}}
    own: {{rule: 'HostSNI(`own.example.com`)', service: own, tls: {{passthrough: true}}}}
    plain: {{rule: 'HostSNI(`*`)', service: plain}}
  services:
    {balanced("ended", ended)}
    {balanced("own", own)}
    {balanced("plain", plain)}
tls:
{certificates_of(directory, ended=pair_for("ended.example.com"))}
"""
        async with site(text) as entry:
            yield Databases(entry, str(roots))


@pytest.mark.parametrize("mode", ["require", "verify-full"])
@pytest.mark.parametrize(("host", "answer"), [("ended", "ended plain"), ("own", "own tls")])
async def test_psql_asks_for_tls(host: str, answer: str, mode: str, tmp_path: Path) -> None:
    async with databases(tmp_path) as found:
        assert await found.ask(f"{host}.example.com", mode) == (0, answer)


@pytest.mark.parametrize("mode", ["disable", "allow"])
async def test_psql_asks_for_no_tls(mode: str, tmp_path: Path) -> None:
    async with databases(tmp_path) as found:
        assert await found.ask("ended.example.com", mode) == (0, "plain plain")


async def test_psql_is_refused_what_it_does_not_trust(tmp_path: Path) -> None:
    async with databases(tmp_path) as found:
        found.roots = make("ended.example.com").write(tmp_path, "stranger")[0]
        status, said = await found.ask("ended.example.com", "verify-full")
        assert (status, "certificate verify failed" in said) == (2, True)
        status, said = await found.ask("nobody.example.com", "require")
        assert (status, "closed the connection" in said or "SYSCALL" in said) == (2, True), said


@pytest.mark.parametrize(("mode", "is_good"), [("disable", True), ("prefer", True), ("require", False)])
async def test_psql_where_nothing_has_tls(mode: str, is_good: bool, tmp_path: Path) -> None:
    """The server is asked for TLS itself."""
    async with scripted(database("only")) as (server,):
        text = "tcp: {routers: {r: {rule: 'HostSNI(`*`)', service: s}}, services: {%s}}"
        async with site(text % balanced("s", server)) as entry:
            status, said = await Databases(entry, "").ask("db.example.com", mode)
    assert (status, said) == (0, "only plain") if is_good else "server does not support SSL" in said


# === Redis ===


@pytest.fixture
async def redis(tmp_path: Path) -> AsyncIterator[int]:
    """The port of a redis-server in plain."""
    port = closed_port()
    process = await asyncio.create_subprocess_exec(
        "redis-server",
        *f"--port {port} --bind 127.0.0.1 --appendonly no --dir {tmp_path} --save".split(),
        "",
        stdout=-3,
    )
    await until(lambda: is_listening(port))
    yield port
    process.terminate()
    await process.wait()


def is_listening(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


async def test_redis_cli_in_plain_and_over_tls_by_name(redis: int, tmp_path: Path) -> None:
    roots = tmp_path / "roots.pem"
    roots.write_bytes(authority().pem)
    async with scripted(fixed()) as (web,):
        text = f"""
tcp:
  routers:
    cache: {{rule: 'HostSNI(`cache.example.com`)', service: s, tls: {{}}}}
    plain: {{rule: 'HostSNI(`*`)', service: s}}
  services: {{s: {{loadBalancer: {{servers: [{{address: '127.0.0.1:{redis}'}}]}}}}}}
http:
  routers: {{web: {{rule: 'Host(`web.example.com`)', service: web, tls: {{}}}}}}
  services: {{web: {{loadBalancer: {{servers: [{{url: '{web.url}'}}]}}}}}}
tls:
{certificates_of(tmp_path, cache=pair_for("cache.example.com"), web=pair_for("web.example.com"))}
"""
        async with site(text) as entry:
            port = str(entry.port)
            assert await run("redis-cli", "-p", port, "set", "key", "in plain") == (0, "OK")
            secured = ("redis-cli", "-p", port, "--tls", "--cacert", str(roots), "--sni", "cache.example.com")
            assert await run(*secured, "get", "key") == (0, "in plain")
            lines = b"".join(b"rpush list %d\n" % number for number in range(200)) + b"llen list\n"
            assert (await run(*secured, told=lines))[1].split("\n")[-1] == "200"
            # A web server stands on the same entry point.
            command = ("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "--cacert", str(roots), "--resolve")
            url = f"web.example.com:{port}"
            assert await run(*command, f"{url}:127.0.0.1", f"https://{url}/") == (0, "200")


# === whatever goes over TLS ===


def by_openssl(entry: Site, roots: Path, name: str, alpn: Sequence[str]) -> tuple[str, ...]:
    command = ("openssl", "s_client", "-connect", f"127.0.0.1:{entry.port}", "-servername", name, "-brief")
    command = (*command, "-CAfile", str(roots), "-verify_hostname", name, "-verify_return_error", "-ign_eof")
    return (*command, "-alpn", ",".join(alpn)) if alpn else command


@pytest.mark.parametrize(
    ("name", "alpn", "answer"),
    [
        ("db.example.com", (), "db:hello"),
        ("db.example.com", ("mqtt",), "mqtt:hello"),
        ("db.example.com", ("h2", "http/1.1"), "db:hello"),
        ("other.example.com", (), "any:hello"),
        ("other.example.com", ("mqtt", "xmpp"), "alpn:hello"),
        ("through.example.com", ("mqtt",), "through:hello"),
    ],
)
async def test_openssl_by_name_and_alpn(name: str, alpn: tuple[str, ...], answer: str, tmp_path: Path) -> None:
    roots = tmp_path / "roots.pem"
    roots.write_bytes(authority().pem)
    tls = server_context(tmp_path, pair_for("through.example.com"), "through")
    async with (
        scripted(says(b"through"), tls=tls) as (through,),
        scripted(says(b"db"), says(b"mqtt"), says(b"alpn"), says(b"any")) as (db, mqtt, by_alpn, any_),
    ):
        text = f"""
tcp:
  routers:
    db: {{rule: 'HostSNI(`db.example.com`)', service: db, tls: {{}}}}
    mqtt: {{rule: 'HostSNI(`db.example.com`) && ALPN(`mqtt`)', service: mqtt, tls: {{options: mqtt}}}}
    alpn: {{rule: 'ALPN(`mqtt`)', service: alpn, tls: {{options: mqtt}}}}
    any: {{rule: 'HostSNIRegexp(`^[a-z]+[.]example[.]com$`)', service: any, tls: {{}}, priority: 1}}
    through: {{rule: 'HostSNI(`through.example.com`)', service: through, tls: {{passthrough: true}}}}
  services:
    {balanced("db", db)}
    {balanced("mqtt", mqtt)}
    {balanced("alpn", by_alpn)}
    {balanced("any", any_)}
    {balanced("through", through)}
tls:
  options: {{mqtt: {{alpnProtocols: [mqtt]}}}}
{certificates_of(tmp_path, own=pair_for("db.example.com"), other=pair_for("other.example.com"))}
"""
        async with site(text) as entry:
            status, said = await run(*by_openssl(entry, roots, name, alpn), told=b"hello")
    assert (status, said.splitlines()[-1]) == (0, answer), said


# === servers that speak first ===


async def mail(visit: Visit, tls: ssl.SSLContext, letters: list[bytes]) -> None:
    """As much of SMTP (RFC 5321) as one letter takes, and STARTTLS (RFC 3207)."""
    await visit.send(f"{GREETING}\r\n".encode())
    while line := (await visit.reader.readline()).strip():
        word = line[:4].upper()
        if word == b"DATA":
            await visit.send(b"354 go on\r\n")
            letters.append(await visit.until(b"\r\n.\r\n"))
        answer = {b"EHLO": b"250-mail.example.com\r\n250 STARTTLS", b"STAR": b"220 now", b"QUIT": b"221 bye"}
        await visit.send(answer.get(word, b"250 fine") + b"\r\n")
        if word == b"STAR":
            await visit.writer.start_tls(tls)
        if word == b"QUIT":
            return


def deliver(port: int, letter: EmailMessage) -> bytes:
    context = ssl.create_default_context(cadata=authority().pem.decode())
    with smtplib.SMTP(timeout=PATIENCE) as client:
        client._host = "mail.example.com"  # type: ignore[attr-defined]  # the name that TLS is asked for
        _, greeting = client.connect("127.0.0.1", port)
        client.starttls(context=context)
        client.send_message(letter)
    return greeting


async def test_a_letter_to_a_server_that_speaks_first(tmp_path: Path) -> None:
    tls = server_context(tmp_path, pair_for("mail.example.com"), "mail")
    letters: list[bytes] = []
    letter = EmailMessage()
    letter["From"], letter["To"] = "a@example.com", "b@example.com"
    letter.set_content("All is well.\n" * 4_000)
    async with scripted(lambda visit: mail(visit, tls, letters)) as (server,):
        text = "tcp: {routers: {r: {rule: 'HostSNI(`*`)', service: s}}, services: {%s}}"
        async with site(text % balanced("s", server)) as entry:
            greeting = await asyncio.to_thread(deliver, entry.port, letter)
    assert greeting.decode() == GREETING[4:]
    assert [text.count(b"All is well.\r\n") for text in letters] == [4_000]
