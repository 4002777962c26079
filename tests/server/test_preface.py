"""The first bytes of connections: whatever they are and in whatever pieces they come, the same one gets all of them."""

from __future__ import annotations

import asyncio
import itertools
import ssl
from typing import Any, cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.secure import client_context, long_hello
from trafficcop.http.messages import Peer
from trafficcop.http.networks import Networks
from trafficcop.http.streams import StreamHandler
from trafficcop.rules.tcp_matchers import TCPFacts
from trafficcop.server.entry_routes import EntryRoutes, StreamMatch
from trafficcop.server.preface import Preface
from trafficcop.server.proxy_protocol import ProxyProtocol

SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
PROXY = b"PROXY TCP4 192.0.2.7 198.51.100.1 56789 5432\r\n"
H2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"


def hello_of(name: str) -> bytes:
    outgoing = ssl.MemoryBIO()
    try:
        client_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name).do_handshake()
    except ssl.SSLWantReadError:
        return outgoing.read()
    raise AssertionError("a handshake without a server")


HELLO, OTHER, LONG = hello_of("db.example.com"), hello_of("other.example.com"), long_hello("db.example.com")


class Wire:
    """A client's connection. `told` is what we have written to it, `received` what its last owner got."""

    def __init__(self) -> None:
        self.told = b""
        self.owner = ""
        self.received = b""
        self.is_closed = False

    def write(self, data: bytes) -> None:
        self.told += data

    def close(self) -> None:
        self.is_closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.is_closed

    def get_extra_info(self, name: str, default: object = None) -> object:
        return ("203.0.113.9", 4711) if name == "peername" else default

    def set_protocol(self, protocol: object) -> None:
        """Its owner is asked by hand."""


class Web(asyncio.Protocol):
    """Whoever speaks HTTP."""

    def __init__(self, wire: Wire, owner: str) -> None:
        self._wire = wire
        wire.owner = owner

    def data_received(self, data: bytes) -> None:
        self._wire.received += data


class Streams:
    """TCP routers: one for a name, passed through, and if `has_plain` one for a client that a PROXY header names."""

    def __init__(self, *, has_plain: bool) -> None:
        self.is_immediate = False
        self._has_plain = has_plain

    def match_plain(self, facts: TCPFacts) -> StreamHandler | None:
        return cast("StreamHandler", "plain") if self._has_plain and facts.peer_ip == "192.0.2.7" else None

    def match_tls(self, facts: TCPFacts) -> StreamMatch | None:
        if facts.server_name != "db.example.com":
            return None
        handler = cast("StreamHandler", f"tls for {facts.peer_ip}")
        return StreamMatch(handler, is_catch_all=False, is_passthrough=True, tls_options="")


class Doors:
    """As much of a listener as a preface needs."""

    read_timeout = 60.0

    def __init__(self, wire: Wire, *, has_plain: bool) -> None:
        self._wire = wire
        self.routes = EntryRoutes(cast("Any", None), cast("Any", None), Streams(has_plain=has_plain))

    def add(self, connection: object) -> None:
        """Nobody counts."""

    discard = add

    def connect(self, peer: Peer | None, *, is_h2: bool = False) -> Web:
        return Web(self._wire, "h2" if is_h2 else "http")

    def relay(self, handler: object, transport: object, received: bytes, peer: Peer) -> None:
        self._wire.owner = str(handler)
        self._wire.received += received


def outcome(pieces: list[bytes], *, is_proxied: bool = False, has_plain: bool = False) -> tuple[str, bytes, bytes]:
    """Who got the connection, all that they got, and what the client was told."""
    wire = Wire()
    doors = Doors(wire, has_plain=has_plain)
    trusted = ProxyProtocol(Networks.of((), is_everything=True)) if is_proxied else None
    preface = Preface(cast("Any", doors), trusted)
    preface.connection_made(cast("asyncio.Transport", wire))
    for piece in pieces:
        if wire.owner:
            wire.received += piece
        elif not wire.is_closed:
            preface.data_received(piece)
    if wire.is_closed:
        return "closed", b"", wire.told
    return wire.owner or "waiting", wire.received, wire.told


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in itertools.pairwise(edges)]


OPENINGS = [
    (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "http"),
    (H2, "h2"),
    (b"PRX", "http"),
    (HELLO, "tls for 203.0.113.9"),
    (LONG, "tls for 203.0.113.9"),
    (OTHER, "closed"),
    (SSL_REQUEST, "waiting"),
    (SSL_REQUEST + HELLO, "tls for 203.0.113.9"),
    (SSL_REQUEST + OTHER, "closed"),
    (SSL_REQUEST + SSL_REQUEST, "closed"),
    (b"\x00\x00\x00\x08\x04\xd2\x16\x30", "http"),
    (b"\x16\x03\x01\x00\x05\x02\x00\x00\x00\x00", "closed"),
    (b"\x16\x03\x01\xff\xff\x01", "closed"),
]


@pytest.mark.parametrize(("data", "owner"), OPENINGS)
def test_byte_by_byte(data: bytes, owner: str) -> None:
    whole = outcome([data])
    assert whole[0] == owner
    assert outcome([data[place : place + 1] for place in range(len(data))]) == whole
    assert outcome([PROXY, data], is_proxied=True)[0] == owner.replace("203.0.113.9", "192.0.2.7")


@pytest.mark.parametrize("data", [b"x", b"GET / HTTP/1.1\r\n\r\n", H2, b"\x00\x00"])
def test_a_router_without_tls_takes_what_is_plain(data: bytes) -> None:
    owner, received, _ = outcome([PROXY + data + b"more"], is_proxied=True, has_plain=True)
    assert (owner, received) == ("plain", data + b"more")


@given(
    st.sampled_from([data for data, _ in OPENINGS]) | st.binary(min_size=1, max_size=60),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=3),
    st.binary(max_size=20),
    st.lists(st.integers(0, 20_000), max_size=12),
    st.booleans(),
    st.booleans(),
)
@example(H2, [(50, 0)], b"", [50], True, False)  # what began like HTTP/2 and is none
def test_pieces_make_no_difference(
    data: bytes, changes: list[tuple[int, int]], rest: bytes, places: list[int], is_proxied: bool, has_plain: bool
) -> None:
    changed = bytearray((PROXY if is_proxied else b"") + data + rest)
    for position, byte in changes:
        if position < len(changed):
            changed[position] = byte
    whole = outcome([bytes(changed)], is_proxied=is_proxied, has_plain=has_plain)
    assert outcome(cut(bytes(changed), places), is_proxied=is_proxied, has_plain=has_plain) == whole
