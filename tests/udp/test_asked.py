"""Ancillary data: from what came with a datagram to what goes with its answer."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trafficcop.udp.asked import reply_from


def v6(address: str, interface: int = 3) -> bytes:
    return socket.inet_pton(socket.AF_INET6, address) + interface.to_bytes(4, "little")


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (v6("2001:db8::1"), v6("2001:db8::1", 0)),
        (v6("::ffff:192.0.2.1"), v6("::ffff:192.0.2.1", 0)),
        (v6("fe80::1"), v6("fe80::1", 3)),
    ],
)
def test_ipv6(asked: bytes, expected: bytes):
    assert reply_from(asked) == [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, expected)]


@pytest.mark.parametrize("address", ["ff02::1", "::ffff:224.0.0.1", "::ffff:255.255.255.255"])
def test_groups_cannot_answer(address: str):
    assert reply_from(v6(address)) == []


def test_ipv4_answers_from_the_local_address_and_any_interface():
    asked = (7).to_bytes(4, "little") + bytes([192, 0, 2, 1]) + bytes([192, 0, 2, 255])
    assert reply_from(asked) == [(socket.IPPROTO_IP, 8, bytes(4) + bytes([192, 0, 2, 1]) + bytes(4))]
    assert reply_from(bytes(12)) == []


@given(st.binary(max_size=40))
def test_any_bytes(asked: bytes):
    for _, _, data in reply_from(asked):
        assert len(data) == len(asked)
