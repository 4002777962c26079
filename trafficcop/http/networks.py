"""A set of IP networks, asked whether an address is in it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Networks:
    """Networks by IP version; addresses are text without port or zone. A v4-mapped v6 address counts as the v4 one."""

    __slots__ = ("_is_everything", "_networks")

    def __init__(self, networks: Iterable[_Network], *, is_everything: bool = False) -> None:
        self._is_everything = is_everything
        self._networks: dict[int, list[tuple[int, int]]] = {4: [], 6: []}
        for network in networks:
            self._networks[network.version].append((int(network.network_address), int(network.netmask)))

    @classmethod
    def of(cls, texts: Iterable[str], *, is_everything: bool = False) -> Networks:
        """From addresses and CIDRs; ValueError names the one that is neither."""
        return cls((parse_network(text) for text in texts), is_everything=is_everything)

    def has(self, address: str) -> bool:
        """False for what is no address (a Unix socket's peer, say), unless everything is in the set."""
        if self._is_everything:
            return True
        if not self._networks[4] and not self._networks[6]:
            return False
        try:
            parsed = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        if parsed.version == 6 and parsed.ipv4_mapped is not None:
            parsed = parsed.ipv4_mapped
        number = int(parsed)
        return any(number & mask == network for network, mask in self._networks[parsed.version])


def parse_network(text: str) -> _Network:
    """An address or CIDR; host bits may be set, as Go allows. A v4-mapped network becomes the v4 one.

    ValueError for any other text.
    """
    try:
        network = ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        raise ValueError(f"{text!r} is neither an IP address nor a CIDR such as 10.0.0.0/8") from None
    if network.version == 6:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None and network.prefixlen >= 96:
            return ipaddress.ip_network((mapped, network.prefixlen - 96))
    return network
