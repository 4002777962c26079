"""The PROXY protocol in front of HTTP: who is believed, what is malformed, and bytes that come one by one."""

import struct
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.loopback import Scripted, fixed, router
from trafficcop.config.entry_points import EntryPoint, EntryPointProxyProtocol
from trafficcop.server.proxy_protocol import MalformedHeader, read_header

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
V1 = b"PROXY TCP4 203.0.113.7 127.0.0.1 4711 80\r\n"
ADDRESSES_4 = bytes([203, 0, 113, 7, 127, 0, 0, 1]) + struct.pack("!HH", 4711, 80)
ADDRESSES_6 = b"\x20\x01\x0d\xb8" + b"\x00" * 11 + b"\x01" + b"\x00" * 15 + b"\x01" + struct.pack("!HH", 4711, 80)


def v2(command: int, family: int, rest: bytes) -> bytes:
    return SIGNATURE + struct.pack("!BBH", command, family, len(rest)) + rest


NAMED = [
    (V1, b"203.0.113.7"),
    (b"PROXY TCP6 2001:db8::1 ::1 4711 80\r\n", b"2001:db8::1"),
    (v2(0x21, 0x11, ADDRESSES_4), b"203.0.113.7"),
    (v2(0x21, 0x11, ADDRESSES_4 + b"\x03\x00\x04abcd"), b"203.0.113.7"),
    (v2(0x21, 0x21, ADDRESSES_6), b"2001:db8::1"),
]
UNNAMED = [
    b"",
    b"PROXY UNKNOWN\r\n",
    b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n",
    v2(0x20, 0x00, b""),
    v2(0x20, 0x11, ADDRESSES_4),
    v2(0x21, 0x31, b"\x00" * 216),
]
MALFORMED = [
    b"PROXY TCP4 203.0.113.7\r\n",
    b"PROXY TCP4 2001:db8::1 ::1 1 2\r\n",
    b"PROXY TCP6 203.0.113.7 127.0.0.1 1 2\r\n",
    b"PROXY TCP4 203.0.113.999 127.0.0.1 1 2\r\n",
    b"PROXY TCP4 203.0.113.7 127.0.0.1 70000 2\r\n",
    b"PROXY TCP4 203.0.113.7 127.0.0.1 1 2\n",
    b"PROXY TCP4  203.0.113.7 127.0.0.1 1 2\r\n",
    b"PROXY UDP4 203.0.113.7 127.0.0.1 1 2\r\n",
    b"PROXY \r\n",
    b"PROXY TCP4 " + b"1" * 200,
    v2(0x11, 0x11, ADDRESSES_4),
    v2(0x22, 0x11, ADDRESSES_4),
    v2(0x21, 0x11, ADDRESSES_4[:-1]),
    v2(0x21, 0x21, ADDRESSES_4),
]


@pytest.mark.parametrize(("header", "address"), NAMED)
def test_named(header: bytes, address: bytes) -> None:
    for size in range(1, len(header)):
        assert read_header(header[:size]) is None
    found = read_header(header + GET)
    assert found is not None
    peer, size = found
    assert peer is not None
    assert (peer.ip, peer.port, size) == (address, 4711, len(header))


@pytest.mark.parametrize("header", UNNAMED)
def test_unnamed(header: bytes) -> None:
    assert read_header(header + GET) == (None, len(header))


def outcome(data: bytes) -> object:
    """What is known after these bytes."""
    try:
        found = read_header(data)
    except MalformedHeader:
        return "malformed"
    if found is None:
        return None
    peer, size = found
    return size if peer is None else (size, peer.text, peer.port, peer.local_address, peer.local_port)


@given(
    st.sampled_from([header for header, _ in NAMED] + UNNAMED + MALFORMED),
    st.lists(st.tuples(st.integers(0, 250), st.integers(0, 255)), max_size=3),
    st.binary(max_size=120),
)
def test_whatever_is_changed_the_first_verdict_stands(
    header: bytes, changes: list[tuple[int, int]], rest: bytes
) -> None:
    data = bytearray(header + rest)
    for position, byte in changes:
        if position < len(data):
            data[position] = byte
    verdicts = [outcome(bytes(data[:size])) for size in range(1, len(data) + 1)]
    known = [verdict for verdict in verdicts if verdict is not None]
    assert all(verdict == known[0] for verdict in known)
    assert not known or None not in verdicts[verdicts.index(known[0]) :]


@given(st.binary(min_size=1, max_size=300).filter(lambda data: data[:1] not in (b"P", b"\r")))
def test_what_begins_otherwise_has_no_header(data: bytes) -> None:
    assert outcome(data) == 0


@pytest.mark.parametrize("header", MALFORMED)
def test_malformed(header: bytes) -> None:
    with pytest.raises(MalformedHeader):
        read_header(header + GET)


def entry_point(**options: object) -> EntryPoint:
    return replace(EntryPoint(), proxy_protocol=replace(EntryPointProxyProtocol(), **options))


@pytest.mark.parametrize(
    ("options", "is_believed"),
    [
        ({"insecure": True}, True),
        ({"trusted_ips": ("127.0.0.0/8",)}, True),
        ({"trusted_ips": ("10.0.0.0/8",)}, False),
        ({}, False),
    ],
)
@pytest.mark.parametrize("is_split", [False, True])
async def test_through_the_router(options: dict[str, object], is_believed: bool, is_split: bool) -> None:
    server = Scripted(fixed())
    async with router(server, entry_point=entry_point(**options)) as loopback:
        for header, address in [*NAMED, *((header, b"127.0.0.1") for header in UNNAMED)]:
            client = await loopback.client()
            raw = header + GET
            for piece in [raw[place : place + 1] for place in range(len(raw))] if is_split else [raw]:
                await client.send(piece)
            assert (await client.answer())[0] == 200
            assert (await client.ask(GET))[0] == 200
            expected = address if is_believed else b"127.0.0.1"
            for head in server.heads[-2:]:
                assert b"\r\nX-Real-Ip: " + expected + b"\r\n" in head
                assert b"\r\nX-Forwarded-For: " + expected + b"\r\n" in head


@pytest.mark.parametrize("header", MALFORMED)
async def test_malformed_headers_close_the_connection(header: bytes) -> None:
    server = Scripted(fixed())
    async with router(server, entry_point=entry_point(insecure=True)) as loopback:
        assert await loopback.exchange(header + GET) == b""
        assert server.heads == []


async def test_without_the_option_a_header_is_no_http() -> None:
    async with router(Scripted(fixed())) as loopback:
        assert (await loopback.exchange(V1 + GET)).startswith(b"HTTP/1.1 400 ")
