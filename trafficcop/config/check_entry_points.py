"""What is wrong with entry points: addresses, networks, limits, and what they say about one another."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence

from trafficcop.config.address import Address, parse_address
from trafficcop.config.entry_points import EntryPoint

Finding = tuple[Sequence[str | int], str, bool]

_UNDERSCORES = ("keep", "delete", "reject")


def check_entry_points(entry_points: Mapping[str, EntryPoint]) -> Iterator[Finding]:
    """Findings about every entry point, by path."""
    taken: dict[Address, str] = {}
    for name, entry_point in entry_points.items():
        for below, message, is_warning in _entry_point(entry_point, taken, name):
            yield ("entryPoints", name, *below), message, is_warning


def _entry_point(entry_point: EntryPoint, taken: dict[Address, str], name: str) -> Iterator[Finding]:
    is_datagrams = False
    if not entry_point.address:
        yield ("address",), "an entry point needs an address such as :80", False
    else:
        try:
            address = parse_address(entry_point.address)
        except ValueError as error:
            yield ("address",), str(error), False
        else:
            is_datagrams = address.protocol == "udp"
            other = taken.setdefault(address, name)
            if other != name and address.port:
                yield ("address",), f"entry point twice: {str(address)!r} belongs to {other!r} already", False
    yield from _networks(("forwardedHeaders", "trustedIPs"), entry_point.forwarded_headers.trusted_ips)
    proxied = entry_point.proxy_protocol
    if proxied:
        yield from _networks(("proxyProtocol", "trustedIPs"), proxied.trusted_ips)
        if not (is_datagrams or proxied.insecure or proxied.trusted_ips):
            yield ("proxyProtocol",), "whom to believe? Give trustedIPs, or insecure: true for everybody", False
    if is_datagrams and entry_point.udp.timeout <= 0:
        yield ("udp", "timeout"), f"{entry_point.udp.timeout} must be greater than zero", False
    yield from _limits(entry_point)


def _networks(path: tuple[str, ...], networks: Sequence[str]) -> Iterator[Finding]:
    for index, network in enumerate(networks):
        try:
            ipaddress.ip_network(network, strict=False)
        except ValueError:
            yield (*path, index), f"{network!r} is not an IP address or network such as 10.0.0.0/8", False


def _limits(entry_point: EntryPoint) -> Iterator[Finding]:
    http2 = entry_point.http2
    numbers: list[tuple[tuple[str, ...], int]] = [
        (("http2", "maxConcurrentStreams"), http2.max_concurrent_streams),
        (("http2", "maxDecoderHeaderTableSize"), http2.max_decoder_header_table_size),
        (("http2", "maxEncoderHeaderTableSize"), http2.max_encoder_header_table_size),
    ]
    if entry_point.http3:
        numbers.append((("http3", "advertisedPort"), entry_point.http3.advertised_port))
    for path, number in numbers:
        if number < 0:
            yield path, f"{number} is negative", False
    strategy = entry_point.http.underscore_headers_strategy
    if strategy not in _UNDERSCORES:
        path = ("http", "underscoreHeadersStrategy")
        yield path, f"unknown strategy {strategy!r}: use keep, delete or reject", False
