"""HPACK beside the `hpack` library: each reads what the other writes, and both refuse the same."""

from __future__ import annotations

import hpack
import pytest
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hypothesis import given
from hypothesis import strategies as st

from trafficcop.http.h2.faults import ConnectionFault
from trafficcop.http.h2.hpack_decoder import HpackDecoder
from trafficcop.http.h2.hpack_encoder import HpackEncoder
from trafficcop.http.h2.huffman import CODES, decode_huffman, encode_huffman
from trafficcop.http.h2.tables import STATIC, encode_integer

LIMIT = 1 << 20

NAMES = st.sampled_from([b"accept", b"x-a", b"x-b", b"content-type", b"cookie", b"etag", b"a" * 40, b"set-cookie"])
VALUES = st.one_of(
    st.sampled_from([b"", b"text/plain", b"gzip, deflate", b"one", b"x" * 300]),
    st.binary(max_size=40).map(lambda data: bytes(byte % 94 + 33 for byte in data)),
)
SECTIONS = st.lists(st.lists(st.tuples(NAMES, VALUES), max_size=8), min_size=1, max_size=8)


def lines_of(fields: list[tuple[bytes, bytes]]) -> bytes:
    return b"".join(b"%b: %b\r\n" % field for field in fields)


def test_huffman_codes_are_those_of_the_rfc() -> None:
    assert list(zip(REQUEST_CODES, REQUEST_CODES_LENGTH, strict=True)) == CODES


def test_static_table_is_that_of_the_rfc() -> None:
    assert tuple(STATIC[1:]) == hpack.table.HeaderTable.STATIC_TABLE


@given(st.binary(max_size=200))
def test_huffman_there_and_back(data: bytes) -> None:
    assert decode_huffman(encode_huffman(data)) == data


@given(st.binary(max_size=40))
def test_huffman_refuses_what_hpack_refuses(data: bytes) -> None:
    try:
        expected = bytes(hpack.huffman_table.decode_huffman(data))
    except hpack.HPACKDecodingError:
        expected = None
    assert decode_huffman(data) == expected


@given(st.integers(0, 1 << 28), st.integers(4, 7))
def test_integers(value: int, bits: int) -> None:
    assert encode_integer(value, bits, 0) == bytes(hpack.hpack.encode_integer(value, bits))


@given(SECTIONS, st.sampled_from([0, 64, 4096]))
def test_hpack_reads_what_we_write(sections: list[list[tuple[bytes, bytes]]], limit: int) -> None:
    ours, other = HpackEncoder(limit), hpack.Decoder()
    for fields in sections:
        assert other.decode(ours.begin() + ours.encode_lines(lines_of(fields)), raw=True) == [
            (name, value.strip(b" \t")) for name, value in fields
        ]


@given(SECTIONS, st.lists(st.sampled_from([0, 50, 1000, 4096, 70000]), max_size=4))
def test_the_limit_of_the_table_follows_the_peer(sections: list[list[tuple[bytes, bytes]]], limits: list[int]) -> None:
    ours, other = HpackEncoder(4096), hpack.Decoder()
    for index, fields in enumerate(sections * 2):
        if index < len(limits):
            ours.change_limit(limits[index])
            other.max_allowed_table_size = max(limits[: index + 1])
        assert other.decode(ours.begin() + ours.encode_lines(lines_of(fields)), raw=True) == fields


@given(SECTIONS, st.booleans(), st.sampled_from([0, 64, 300, 4096]))
def test_we_read_what_hpack_writes(sections: list[list[tuple[bytes, bytes]]], huffman: bool, size: int) -> None:
    ours, other = HpackDecoder(4096, LIMIT), hpack.Encoder()
    for index, fields in enumerate(sections * 2):
        if index == 1:
            other.header_table_size = size
        assert ours.decode(other.encode(fields, huffman=huffman)) == fields


@given(st.lists(st.binary(max_size=60), max_size=4))
def test_garbage_is_read_alike(blocks: list[bytes]) -> None:
    ours, other = HpackDecoder(4096, LIMIT), hpack.Decoder(LIMIT)
    for block in blocks:
        try:
            expected = [(bytes(name), bytes(value)) for name, value in other.decode(block, raw=True)]
        except (hpack.HPACKError, IndexError):
            return  # what we make of it is another matter: we refuse a little more
        try:
            assert ours.decode(block) == expected
        except ConnectionFault:
            # hpack reads integers of any length.
            assert b"\x80\x80" in block or b"\xff" in block
            return


@pytest.mark.parametrize(
    "block",
    [
        b"\x80",  # index 0
        b"\xbe",  # an entry of an empty table
        b"\xff\xff\xff\xff\xff\x0f",  # far beyond
        b"\xff\x80\x80\x80\x80\x80\x80\x00",  # zeros without end
        b"\x82\x20",  # a change of size behind a field
        b"\x3f\xe2\x1f",  # larger than announced
        b"\x40",  # cut off before the name
        b"\x40\x01a",  # cut off before the value
        b"\x40\x01a\x05b",  # cut off inside the value
        b"\x40\x01a\x81\xff",  # padding that is no prefix of EOS is seven ones at most
        b"\x40\x01a\x84\xff\xff\xff\xff",  # EOS
        b"\x40\x01a\x81\x00",  # padding of zeros
    ],
)
def test_malformed_blocks(block: bytes) -> None:
    with pytest.raises(ConnectionFault, match="COMPRESSION_ERROR"):
        HpackDecoder(4096, LIMIT).decode(block)


def test_a_section_that_is_too_large_is_not_kept_but_read() -> None:
    other, ours = hpack.Encoder(), HpackDecoder(4096, 200)
    fields = [(b"x-%d" % number, b"y" * 30) for number in range(10)]
    assert len(ours.decode(other.encode(fields))) == 3
    assert ours.is_too_large
    assert ours.decode(other.encode(fields[-2:])) == fields[-2:]
    assert not ours.is_too_large


def test_what_comes_again_gets_an_entry_and_what_is_secret_never_does() -> None:
    encoder = HpackEncoder(4096)
    lines = b"X-Seen-Again: a value of some length\r\nSet-Cookie: secret=1\r\nEtag: abc\r\n"
    sizes = [len(encoder.encode_lines(lines)) for _ in range(4)]
    assert sizes[0] > sizes[2] == sizes[3]
    last = encoder.encode_lines(lines)
    assert b"secret=1" in last
    assert b"abc" in last
    fields = [(bytes(name), bytes(value)) for name, value in hpack.Decoder().decode(HpackEncoder(0).begin(), raw=True)]
    assert fields == []


def test_connection_fields_do_not_go_out() -> None:
    lines = (
        b"Connection: close\r\nKeep-Alive: 1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\nHost: a\r\nX: y\r\n"
    )
    assert hpack.Decoder().decode(HpackEncoder(4096).encode_lines(lines), raw=True) == [(b"x", b"y")]
