"""A health check over TCP: connect, say what is to be said, and compare what comes back."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence

from trafficcop.config.stream import TCPLoadBalancer, TCPServer, TCPServerHealthCheck
from trafficcop.control.checks.health import CheckFailed
from trafficcop.control.checks.terms import LONGEST
from trafficcop.errors import ProxyError
from trafficcop.plan.streams import TCPTransportPlan
from trafficcop.tcp.addresses import parse_address
from trafficcop.tcp.secured import Held, Unreachable, connect, hold
from trafficcop.tcp.server import Server
from trafficcop.tcp.terms import Relays, terms_of


class TCPProbe:
    """Asks one server, in the way in which streams reach it."""

    __slots__ = ("_address", "_config", "_expect", "_is_tls", "_send", "_terms")

    def __init__(
        self, server: TCPServer, balancer: TCPLoadBalancer, config: TCPServerHealthCheck, transport: TCPTransportPlan
    ) -> None:
        self._address = server.address
        self._is_tls = server.tls
        self._terms = terms_of(balancer, transport)
        self._config = config
        self._send = _usable(config.send)
        self._expect = _usable(config.expect)

    async def __call__(self) -> None:
        try:
            address = parse_address(self._address, self._config.port)
            server = Server(address, self._terms, Relays(_resolve), is_tls=self._is_tls)
            sock = await connect(server)
            try:
                held = await hold(server, sock)
            except BaseException:
                sock.close()
                raise
        except (ValueError, Unreachable, ProxyError, OSError) as error:
            raise CheckFailed(f"connecting to {self._address}: {error}") from error
        transport = held.transport
        if transport is None:
            raise CheckFailed(f"connecting to {self._address}: the connection was lost")
        try:
            await self._ask(held, transport)
        finally:
            transport.abort()

    async def _ask(self, held: Held, transport: asyncio.Transport) -> None:
        if self._send:
            transport.write(self._send)
        if not self._expect:
            return
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        reader.feed_data(held.early)
        if held.has_ended:
            reader.feed_eof()
        transport.resume_reading()
        try:
            answer = await reader.readexactly(len(self._expect))
        except asyncio.IncompleteReadError as error:
            answer = error.partial
        if answer != self._expect:
            raise CheckFailed(f"unexpected health check response: {answer[:32]!r}")


def _usable(text: str) -> bytes:
    """What is too long counts as not given."""
    data = text.encode()
    return data if len(data) <= LONGEST else b""


async def _resolve(host: str) -> Sequence[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]
