"""Addresses of entry points: `[host]:port[/tcp|/udp]` (Traefik `pkg/config/static/entrypoints.go`)."""

from __future__ import annotations

import ipaddress
import socket

from trafficcop.config.lazy import dataclass


@dataclass(frozen=True, slots=True)
class Address:
    """Where an entry point listens: an empty `host` means every interface, IPv4 and IPv6."""

    host: str
    port: int
    protocol: str = "tcp"

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" + ("/udp" if self.protocol == "udp" else "")


def parse_address(text: str) -> Address:
    """Read an address; ValueError says what is wrong with it."""
    place, slash, protocol = text.strip().partition("/")
    protocol = protocol.lower() if slash else "tcp"
    if protocol not in ("tcp", "udp"):
        raise ValueError(f"invalid protocol {protocol!r} in the address {text!r}: use /tcp or /udp")
    host, colon, port = place.rpartition(":")
    if not colon:
        raise ValueError(f"the address {text!r} has no port: write :80 or host:80")
    return Address(_host(host, text), _port(port, protocol, text), protocol)


def _host(host: str, text: str) -> str:
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        try:
            ipaddress.IPv6Address(host)
        except ValueError:
            raise ValueError(f"{host!r} in the address {text!r} is not an IPv6 address") from None
        return host
    if ":" in host:
        raise ValueError(f"the address {text!r} has too many colons: write an IPv6 address in brackets, [::1]:80")
    if any(character in host for character in " []"):
        raise ValueError(f"invalid host {host!r} in the address {text!r}")
    return host


def _port(port: str, protocol: str, text: str) -> int:
    number = _number(port, protocol)
    if number is None or number > 65535:
        raise ValueError(f"invalid port {port!r} in the address {text!r}: expected 0 to 65535, or a name such as https")
    return number


def _number(port: str, protocol: str) -> int | None:
    if port.isascii() and port.isdecimal():
        return int(port) if len(port.lstrip("0")) <= 5 else None
    try:
        return socket.getservbyname(port, protocol) if port.isascii() and port[:1].isalpha() else None
    except OSError:
        return None
