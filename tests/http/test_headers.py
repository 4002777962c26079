"""What is known of names of fields, whatever clients make up."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trafficcop.http.headers import MANAGED, UNDERSCORE, Headers, _indexes, bits_of, is_option, learn


def test_a_flood_of_names_does_not_fill_the_table_for_good() -> None:
    for number in range(20000):
        learn(b"x-flood-%d" % number)
    learn(b"Connection")
    assert bits_of(b"Connection") == learn(b"connection")
    assert bits_of(b"x-flood-0") is None


def test_long_names_are_not_remembered() -> None:
    learn(b"x" * 64)
    assert bits_of(b"x" * 64) is None


def test_roles() -> None:
    assert not any(map(is_option, (b"", b"te", b"content-length", b"host")))
    assert is_option(b"x-made-up")
    assert bits_of(b"x-made-up") is None
    assert learn(b"X_Forwarded_For") & MANAGED
    assert learn(b"X_Forwarded_For") & UNDERSCORE


def test_names_compare_without_case_and_keep_their_spelling() -> None:
    headers = Headers.of([(b"A", b"1"), (b"Te", b"x"), (b"a", b"2"), (b"B", b"3")])
    assert (headers.get(b"a"), headers.get_all(b"A"), headers.hop) == (b"1", [b"1", b"2"], [(b"Te", b"x")])
    headers.set(b"a", b"4")
    assert list(headers) == [(b"B", b"3"), (b"a", b"4"), (b"Te", b"x")]
    assert headers.remove(b"TE")
    assert not headers.remove(b"te")
    assert b"b" in headers
    assert b"c" not in headers


def test_a_tail_is_part_of_the_fields_as_soon_as_somebody_looks() -> None:
    headers = Headers([(b"A", b"1")])
    headers.append_lines(b"B: 2\r\n")
    assert headers.encode() == b"A: 1\r\nB: 2\r\n"
    assert headers.get(b"b") == b"2"
    assert headers.fields == [(b"A", b"1"), (b"B", b"2")]
    assert headers.encode() == b"A: 1\r\nB: 2\r\n"


def test_a_block_is_fields_as_soon_as_somebody_looks() -> None:
    block = b"A: 1\r\nb:  2 \r\nA: 3\r\n"
    headers = Headers.of_block(block, None)
    headers.append_lines(b"T: 4\r\n")
    copy = headers.copy()
    assert headers.encode() == block + b"T: 4\r\n"
    assert [headers.get(name) for name in (b"a", b"B", b"t", b"c")] == [b"1", b"2", b"4", None]
    assert headers.encode() == block + b"T: 4\r\n"  # a look at one field changes nothing
    assert headers.fields == [(b"A", b"1"), (b"b", b"2"), (b"A", b"3"), (b"T", b"4")]
    headers.remove(b"a")
    assert headers.encode() == b"b: 2\r\nT: 4\r\n"
    assert copy.encode() == block + b"T: 4\r\n"  # what is remembered of a head is never changed


_NAMES = st.sampled_from([b"A", b"a", b"Ab", b"b", b"B", b"Te", b"A-b"])
_FIELDS = st.lists(st.tuples(_NAMES, st.sampled_from([b"", b"1", b"a: b", b"b"])), max_size=6)
_CHANGES: dict[str, Callable[[Headers, bytes], object]] = {
    "remove": lambda headers, name: headers.remove(name),
    "set": lambda headers, name: headers.set(name, b"new"),
    "add": lambda headers, name: headers.add(name, b"new"),
    "prepend": lambda headers, name: headers.prepend(name, b"new"),
    "nothing": lambda headers, name: None,
}


@given(_FIELDS, _FIELDS, _NAMES, st.sampled_from(list(_CHANGES)), st.booleans())
def test_lines_and_fields_say_the_same(
    first: list[tuple[bytes, bytes]], more: list[tuple[bytes, bytes]], name: bytes, change: str, is_met: bool
) -> None:
    first, more = ([field for field in given if field[0] != b"Te"] for given in (first, more))
    block = Headers(first).encode()
    lines, fields = Headers.of_block(block, None), Headers([*first, *more])
    lines.append_lines(Headers(more).encode())
    if is_met:
        lines.get(b"x")  # a block that is met again is looked into in another way
        lines.get(b"x")
    assert _CHANGES[change](lines, name) == _CHANGES[change](fields, name)
    for asked in (b"A", b"ab", b"B", b"te", b"c", b"a-b"):
        assert (lines.get(asked), lines.get_all(asked)) == (fields.get(asked), fields.get_all(asked))
        for part in (b"1", b"b", b"new"):
            lower = asked.lower()
            values = [value for field, value in fields.fields if part in value and field.lower() == lower]
            assert lines.values_with(lower, part) == fields.values_with(lower, part) == values
    assert list(lines) == list(fields)


@pytest.mark.parametrize("count", [1, 3, 2000])
def test_a_flood_of_blocks_is_not_remembered(count: int) -> None:
    for number in range(count):
        headers = Headers.of_block(b"A: %d\r\n" % number, None)
        assert [headers.get(b"a") for _ in range(3)] == [b"%d" % number] * 3
    assert len(_indexes) <= 512
    long = Headers.of_block(b"A: %b\r\n" % (b"x" * 4000), None)
    assert long.get(b"a") == long.get(b"a") == b"x" * 4000
    assert b"A: %b\r\n" % (b"x" * 4000) not in _indexes
