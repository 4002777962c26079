"""Runs of blanks, as long as a head may be: read once, not once from each of them."""

from __future__ import annotations

import pytest

from trafficcop.http.chunked import ChunkedReader
from trafficcop.http.h1_repair import repaired

BLANKS = b" \t" * 100_000


@pytest.mark.parametrize(
    ("value", "expected"), [(b"", b""), (b" \ta\t ", b"a"), (b" a b", b"a b"), (b"  ", b""), (b"\xff", b"\xff")]
)
def test_the_value_of_a_trailer_has_no_blanks_around_it(value: bytes, expected: bytes) -> None:
    reader = ChunkedReader(1000)
    assert reader.read(b"0\r\nA:" + value + b"\r\n\r\nrest", []) == b"rest"
    assert reader.trailers == [(b"A", expected)]


def test_many_blanks_in_a_trailer() -> None:
    reader = ChunkedReader(1_000_000)
    blanks = BLANKS[:16_000]
    for _ in range(20):
        reader.read(b"0\r\n"[: 0 if reader.trailers else 3] + b"A: a" + blanks + b"b\r\n", [])
    assert reader.trailers == [(b"A", b"a" + blanks + b"b")] * 20


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"a \r\n b", b"a b"),
        (b"a\n\t \r\n b", b"a b"),
        (b"a\r\n b  c \t\r\n d", b"a b  c d"),
        (BLANKS + b"a\r\n b", BLANKS + b"a b"),
        (b"a" + BLANKS + b"\r\n" + BLANKS + b"b", b"a b"),
    ],
)
def test_lines_that_are_continued(value: bytes, expected: bytes) -> None:
    assert repaired(b"HTTP/1.1 200 OK\r\nA: " + value) == b"HTTP/1.1 200 OK\r\nA: " + expected
