"""The PROXY protocol, version 1 and 2 (HAProxy `proxy-protocol.txt`): who the client of a load balancer's client is."""

from __future__ import annotations

import ipaddress
import re
import struct
from typing import Final

from trafficcop.config.entry_points import EntryPointProxyProtocol
from trafficcop.http.messages import Peer
from trafficcop.http.networks import Networks

_V1_LIMIT: Final = 107
# IPv4 and IPv6: two addresses and two ports; what is more are extensions.
_V2_LENGTHS: Final = {1: 12, 2: 36}
_V2_SIGNATURE: Final = b"\r\n\r\n\x00\r\nQUIT\n"
_V1: Final = re.compile(rb"PROXY (?:UNKNOWN[^\r\n]*|(TCP[46]) (\S+) (\S+) (\d{1,5}) (\d{1,5}))\r\n")


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
    source, local = _address(found[2], version), _address(found[3], version)
    port, local_port = int(found[4]), int(found[5])
    if port > 65535 or local_port > 65535:
        raise MalformedHeader
    return Peer(source, port, local_address=local, local_port=local_port), end + 1


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
    if length < _V2_LENGTHS.get(family >> 4, 0):
        raise MalformedHeader
    if family >> 4 == 1:
        port, local_port = struct.unpack_from("!HH", data, 24)
        local = str(ipaddress.IPv4Address(data[20:24]))
        return Peer(str(ipaddress.IPv4Address(data[16:20])), port, local_address=local, local_port=local_port), size
    if family >> 4 == 2:
        port, local_port = struct.unpack_from("!HH", data, 48)
        local = str(ipaddress.IPv6Address(data[32:48]))
        return Peer(str(ipaddress.IPv6Address(data[16:32])), port, local_address=local, local_port=local_port), size
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
