"""TLS clients for tests: of the standard library, with everything they were told."""

from __future__ import annotations

import asyncio
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

from tests.certificates import Made

PATIENCE = 10.0


@dataclass(frozen=True)
class Told:
    """What a client has learnt: the handshake's outcome and the answer to `GET /`."""

    certificate: bytes
    version: str
    cipher: str
    alpn: str | None
    answer: bytes = b""

    @property
    def status(self) -> int:
        return int(self.answer.split(b" ")[1])


def client_context(
    *,
    low: ssl.TLSVersion | None = None,
    high: ssl.TLSVersion | None = None,
    ciphers: str = "",
    alpn: tuple[str, ...] = (),
    pair: tuple[str, str] | None = None,
) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers(ciphers or "ALL:@SECLEVEL=0")
    context.minimum_version = low or ssl.TLSVersion.TLSv1_2
    context.maximum_version = high or ssl.TLSVersion.TLSv1_3
    if alpn:
        context.set_alpn_protocols(list(alpn))
    if pair:
        context.load_cert_chain(*pair)
    return context


def long_hello(name: str) -> bytes:
    """A ClientHello of 16 kB."""
    outgoing = ssl.MemoryBIO()
    context = client_context(alpn=tuple(f"protocol-{number:0200}" for number in range(75)))
    try:
        context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name).do_handshake()
    except ssl.SSLWantReadError:
        hello = outgoing.read()
    assert 15_000 < len(hello) < 16_500
    return hello


async def shake_hands(port: int, name: str = "", context: ssl.SSLContext | None = None) -> Told:
    """A handshake and no more; raises what the client raises."""
    return await ask(port, name, context, request=b"")


async def ask(
    port: int,
    name: str = "",
    context: ssl.SSLContext | None = None,
    *,
    request: bytes = b"GET / HTTP/1.1\r\nHost: %b\r\nConnection: close\r\n\r\n",
    host: str = "",
) -> Told:
    """One request over TLS, and all that comes back."""
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=context or client_context(), server_hostname=name
        )
        tls = writer.get_extra_info("ssl_object")
        try:
            answer = b""
            if request:
                writer.write(request.replace(b"%b", (host or name or "127.0.0.1").encode()))
                answer = await reader.read()
            return Told(
                tls.getpeercert(binary_form=True) or b"",
                tls.version() or "",
                (tls.cipher() or ("",))[0],
                tls.selected_alpn_protocol(),
                answer,
            )
        finally:
            writer.close()


def exchange(port: int, name: str, data: bytes, context: ssl.SSLContext | None = None) -> bytes:
    """Send and read to the end over a blocking socket: uvloop's own TLS loses the end of long answers."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as sock:
        with (context or client_context()).wrap_socket(sock, server_hostname=name) as tls:
            tls.sendall(data)
            answer = b""
            while piece := tls.recv(65536):
                answer += piece
            return answer


def certificates_of(directory: Path, **pairs: Made) -> str:
    """The `certificates` list of a dynamic configuration, each written under its name."""
    lines = []
    for name, made in pairs.items():
        cert, key = made.write(directory, name)
        lines.append(f"    - {{certFile: '{cert}', keyFile: '{key}'}}")
    return "  certificates:\n" + "\n".join(lines) + "\n"
