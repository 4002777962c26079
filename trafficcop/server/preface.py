"""What may come before HTTP on a connection: the PROXY protocol, version 1 and 2 (HAProxy `proxy-protocol.txt`).

The first bytes are looked at here and nowhere else; a TCP router on the same entry point will look at them here too.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import struct
from collections.abc import Callable
from time import monotonic
from typing import cast

from trafficcop.config.entry_points import EntryPointProxyProtocol
from trafficcop.http.deadlines import NEVER, Deadlines
from trafficcop.http.messages import Peer
from trafficcop.http.networks import Networks
from trafficcop.server.peer import peer_of

_V1_LIMIT = 107
_V2_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
_V1 = re.compile(rb"PROXY (?:UNKNOWN[^\r\n]*|(TCP[46]) (\S+) (\S+) (\d{1,5}) (\d{1,5}))\r\n")


class MalformedHeader(Exception):
    """The connection began as a PROXY header and went on as something else."""


def read_header(data: bytes) -> tuple[Peer | None, int] | None:
    """(client, size of the header), None while bytes are missing. No header at all: (None, 0).

    The client is None too where the header names none (`UNKNOWN`, `LOCAL`): the connection's own peer counts.
    """
    if data.startswith(_V2_SIGNATURE[: len(data)]):
        return _read_v2(data) if len(data) >= 16 else None
    if data.startswith(b"PROXY "[: len(data)]):
        return _read_v1(data)
    return None, 0


def _read_v1(data: bytes) -> tuple[Peer | None, int] | None:
    end = data.find(b"\n", 0, _V1_LIMIT)
    if end < 0:
        if len(data) >= _V1_LIMIT:
            raise MalformedHeader
        return None
    found = _V1.fullmatch(data[: end + 1])
    if found is None:
        raise MalformedHeader
    if found[1] is None:
        return None, end + 1
    version = 4 if found[1] == b"TCP4" else 6
    source, port = _address(found[2], version), int(found[4])
    _address(found[3], version)
    if port > 65535 or int(found[5]) > 65535:
        raise MalformedHeader
    return Peer(source, port), end + 1


def _address(text: bytes, version: int) -> str:
    try:
        address = ipaddress.ip_address(text.decode("ascii"))
    except ValueError:
        raise MalformedHeader from None
    if address.version != version:
        raise MalformedHeader
    return str(address)


def _read_v2(data: bytes) -> tuple[Peer | None, int] | None:
    command, family, length = struct.unpack_from("!BBH", data, 12)
    if command not in (0x20, 0x21):
        raise MalformedHeader
    size = 16 + length
    if len(data) < size:
        return None
    if command == 0x20:
        return None, size
    if family >> 4 == 1 and length >= 12:
        (port,) = struct.unpack_from("!H", data, 24)
        return Peer(str(ipaddress.IPv4Address(data[16:20])), port), size
    if family >> 4 == 2 and length >= 36:
        (port,) = struct.unpack_from("!H", data, 48)
        return Peer(str(ipaddress.IPv6Address(data[16:32])), port), size
    return None, size


class ProxyProtocol:
    """Whose PROXY headers are believed."""

    __slots__ = ("_trusted",)

    def __init__(self, trusted: Networks) -> None:
        self._trusted = trusted

    @classmethod
    def of(cls, option: EntryPointProxyProtocol | None) -> ProxyProtocol | None:
        if option is None:
            return None
        return cls(Networks.of(option.trusted_ips, is_everything=option.insecure))

    def client_of(self, header: Peer | None, peer: Peer) -> Peer:
        """The header's client if the peer may name one: an untrusted peer's header is read and ignored."""
        return header if header is not None and self._trusted.has(peer.text) else peer


class PrefaceConnection(asyncio.Protocol):
    """A connection until its first bytes are understood; then the HTTP connection takes over."""

    def __init__(
        self,
        proxy_protocol: ProxyProtocol,
        connect: Callable[[Peer], asyncio.Protocol],
        timeout: float,
        deadlines: Deadlines,
    ) -> None:
        self._proxy_protocol = proxy_protocol
        self._connect = connect
        self._timeout = timeout
        self._deadlines = deadlines
        self._transport: asyncio.Transport | None = None
        self._data = b""
        self.deadline = NEVER

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.deadline = monotonic() + self._timeout
        self._deadlines.members.add(self)

    def data_received(self, data: bytes) -> None:
        transport = self._transport
        if transport is None:
            return
        self._data += data
        try:
            found = read_header(self._data)
        except MalformedHeader:
            transport.abort()
            return
        if found is None:
            return
        header, size = found
        self._deadlines.members.discard(self)
        protocol = self._connect(self._proxy_protocol.client_of(header, peer_of(transport)))
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        if size < len(self._data):
            protocol.data_received(self._data[size:])

    def connection_lost(self, exc: Exception | None) -> None:
        self._deadlines.members.discard(self)

    def on_deadline(self) -> None:
        self.deadline = NEVER
        if self._transport is not None:
            self._transport.abort()
