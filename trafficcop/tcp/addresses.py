"""`host:port` as Go's `net.SplitHostPort` reads it, and what to connect to if the host is an address already."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass

# What `socket.connect` takes: (host, port), for IPv6 with flow and scope.
SocketAddress = tuple[str, int] | tuple[str, int, int, int]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What a socket can be connected to without a look at a name."""

    family: socket.AddressFamily
    address: SocketAddress


@dataclass(frozen=True, slots=True)
class Address:
    """`endpoint`: None if the host is a name that has to be looked up."""

    text: str
    host: str
    port: int
    endpoint: Endpoint | None


def parse_address(text: str, port: int = 0) -> Address:
    """ValueError for what is no `host:port`. `port`, if given, replaces the one in the text."""
    host, colon, written = text.rpartition(":")
    if not colon:
        raise ValueError(f"address {text}: missing port in address")
    is_bracketed = host.startswith("[") and host.endswith("]")
    if ":" in host and not is_bracketed:
        raise ValueError(f"address {text}: too many colons in address")
    host = host[1:-1] if is_bracketed else host
    if not port:
        port = _port(text, written)
    return Address(text, host, port, endpoint(host or "127.0.0.1", port))


def _port(text: str, written: str) -> int:
    if not written:
        return 0
    if written.isascii() and written.isdigit() and int(written) < 65536:
        return int(written)
    try:
        return socket.getservbyname(written, "tcp")  # Go's dialer takes names too
    except OSError:
        raise ValueError(f"address {text}: unknown port {written!r}") from None


def endpoint(host: str, port: int) -> Endpoint | None:
    """The endpoint of an address; None if the host is a name."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv4Address):
        return Endpoint(socket.AF_INET, (host, port))
    scope = address.scope_id
    if not scope:
        return Endpoint(socket.AF_INET6, (host, port, 0, 0))
    try:
        number = int(scope) if scope.isdigit() else socket.if_nametoindex(scope)
    except OSError:
        number = 0
    return Endpoint(socket.AF_INET6, (host.partition("%")[0], port, 0, number))
