"""Addresses of entry points."""

from __future__ import annotations

import pytest

from trafficcop.config.address import Address, parse_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (":80", Address("", 80)),
        ("0.0.0.0:80", Address("0.0.0.0", 80)),
        ("example.com:65535/tcp", Address("example.com", 65535)),
        ("[::1]:443/UDP", Address("::1", 443, "udp")),
        (":0", Address("", 0)),
        (":0080", Address("", 80)),
        (":https", Address("", 443)),
        ("127.0.0.1:domain/udp", Address("127.0.0.1", 53, "udp")),
    ],
)
def test_addresses(text: str, address: Address):
    assert parse_address(text) == address
    assert parse_address(str(address)) == address


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("80", "no port"),
        ("", "no port"),
        (":", "invalid port"),
        (":nosuchservice", "invalid port"),
        (":65536000000", "invalid port"),
        (":65536", "invalid port"),
        (":-1", "invalid port"),
        (":８０", "invalid port"),
        ("::1:80", "in brackets"),
        ("[::g]:80", "not an IPv6 address"),
        ("a b:80", "invalid host"),
        (":80/", "invalid protocol"),
        (":80/sctp", "invalid protocol 'sctp'"),
    ],
)
def test_wrong_addresses(text: str, said: str):
    with pytest.raises(ValueError, match=said):
        parse_address(text)
