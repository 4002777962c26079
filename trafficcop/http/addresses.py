"""IP addresses as numbers, and ranges of them, so that to compare them is arithmetic.

IPv4 is 0 to 2³²-1, IPv6 has bit 128 set, so that the two never meet; IPv4 in IPv6 (`::ffff:192.0.2.1`) is IPv4.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final

IPV6: Final = 1 << 128
UNKNOWN: Final = 1 << 130  # what is no address at all; it is in no range

_PREFIX_LENGTH: Final = re.compile(r"/[0-9]{1,3}\Z", re.ASCII)

Range = tuple[int, int]  # mask and network: an address is in it if `address & mask == network`


def address_number(text: str) -> int:
    """The number of an address; UNKNOWN for other texts. A zone (`%eth0`) does not count."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return UNKNOWN
    if isinstance(address, ipaddress.IPv4Address):
        return int(address)
    mapped = address.ipv4_mapped
    return int(address) | IPV6 if mapped is None else int(mapped)


def address_range(text: str) -> Range:
    """An address or a CIDR range, as Go's `net.ParseIP` and `net.ParseCIDR` read them; ValueError for other texts."""
    network = _network(text)
    if isinstance(network, ipaddress.IPv4Network):
        return -1 << (32 - network.prefixlen), int(network.network_address)
    mask = -1 << (128 - network.prefixlen)
    mapped = network.network_address.ipv4_mapped
    if mapped is not None and network.prefixlen >= 96:
        return mask, int(mapped)
    return mask, int(network.network_address) | IPV6


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    is_plain = "/" not in text or _PREFIX_LENGTH.search(text) is not None  # 10.0.0.0/255.0.0.0 is Python's alone
    if is_plain and "%" not in text:
        try:
            return ipaddress.ip_network(text, strict=False)
        except ValueError:
            pass
    raise ValueError(f"{text!r} is neither an IP address nor a CIDR range")
