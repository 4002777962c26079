"""TLS to one server: the handshake on a connected socket, and what its failures mean."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import cast

from trafficcop.errors import Kind, ProxyError
from trafficcop.tls.client import ServerTrust, client_context, wrong_peer
from trafficcop.tls.engine import ClientEndpoint, StandardEngine
from trafficcop.tls.stream import TLSStream

HANDSHAKE_SECONDS = 10.0  # as in Traefik, no option

# Given the protocol that the server has chosen by ALPN ("" for none), what speaks it.
Choose = Callable[[str], asyncio.Protocol]


class Security:
    """How connections of a pool are secured. The context is made when first needed, and kept; sessions are resumed."""

    __slots__ = ("_endpoint", "_last", "_name", "_protocols", "_trust")

    def __init__(self, trust: ServerTrust, host: str, protocols: tuple[str, ...]) -> None:
        self._trust = trust
        self._name = (trust.server_name or host).partition("%")[0].rstrip(".")
        self._protocols = protocols
        self._endpoint: ClientEndpoint | None = None
        self._last: StandardEngine | None = None  # of the latest connection: it may hold a ticket for the next

    async def start(self, sock: socket.socket, choose: Choose) -> None:
        """Do the handshake and connect what `choose` gives. ProxyError when it fails: no request has been sent."""
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[None] = loop.create_future()

        def secured(stream: TLSStream) -> None:
            engine = cast("StandardEngine", stream.engine)
            reason = wrong_peer(self._trust, engine)
            if reason:
                stream.abort()
                failed(ProxyError(Kind.UNTRUSTED, reason, is_retryable=True))
                return
            self._last = engine
            protocol = choose(engine.selected_alpn_protocol() or "")
            stream.set_protocol(protocol)
            protocol.connection_made(stream)
            if not outcome.done():
                outcome.set_result(None)

        def failed(error: Exception | None) -> None:
            if not outcome.done():
                outcome.set_exception(_failure(error))

        try:
            stream = TLSStream(self._open(), secured, failed)
        except (OSError, ValueError) as error:
            raise _failure(error) from None
        await loop.create_connection(lambda: cast("asyncio.Protocol", stream), sock=sock)
        try:
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                await outcome
        except TimeoutError:
            text = f"no TLS handshake in {HANDSHAKE_SECONDS:.0f} s"
            raise ProxyError(Kind.TIMEOUT, text, is_retryable=True) from None
        finally:
            if not outcome.done() or outcome.cancelled():
                stream.abort()

    def _open(self) -> ClientEndpoint:
        endpoint = self._endpoint
        if endpoint is None:
            endpoint = self._endpoint = ClientEndpoint(client_context(self._trust, self._protocols), self._name or None)
        if self._last is not None:
            endpoint.session, self._last = self._last.session, None
        return endpoint


def _failure(error: Exception | None) -> ProxyError:
    """Our doubts are 500 and the server's are 502, as in Traefik (`pkg/proxy/httputil/proxy.go`)."""
    if isinstance(error, ProxyError):
        return error
    if isinstance(error, ssl.SSLCertVerificationError):
        return ProxyError(Kind.UNTRUSTED, f"certificate: {error.verify_message}", is_retryable=True)
    if error is None or isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return ProxyError(Kind.SERVER_CLOSED, "the server closed during the TLS handshake", is_retryable=True)
    if isinstance(error, ssl.SSLError):
        reason = error.reason or str(error)
        kind = Kind.UNREACHABLE if "_ALERT_" in reason else Kind.UNTRUSTED
        return ProxyError(kind, f"TLS: {reason.lower().replace('_', ' ')}", is_retryable=True)
    if isinstance(error, OSError):
        return ProxyError(Kind.SERVER_CLOSED, f"TLS handshake: {error}", is_retryable=True)
    return ProxyError(Kind.UNTRUSTED, f"TLS: {error}", is_retryable=True)
