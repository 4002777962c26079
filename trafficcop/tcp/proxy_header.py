"""The PROXY header that tells a server who its client is (HAProxy `proxy-protocol.txt`), versions 1 and 2."""

from __future__ import annotations

import ipaddress
import struct
from typing import Final

_SIGNATURE: Final = b"\r\n\r\n\x00\r\nQUIT\n"
_PROXY: Final = 0x21
_LOCAL: Final = 0x20
_STREAM_V4: Final = 0x11
_STREAM_V6: Final = 0x21


def encode(version: int, source: tuple[str, int], destination: tuple[str, int]) -> bytes:
    """The header for a connection between two addresses; one that names nobody if they are no IP addresses."""
    try:
        client, ours = ipaddress.ip_address(source[0]), ipaddress.ip_address(destination[0])
    except ValueError:
        return b"PROXY UNKNOWN\r\n" if version == 1 else _SIGNATURE + struct.pack("!BBH", _LOCAL, 0, 0)
    if client.version != ours.version:
        client, ours = _as_v6(client), _as_v6(ours)
    if version == 1:
        return f"PROXY TCP{client.version} {client} {ours} {source[1]} {destination[1]}\r\n".encode()
    family = _STREAM_V4 if client.version == 4 else _STREAM_V6
    addresses = client.packed + ours.packed + struct.pack("!HH", source[1], destination[1])
    return _SIGNATURE + struct.pack("!BBH", _PROXY, family, len(addresses)) + addresses


def _as_v6(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv6Address:
    if isinstance(address, ipaddress.IPv6Address):
        return address
    return ipaddress.IPv6Address(b"\0" * 10 + b"\xff\xff" + address.packed)
