"""What a scan of an entry point finds, with `openssl s_client` as the scanner: a table as testssl.sh has."""

from __future__ import annotations

import asyncio
import re
import subprocess
from pathlib import Path

import pytest

from tests.certificates import make
from tests.live import live
from tests.secure import PATIENCE, certificates_of

NAMED = make("a.example.com")
RSA = make("rsa.example.com", is_rsa=True)
OLD = """
  options:
    old: {minVersion: VersionTLS10, cipherSuites: [TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA]}
    bare: {disableSessionTickets: true, alpnProtocols: [http/1.1]}
"""
ROUTERS = """
http:
  routers:
    a: {rule: 'Host(`a.example.com`) || Host(`rsa.example.com`)', service: noop@internal, tls: {}}
    old: {rule: 'Host(`old.example.com`)', service: noop@internal, tls: {options: old}}
    bare: {rule: 'Host(`bare.example.com`)', service: noop@internal, tls: {options: bare}}
tls:
"""
REFUSED = r"alert (handshake failure|protocol version)|no protocols available"
PLAIN, OTHER, AGED, BARE = "a.example.com", "rsa.example.com", "old.example.com", "bare.example.com"

SCANS = [
    # === versions ===
    (PLAIN, "-tls1", REFUSED),
    (PLAIN, "-tls1_1", REFUSED),
    (PLAIN, "-tls1_2", r"Protocol *: TLSv1\.2"),
    (PLAIN, "-tls1_3", r"New, TLSv1\.3"),
    (AGED, "-tls1", r"Protocol *: TLSv1\s"),
    (AGED, "-tls1_1", r"Protocol *: TLSv1\.1"),
    # RFC 7507: a client that fell back although both have TLS 1.3.
    (PLAIN, "-tls1_2 -fallback_scsv", "alert inappropriate fallback"),
    # === cipher suites ===
    *(
        (PLAIN, f"-tls1_2 -cipher {text}:@SECLEVEL=0", REFUSED + "|no cipher match|no ciphers available")
        for text in ("NULL", "aNULL", "RC4", "3DES", "EXPORT", "LOW", "PSK", "SRP", "DHE", "CAMELLIA", "ARIA")
    ),
    *((OTHER, f"-tls1_2 -cipher {text}:@SECLEVEL=0", REFUSED) for text in ("kRSA", "kDHE", "SHA256:!ECDHE", "AESCCM")),
    (PLAIN, "-tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256", "Cipher is ECDHE-ECDSA-AES128-GCM-SHA256"),
    (PLAIN, "-tls1_2 -cipher ECDHE-ECDSA-CHACHA20-POLY1305", "Cipher is ECDHE-ECDSA-CHACHA20-POLY1305"),
    (OTHER, "-tls1_2 -cipher ECDHE-RSA-AES256-GCM-SHA384", "Cipher is ECDHE-RSA-AES256-GCM-SHA384"),
    (AGED, "-tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256", REFUSED),
    # === what a handshake says besides ===
    (PLAIN, "-tls1_2", "Secure Renegotiation IS supported"),
    (PLAIN, "-tls1_2", "Compression: NONE"),
    (PLAIN, "-tls1_2", "Extended master secret: yes"),
    (PLAIN, "-tls1_2", "TLS session ticket:"),
    (PLAIN, "-status", "OCSP response: no response sent"),
    (PLAIN, "-tls1_3", "Server Temp Key: X25519"),
    (PLAIN, "-tls1_3 -groups P-384", "Server Temp Key: ECDH, secp384r1"),
    (PLAIN, "-alpn h2,http/1.1", "ALPN protocol: h2"),
    (BARE, "-alpn h2,http/1.1", r"ALPN protocol: http/1\.1"),
    (PLAIN, "-alpn spdy/3", "alert no application protocol"),
    (PLAIN, "-nextprotoneg http/1.1 -tls1_2", "No ALPN negotiated"),
]


def _scan(port: int, name: str, words: str, said: str) -> str:
    # Its own settings must not refuse what ours are to refuse.
    level = "" if "-cipher" in words or "-tls1_3" in words else "-cipher ALL:@SECLEVEL=0"
    command = f"openssl s_client -connect 127.0.0.1:{port} -servername {name} {level} {words}"
    done = subprocess.run(
        command.split(),
        input=said,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=PATIENCE,
        check=False,
    )
    return done.stdout


async def scan(port: int, name: str, words: str, said: str = "Q\n") -> str:
    """All that s_client prints. `said` after the handshake: Q quits, R renegotiates."""
    return await asyncio.to_thread(_scan, port, name, words, said)


async def test_what_a_scan_finds(tmp_path: Path) -> None:
    text = ROUTERS + OLD + certificates_of(tmp_path, named=NAMED, rsa=RSA)
    async with live(text) as port:
        outputs = await asyncio.gather(*(scan(port, name, words) for name, words, _ in SCANS))
    found = [(*row, output) for row, output in zip(SCANS, outputs, strict=True)]
    assert [row for row in found if not re.search(row[2], row[3])] == []


async def test_no_ticket_where_they_are_disabled(tmp_path: Path) -> None:
    text = ROUTERS + OLD + certificates_of(tmp_path, named=NAMED, rsa=RSA)
    async with live(text) as port:
        assert "TLS session ticket:" not in await scan(port, BARE, "-tls1_2")


@pytest.mark.parametrize("said", ["R\n", "R\nR\nR\n"])
async def test_a_client_cannot_renegotiate(tmp_path: Path, said: str) -> None:
    text = ROUTERS + OLD + certificates_of(tmp_path, named=NAMED, rsa=RSA)
    async with live(text) as port:
        output = await scan(port, PLAIN, "-tls1_2", said)
        assert "RENEGOTIATING" in output
        assert "no renegotiation" in output
