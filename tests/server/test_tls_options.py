"""Every TLS option, with a client that has it and one that has not."""

from __future__ import annotations

import asyncio
import socket
import ssl
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.certificates import Made, make
from tests.live import live
from tests.secure import ask, certificates_of, client_context, exchange, shake_hands
from trafficcop.tls import contexts

GET = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
V10, V11, V12, V13 = (
    ssl.TLSVersion.TLSv1,
    ssl.TLSVersion.TLSv1_1,
    ssl.TLSVersion.TLSv1_2,
    ssl.TLSVersion.TLSv1_3,
)
EC, RSA = make("a.example.com"), make("a.example.com", is_rsa=True)


@asynccontextmanager
async def serving(tmp_path: Path, options: str, made: Made = EC) -> AsyncIterator[int]:
    """An entry point whose default options are these."""
    text = "http: {}\ntls:\n" + certificates_of(tmp_path, a=made) + f"  options: {{default: {{{options}}}}}\n"
    async with live(text) as port:
        yield port


VERSIONS = [
    ("", (V12, V13)),
    ("minVersion: VersionTLS10", (V10, V11, V12, V13)),
    ("minVersion: VersionTLS11", (V11, V12, V13)),
    ("minVersion: VersionTLS13", (V13,)),
    ("maxVersion: VersionTLS12", (V12,)),
    ("minVersion: VersionTLS10, maxVersion: VersionTLS11", (V10, V11)),
    ("minVersion: VersionSSL30, maxVersion: '1.3'", (V12, V13)),
]


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
@pytest.mark.parametrize(("options", "accepted"), VERSIONS)
async def test_versions(tmp_path: Path, options: str, accepted: tuple[ssl.TLSVersion, ...]) -> None:
    async with serving(tmp_path, options) as port:
        for version in (V10, V11, V12, V13):
            context = client_context(low=version, high=version)
            if version in accepted:
                assert (await ask(port, "a.example.com", context)).status == 404
            else:
                with pytest.raises(ssl.SSLError):
                    await shake_hands(port, "a.example.com", context)


CIPHERS = [
    ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", EC, "ECDHE-ECDSA-AES128-GCM-SHA256"),
    ("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", EC, "ECDHE-ECDSA-AES256-GCM-SHA384"),
    ("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305", EC, "ECDHE-ECDSA-CHACHA20-POLY1305"),
    ("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", EC, "ECDHE-ECDSA-CHACHA20-POLY1305"),
    ("TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", EC, "ECDHE-ECDSA-AES128-SHA"),
    ("TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", EC, "ECDHE-ECDSA-AES256-SHA"),
    ("TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", EC, "ECDHE-ECDSA-AES128-SHA256"),
    ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", RSA, "ECDHE-RSA-AES128-GCM-SHA256"),
    ("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", RSA, "ECDHE-RSA-AES256-GCM-SHA384"),
    ("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305", RSA, "ECDHE-RSA-CHACHA20-POLY1305"),
    ("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", RSA, "ECDHE-RSA-AES128-SHA"),
    ("TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", RSA, "ECDHE-RSA-AES256-SHA"),
    ("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", RSA, "ECDHE-RSA-AES128-SHA256"),
    ("TLS_RSA_WITH_AES_128_GCM_SHA256", RSA, "AES128-GCM-SHA256"),
    ("TLS_RSA_WITH_AES_256_GCM_SHA384", RSA, "AES256-GCM-SHA384"),
    ("TLS_RSA_WITH_AES_128_CBC_SHA", RSA, "AES128-SHA"),
    ("TLS_RSA_WITH_AES_256_CBC_SHA", RSA, "AES256-SHA"),
    ("TLS_RSA_WITH_AES_128_CBC_SHA256", RSA, "AES128-SHA256"),
]


@pytest.mark.parametrize(("name", "made", "theirs"), CIPHERS, ids=[row[0] for row in CIPHERS])
async def test_a_cipher_suite_alone(tmp_path: Path, name: str, made: Made, theirs: str) -> None:
    async with serving(tmp_path, f"cipherSuites: [{name}]", made) as port:
        told = await shake_hands(port, "a.example.com", client_context(high=V12))
        assert told.cipher == theirs
        others = ":".join(one for _, _, one in CIPHERS if one != theirs)
        with pytest.raises(ssl.SSLError):
            await shake_hands(port, "a.example.com", client_context(high=V12, ciphers=others + ":@SECLEVEL=0"))


async def test_the_order_of_cipher_suites_is_ours(tmp_path: Path) -> None:
    options = "cipherSuites: [TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]"
    async with serving(tmp_path, options) as port:
        context = client_context(high=V12, ciphers="ECDHE-ECDSA-AES256-SHA:ECDHE-ECDSA-AES128-GCM-SHA256")
        assert (await shake_hands(port, "a.example.com", context)).cipher == "ECDHE-ECDSA-AES128-GCM-SHA256"


PHONES = "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256"
AES_FIRST = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305"


@pytest.mark.parametrize("options", ["", "clientAuth: {clientAuthType: RequestClientCert}"])
async def test_a_client_that_has_no_aes_in_its_processor_gets_chacha(tmp_path: Path, options: str) -> None:
    async with serving(tmp_path, options) as port:
        for ciphers in (PHONES, AES_FIRST):
            told = await shake_hands(port, "a.example.com", client_context(high=V12, ciphers=ciphers))
            assert told.cipher == ciphers.partition(":")[0]


SUITES = [
    ("TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"),
    ("TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_256_GCM_SHA384"),
    ("TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"),
]


@pytest.mark.parametrize("options", ["", "clientAuth: {clientAuthType: RequestClientCert}"])
async def test_the_order_of_suites_in_tls_13(tmp_path: Path, options: str) -> None:
    async with serving(tmp_path, options) as port:
        for offered, chosen in SUITES:
            output = await s_client(port, "-tls1_3", "-ciphersuites", offered)
            assert f"Cipher is {chosen}".encode() in output


async def test_suites_of_tls_13_alone_leave_tls_13_alone(tmp_path: Path) -> None:
    async with serving(tmp_path, "cipherSuites: [TLS_AES_128_GCM_SHA256, TLS_FALLBACK_SCSV]") as port:
        assert (await shake_hands(port, "a.example.com")).version == "TLSv1.3"
        with pytest.raises(ssl.SSLError):
            await shake_hands(port, "a.example.com", client_context(high=V12))


CURVES = [
    ("[CurveP384]", "secp384r1", "prime256v1"),
    ("[secp521r1]", "secp521r1", "X25519"),
    ("[X25519]", "X25519", "prime256v1"),
    ("[secp256r1, x25519]", "prime256v1", "secp384r1"),
    ("[secp256r1, x25519]", "X25519", "secp521r1"),
]


@pytest.mark.parametrize(("names", "good", "bad"), CURVES)
@pytest.mark.parametrize("version", [V12, V13])
async def test_curves(tmp_path: Path, names: str, good: str, bad: str, version: ssl.TLSVersion) -> None:
    async with serving(tmp_path, f"curvePreferences: {names}", RSA) as port:
        assert await agrees(port, version, good)
        assert not await agrees(port, version, bad)


async def agrees(port: int, version: ssl.TLSVersion, curve: str) -> bool:
    """Whether a client that has one curve alone gets a connection; not every `ssl` can choose X25519."""
    version_word = "-tls1_2" if version is V12 else "-tls1_3"
    return b"Cipher is (NONE)" not in await s_client(port, "-groups", curve, version_word)


async def s_client(port: int, *words: str) -> bytes:
    """What OpenSSL's own client says of a handshake."""
    process = await asyncio.create_subprocess_exec(
        "openssl",
        *("s_client", "-connect", f"127.0.0.1:{port}", "-servername", "a.example.com", *words),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
    )
    output, _ = await process.communicate()
    return output


ALPN = [
    ("", ("http/1.1",), "http/1.1"),
    ("", ("http/1.1", "h2"), "h2"),
    ("alpnProtocols: [http/1.1]", ("h2", "http/1.1"), "http/1.1"),
    ("alpnProtocols: [h2]", ("http/1.1",), None),  # as Go: HTTP/1.1 goes without
    ("", (), None),
]


@pytest.mark.parametrize(("options", "offered", "chosen"), ALPN)
async def test_alpn(tmp_path: Path, options: str, offered: tuple[str, ...], chosen: str | None) -> None:
    async with serving(tmp_path, options) as port:
        assert (await shake_hands(port, "a.example.com", client_context(alpn=offered))).alpn == chosen


async def test_no_protocol_in_common(tmp_path: Path) -> None:
    async with serving(tmp_path, "") as port:
        with pytest.raises(ssl.SSLError, match=r"(?i)no.application.protocol"):
            await shake_hands(port, "a.example.com", client_context(alpn=("spdy/3",)))


@pytest.mark.parametrize("version", [V12, V13])
@pytest.mark.parametrize("is_disabled", [False, True])
async def test_session_tickets(tmp_path: Path, version: ssl.TLSVersion, is_disabled: bool) -> None:
    async with serving(tmp_path, f"disableSessionTickets: {str(is_disabled).lower()}") as port:
        context = client_context(low=version, high=version)
        assert await resumes(port, context) is not is_disabled


async def resumes(port: int, context: ssl.SSLContext) -> bool:
    """Whether a second connection goes on with the session of the first."""

    def connect(session: ssl.SSLSession | None) -> tuple[ssl.SSLSession | None, bool]:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
            with context.wrap_socket(sock, server_hostname="a.example.com", session=session) as tls:
                tls.sendall(GET)
                while tls.recv(4096):
                    pass
                return tls.session, bool(tls.session_reused)

    session, _ = await asyncio.to_thread(connect, None)
    if session is None:
        return False
    return (await asyncio.to_thread(connect, session))[1]


# the type, whether CA files are given; then without, with a strange and with a known certificate: good or not
CLIENTS = [
    ("NoClientCert", False, (True, True, True)),
    ("NoClientCert", True, (True, True, True)),
    ("RequestClientCert", False, (True, True, True)),
    ("RequestClientCert", True, (True, True, True)),
    ("RequireAnyClientCert", False, (False, True, True)),
    ("RequireAnyClientCert", True, (False, True, True)),
    ("VerifyClientCertIfGiven", True, (True, False, True)),
    ("RequireAndVerifyClientCert", True, (False, False, True)),
    ("", True, (False, False, True)),
    ("", False, (True, True, True)),
]
AUTHORITY = make(common="authority", is_ca=True)
PAIRS = (None, make("stranger"), make("friend", issuer=AUTHORITY))


@pytest.mark.parametrize(("kind", "has_cas", "outcomes"), CLIENTS)
@pytest.mark.parametrize("version", [V12, V13])
async def test_client_certificates(
    tmp_path: Path, kind: str, has_cas: bool, outcomes: tuple[bool, ...], version: ssl.TLSVersion
) -> None:
    ca, _ = AUTHORITY.write(tmp_path, "ca")
    options = f"clientAuth: {{clientAuthType: '{kind}', caFiles: [{ca if has_cas else ''}]}}"
    async with serving(tmp_path, options) as port:
        for pair, is_good in zip(PAIRS, outcomes, strict=True):
            context = client_context(high=version, pair=pair.write(tmp_path, "client") if pair else None)
            if is_good:
                answer = await asyncio.to_thread(exchange, port, "a.example.com", GET, context)
                assert answer.startswith(b"HTTP/1.1 404 ")
            else:
                with pytest.raises((ssl.SSLError, ConnectionError)):
                    await asyncio.to_thread(exchange, port, "a.example.com", GET, context)


@pytest.mark.parametrize("kind", ["RequestClientCert", "RequireAndVerifyClientCert"])
@pytest.mark.parametrize("is_known", [True, False], ids=["known OpenSSL", "unknown OpenSSL"])
async def test_clients_are_told_whose_certificates_are_good(
    tmp_path: Path, kind: str, is_known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not is_known:
        monkeypatch.setattr(contexts, "can_name_authorities", lambda: False)
    files = [AUTHORITY.write(tmp_path, "one")[0], make(common="other", is_ca=True).write(tmp_path, "two")[0]]
    async with serving(tmp_path, f"clientAuth: {{clientAuthType: {kind}, caFiles: {files}}}") as port:
        for version in ("-tls1_2", "-tls1_3"):
            output = await s_client(port, version)
            names = output.partition(b"Acceptable client certificate CA names\n")[2].splitlines()[:2]
            assert [name.replace(b" ", b"") for name in names] == [b"CN=authority", b"CN=other"]


async def test_a_certificate_that_need_not_be_shown_is_not_passed_on(tmp_path: Path) -> None:
    ca, _ = AUTHORITY.write(tmp_path, "ca")
    text = (
        "http:\n"
        "  middlewares: {m: {passTLSClientCert: {pem: true}}}\n"
        "  routers: {r: {rule: PathPrefix(`/`), service: noop@internal, middlewares: [m], tls: {}}}\n"
        f"tls:\n  options: {{default: {{clientAuth: {{clientAuthType: VerifyClientCertIfGiven, caFiles: [{ca}]}}}}}}\n"
    )
    async with live(text) as port:
        assert (await ask(port, "a.example.com")).status == 418
