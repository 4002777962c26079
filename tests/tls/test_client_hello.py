from __future__ import annotations

import random
import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trafficcop.tls.client_hello import LIMIT, ClientHello, ClientHelloReader, MalformedHello, read_client_hello


def hello_of(name: str | None, alpn: list[str] | None = None, *, high: ssl.TLSVersion | None = None) -> bytes:
    """What OpenSSL says first."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    if alpn:
        context.set_alpn_protocols(alpn)
    if high:
        context.maximum_version = high
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def record(payload: bytes) -> bytes:
    return b"\x16\x03\x01" + len(payload).to_bytes(2, "big") + payload


def message(body: bytes) -> bytes:
    return b"\x01" + len(body).to_bytes(3, "big") + body


def extension(kind: int, value: bytes) -> bytes:
    return kind.to_bytes(2, "big") + len(value).to_bytes(2, "big") + value


def body(*extensions: bytes) -> bytes:
    joined = b"".join(extensions)
    return (
        b"\x03\x03" + bytes(32) + b"\x00" + b"\x00\x02\x13\x01" + b"\x01\x00" + len(joined).to_bytes(2, "big") + joined
    )


def name_list(name: bytes, kind: int = 0) -> bytes:
    entry = bytes([kind]) + len(name).to_bytes(2, "big") + name
    return len(entry).to_bytes(2, "big") + entry


def test_what_openssl_says() -> None:
    hello = read_client_hello(hello_of("WWW.Example.com", ["h2", "http/1.1"]))
    assert hello is not None
    assert hello.server_name == "www.example.com"
    assert hello.alpn == ("h2", "http/1.1")
    assert 29 in hello.groups
    assert hello.key_shares == (29,)
    assert not hello.wants_staple


def test_an_older_client_without_a_name() -> None:
    hello = read_client_hello(hello_of(None, high=ssl.TLSVersion.TLSv1_2))
    assert hello is not None
    assert (hello.server_name, hello.alpn, hello.key_shares) == ("", (), ())


def test_no_extensions_at_all() -> None:
    bare = b"\x03\x01" + bytes(32) + b"\x00\x00\x02\x00\x2f\x01\x00"
    hello = read_client_hello(record(message(bare)))
    assert hello is not None
    assert hello.server_name == ""


def test_a_staple_is_wanted() -> None:
    hello = read_client_hello(record(message(body(extension(5, b"\x01\x00\x00\x00\x00")))))
    assert hello is not None
    assert hello.wants_staple


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_byte_by_byte_in_segments_and_in_records(size: int) -> None:
    whole = hello_of("a.example.com", ["h2"])
    pieces = [whole[5:][start : start + size] for start in range(0, len(whole) - 5, size)]
    records = b"".join(map(record, pieces))
    for data in (whole, records):
        reader = ClientHelloReader()
        found: list[ClientHello | None] = [reader.feed(data[index : index + 1]) for index in range(len(data))]
        assert found[:-1] == [None] * (len(data) - 1)
        assert found[-1] is not None
        assert found[-1].server_name == "a.example.com"
        assert reader.received == data


def test_a_long_one() -> None:
    padding = extension(21, bytes(16000)) + extension(22, bytes(16000)) + extension(0, name_list(b"far.example.com"))
    payload = message(body(padding))
    data = b"".join(record(payload[start : start + 16384]) for start in range(0, len(payload), 16384))
    hello = read_client_hello(data)
    assert hello is not None
    assert hello.server_name == "far.example.com"
    assert read_client_hello(data[:-1]) is None


REFUSED = [
    b"GET / HTTP/1.1\r\n\r\n",
    b"\x16\x02\x00\x00\x10",  # no TLS version
    b"\x16\x03\x01\x00\x00",  # an empty record
    b"\x16\x03\x01\xff\xff",  # longer than a record may be
    b"\x16\x03\x01\x00\x05\x02",  # a ServerHello
    b"\x15\x03\x01\x00\x02\x02\x28",  # an alert
    record(b"\x01" + (LIMIT + 1).to_bytes(3, "big")),
    record(b"\x01\x00\x00\x05hello") + b"GET",
    record(message(b"hello")),
    record(message(body() + b"x")),
    record(message(body(b"\x00\x00\x00\x09ab"))),
    record(message(body(extension(0, name_list(b"example.com."))))),
    record(message(body(extension(0, name_list(b""))))),
    record(message(body(extension(0, name_list(b"a")[:-1])))),
    record(message(body(extension(16, b"\x00\x02\x00\x00")))),
    record(message(body(extension(16, b"\x00\x03\x05h2")))),
]


@pytest.mark.parametrize("data", REFUSED, ids=range(len(REFUSED)))
def test_what_is_none_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedHello):
        read_client_hello(data)


NAMES = [("bücher.EXAMPLE.com".encode(), "bücher.example.com"), (b"\xffExample", "\ufffdexample")]


@pytest.mark.parametrize(("sent", "name"), NAMES)
def test_a_name_may_be_of_any_bytes(sent: bytes, name: str) -> None:
    hello = read_client_hello(record(message(body(extension(0, name_list(sent))))))
    assert hello is not None
    assert hello.server_name == name


def test_names_of_another_kind_are_passed_over() -> None:
    entries = name_list(b"x", 7)[2:] + name_list(b"b.example.com")[2:]
    value = len(entries).to_bytes(2, "big") + entries
    hello = read_client_hello(record(message(body(extension(0, value)))))
    assert hello is not None
    assert hello.server_name == "b.example.com"


def test_whatever_is_changed_is_read_or_refused() -> None:
    whole = bytearray(hello_of("a.example.com", ["h2", "http/1.1"]))
    chance = random.Random(7)
    for _ in range(3000):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            read_client_hello(bytes(data))
        except MalformedHello:
            continue


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for given_bytes in (data, record(message(data)), record(message(body(data)))):
        try:
            read_client_hello(given_bytes)
        except MalformedHello:
            continue
