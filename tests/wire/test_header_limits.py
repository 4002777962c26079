"""Limits of heads and trailers (431), in one piece and in many, and never for what only stands beside them."""

import pytest

from tests.wire.source import LIMIT, Notes, read_requests
from trafficcop.errors import ProxyError
from trafficcop.http.h1 import RequestDecoder

SLACK = 4096
NEXT = b"GET /next HTTP/1.1\r\nHost: b\r\n\r\n"


def head(size: int, start: bytes = b"GET / HTTP/1.1\r\nHost: a\r\n") -> bytes:
    """A head of that many bytes, in lines of at most 1000."""
    left = size - len(start) - 2
    lines = []
    while left > 0:
        length = 1000 if left >= 2000 else left
        lines.append(b"X: " + b"y" * (length - 5) + b"\r\n")
        left -= length
    return start + b"".join(lines) + b"\r\n"


@pytest.mark.parametrize("limit", [1000, LIMIT])
@pytest.mark.parametrize("step", [0, 999, 65536])
def test_heads_within_the_limit(limit: int, step: int) -> None:
    size = limit + SLACK - 200
    outcome = read_requests(NEXT + head(size) + NEXT, step, limit)
    assert outcome.status == 0
    assert len(outcome.messages) == 3


@pytest.mark.parametrize("limit", [1000, LIMIT])
@pytest.mark.parametrize("step", [0, 999, 65536])
@pytest.mark.parametrize(
    "before", [b"", NEXT, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5000]
)
def test_heads_beyond_the_limit(limit: int, step: int, before: bytes) -> None:
    outcome = read_requests(before + head(limit + SLACK + 1200) + NEXT, step, limit)
    assert outcome.status == 431
    assert len(outcome.messages) == (1 if before else 0)


def test_a_head_that_began_in_a_read_with_something_else() -> None:
    # The reads are cut so that neither the first nor the second holds more than the limit of the head alone.
    raw = head(9000)
    cut = 4000
    decoder = RequestDecoder(Notes(), 1000)
    decoder.feed(NEXT + raw[:cut])
    with pytest.raises(ProxyError, match="header fields too large"):
        decoder.feed(raw[cut:])
    assert [request.target for request in decoder.ready] == [b"/next"]


@pytest.mark.parametrize("step", [0, 50, 70000])
def test_bodies_and_pipelines_are_no_part_of_a_head(step: int) -> None:
    body = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100000
    chunks = (
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + b"64\r\n" + b"y" * 100 + b"\r\n0\r\n\r\n"
    )
    outcome = read_requests(NEXT * 200 + body + chunks * 50 + NEXT, step, 100)
    assert outcome.status == 0
    assert len(outcome.messages) == 252


def test_the_lines_of_many_chunks_are_no_head() -> None:
    chunk = b"1;a=bcdefghijklmnopqrstuvwxyz\r\nx\r\n"
    raw = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * 2000 + b"0\r\n\r\n"
    outcome = read_requests(raw, 1, 100)
    assert outcome.status == 0
    assert outcome.messages[0].body == b"x" * 2000


@pytest.mark.parametrize("step", [1, 999])
def test_a_flood_of_a_chunk_extension(step: int) -> None:
    raw = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"a" * 20000
    outcome = read_requests(raw, step, 1000)
    assert outcome.status == 431
    assert outcome.messages == []


@pytest.mark.parametrize("step", [0, 1, 999])
@pytest.mark.parametrize("chunks", [b"", b"1\r\na\r\n"])
def test_a_flood_of_trailers(step: int, chunks: bytes) -> None:
    raw = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n" + b"X: y\r\n" * 2000
    outcome = read_requests(raw + b"\r\n" + NEXT, step, 1000)
    assert outcome.status == 431
    assert outcome.messages == []


def test_a_flood_of_empty_lines_before_a_request() -> None:
    assert read_requests(b"\r\n" * 20000, 999, 1000).status == 431
