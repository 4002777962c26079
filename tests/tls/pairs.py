"""Both ends of a TLS connection in memory: `TLSStream` on one side, the standard library on the other."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.certificates import Made, make
from trafficcop.tls.engine import Endpoint, ServerEndpoint
from trafficcop.tls.stream import TLSStream


@cache
def pair() -> Made:
    return make("a.example.com")


def server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with TemporaryDirectory() as directory:
        context.load_cert_chain(*pair().write(Path(directory), "server"))
    return context


def client_context(version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if version is not None:
        context.minimum_version = context.maximum_version = version
    return context


class Below(asyncio.Transport):
    """The transport of a connection that goes nowhere: it keeps what is written, and what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.told: list[str] = []

    def write(self, data: Any) -> None:
        self.sent += bytes(data)

    def writelines(self, list_of_data: Any) -> None:
        self.sent += b"".join(list_of_data)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.told.append("set_protocol")

    def close(self) -> None:
        self.told.append("close")

    def abort(self) -> None:
        self.told.append("abort")

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.told.append("write_eof")

    def pause_reading(self) -> None:
        self.told.append("pause_reading")

    def resume_reading(self) -> None:
        self.told.append("resume_reading")

    def take(self) -> bytes:
        sent, self.sent = self.sent, b""
        return sent


class Above(asyncio.Protocol):
    """Who the plaintext is for."""

    def __init__(self, *, is_patient: bool = False) -> None:
        self.received: list[bytes] = []
        self.told: list[str] = []
        self.error: Exception | None = None
        self._is_patient = is_patient

    def data_received(self, data: bytes) -> None:
        self.received.append(data)

    def eof_received(self) -> bool:
        self.told.append("eof")
        return self._is_patient

    def connection_lost(self, exc: Exception | None) -> None:
        self.told.append("lost")
        self.error = exc

    def pause_writing(self) -> None:
        self.told.append("pause")

    def resume_writing(self) -> None:
        self.told.append("resume")


class Connected:
    """A client of the standard library and our stream, which has the server's role."""

    def __init__(
        self,
        endpoint: Endpoint | None = None,
        client: ssl.SSLContext | None = None,
        session: ssl.SSLSession | None = None,
        above: Above | None = None,
    ) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = client_context() if client is None else client
        self.client = context.wrap_bio(self.incoming, self.outgoing, session=session)
        self.below = Below()
        self.above = Above() if above is None else above
        self.failures: list[Exception | None] = []
        self.stream = TLSStream(endpoint or ServerEndpoint(server_context()), self._on_secured, self.failures.append)

    def _on_secured(self, stream: TLSStream) -> None:
        stream.set_protocol(self.above)

    def greet(self) -> bytes:
        """The ClientHello."""
        with contextlib.suppress(ssl.SSLWantReadError):
            self.client.do_handshake()
        return self.outgoing.read()

    def shake_hands(self) -> None:
        self.stream.take_over(self.below, self.greet())
        while True:
            self.incoming.write(self.below.take())
            try:
                self.client.do_handshake()
            except ssl.SSLWantReadError:
                self.stream.data_received(self.outgoing.read())
                continue
            if rest := self.outgoing.read():
                self.stream.data_received(rest)
            self.incoming.write(self.below.take())
            return

    def say(self, data: bytes) -> bytes:
        """What the client puts on the wire for it."""
        self.client.write(data)
        return self.outgoing.read()

    def hear(self) -> bytes:
        """What the client understands of all that was sent; raises what it raises at the end."""
        self.incoming.write(self.below.take())
        heard = b""
        while True:
            try:
                piece = self.client.read(65536)
            except ssl.SSLWantReadError:
                return heard
            if not piece:
                return heard
            heard += piece
