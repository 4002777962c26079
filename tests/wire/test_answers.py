"""Servers' answers as bytes: framing, whether the connection can serve again, and what is no answer at all."""

import pytest

from tests.wire.source import LIMIT, STEPS, Notes, read_answer
from trafficcop.errors import ProxyError
from trafficcop.http.h1_response import ResponseDecoder

OK = b"HTTP/1.1 200 OK\r\n"

# (bytes, is it HEAD) → status, body, complete, reusable
READ: list[tuple[bytes, bool, int, bytes, bool, bool]] = [
    (OK + b"Content-Length: 2\r\n\r\nab", False, 200, b"ab", True, True),
    (OK + b"Content-Length: 0\r\n\r\n", False, 200, b"", True, True),
    (OK + b"content-length: 2\r\nConnection: close\r\n\r\nab", False, 200, b"ab", True, False),
    (OK + b"Content-Length: 2\r\nConnection: x, close\r\n\r\nab", False, 200, b"ab", True, False),
    (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nab", False, 200, b"ab", True, False),
    (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nab", False, 200, b"ab", True, True),
    (OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x\r\nc\r\n0\r\n\r\n", False, 200, b"abc", True, True),
    (OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", False, 200, b"", True, True),
    (b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", False, 200, b"", True, True),
    (b"HTTP/1.1 299 \xe9t\xe9\r\nContent-Length: 0\r\n\r\n", False, 299, b"", True, True),
    (b"HTTP/1.1 999 x\r\nContent-Length: 0\r\n\r\n", False, 999, b"", True, True),
    # === no body whatever the fields say (RFC 9112 §6.3) ===
    (OK + b"Content-Length: 5\r\n\r\n", True, 200, b"", True, True),
    (OK + b"Transfer-Encoding: chunked\r\n\r\n", True, 200, b"", True, True),
    (OK + b"\r\n", True, 200, b"", True, True),
    (b"HTTP/1.1 204 No Content\r\n\r\n", False, 204, b"", True, True),
    (b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", False, 204, b"", True, True),
    (b"HTTP/1.1 304 Not Modified\r\n\r\n", False, 304, b"", True, True),
    (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", False, 304, b"", True, True),
    (b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", False, 304, b"", True, True),
    # === what servers in the field send ===
    (b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nab", False, 200, b"ab", True, False),
    (b"HTTP/1.1 200 OK\nA: b\nContent-Length: 2\n\nab", False, 200, b"ab", True, True),
    (OK + b"Host: a\r\nHost: b\r\nContent-Length: 0\r\n\r\n", False, 200, b"", True, True),
    # === heads that are repaired ===
    (OK + b"A: b\r\n\tc\r\nContent-Length: 2\r\n\r\nab", False, 200, b"ab", True, False),
    (OK + b"A:\r\n b\r\nContent-Length:\r\n 2\r\n\r\nab", False, 200, b"ab", True, False),
    (OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nab", False, 200, b"ab", True, False),
    (OK + b"Content-Length: 2, 2\r\n\r\nab", False, 200, b"ab", True, False),
    (
        OK + b"Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
        False,
        200,
        b"ab",
        True,
        False,
    ),
    (
        OK + b"Transfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n2\r\nab\r\n0\r\n\r\n",
        False,
        200,
        b"ab",
        True,
        False,
    ),
    (OK + b"A : b\r\nContent-Length\t: 2\r\n\r\nab", False, 200, b"ab", True, False),
    (OK + b"A b: c\r\nContent-Length: 2\r\n\r\nab", False, 200, b"ab", True, False),
    # === answers that the end of the connection ends ===
    (OK + b"\r\nabc", False, 200, b"abc", False, False),
    (b"HTTP/1.0 200 OK\r\n\r\nabc", False, 200, b"abc", False, False),
    (OK + b"Connection: keep-alive\r\n\r\nabc", False, 200, b"abc", False, False),
    # === answers that are not complete yet ===
    (OK + b"Content-Length: 5\r\n\r\nab", False, 200, b"ab", False, True),
    (OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", False, 200, b"ab", False, True),
]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(("raw", "is_head", "status", "body", "is_complete", "is_reusable"), READ)
def test_read(
    raw: bytes, is_head: bool, status: int, body: bytes, is_complete: bool, is_reusable: bool, step: int
) -> None:
    answer = read_answer(raw, step, is_head=is_head)
    assert (answer.failure, answer.status, answer.body) == (0, status, body)
    assert (answer.is_complete, answer.is_reusable, answer.is_whole) == (is_complete, is_reusable, is_complete)


COMPLETE = [row for row in READ if row[4]]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("rest", [b"garbage", OK + b"Content-Length: 0\r\n\r\n", b"\r\n\r\nx", b"\x00"])
@pytest.mark.parametrize(("raw", "is_head", "status", "body", "is_complete", "is_reusable"), COMPLETE)
def test_what_nobody_asked_for_spoils_the_connection(
    raw: bytes, is_head: bool, status: int, body: bytes, is_complete: bool, is_reusable: bool, rest: bytes, step: int
) -> None:
    answer = read_answer(raw + rest, step, is_head=is_head)
    assert (answer.status, answer.body, answer.is_whole) == (status, body, True)
    # A second answer in the read of the first is an error of its own: the connection is closed then too.
    assert not answer.is_reusable or answer.failure == 500


@pytest.mark.parametrize("step", STEPS)
def test_trailers(step: int) -> None:
    raw = (
        OK + b"Transfer-Encoding: chunked\r\nTrailer: X\r\n\r\n1\r\na\r\n0\r\nX: y\r\nConnection: z\r\nHost: q\r\n\r\n"
    )
    answer = read_answer(raw, step)
    assert (answer.body, answer.trailers, answer.is_complete) == (b"a", [(b"X", b"y")], True)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(
    "final", [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", b"HTTP/1.1 204 No Content\r\n\r\n"]
)
def test_informational_answers(final: bytes, step: int) -> None:
    raw = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\nContent-Length: 9\r\n\r\n" + final
    answer = read_answer(raw, step)
    assert answer.informational == [100, 103]
    assert answer.status in (200, 204)
    assert answer.is_complete
    assert answer.is_reusable


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("early", [b"", b"tunnelled"])
def test_switching_protocols(early: bytes, step: int) -> None:
    answer = read_answer(b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n" + early, step)
    assert (answer.status, answer.tunnel) == (101, early)
    assert not answer.is_reusable


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("framing", [b"Content-Length: 0", b"Content-Length: 5", b"Transfer-Encoding: chunked"])
def test_switching_has_no_body_whatever_the_fields_say(framing: bytes, step: int) -> None:
    head = b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: x\r\n" + framing + b"\r\n\r\n"
    for _ in range(3):  # nor is such a head one to remember
        answer = read_answer(head + b"tunnelled", step)
        assert (answer.status, answer.tunnel, answer.body) == (101, b"tunnelled", b"")
        assert not answer.is_reusable


@pytest.mark.parametrize("step", STEPS)
def test_switching_without_saying_to_what(step: int) -> None:
    answer = read_answer(b"HTTP/1.1 101 Switching\r\n\r\nabc", step)
    assert answer.tunnel is None
    assert not answer.is_reusable


REFUSED = [
    *(b"garbage\r\n\r\n", b"\x00", b"ICY 200 OK\r\n\r\n", b"HTTP/1.1 1000 x\r\n\r\n", b"HTTP/1.1 20 x\r\n\r\n"),
    *(
        b"HTTP/1.1 099 x\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1  200 OK\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
    ),
    OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    OK + b"Content-Length: -1\r\n\r\n",
    OK + b"Content-Length: a\r\n\r\n",
    OK + b"A: b\x00c\r\nContent-Length: 0\r\n\r\n",
    OK + b"A\x00: b\r\nContent-Length: 0\r\n\r\n",
    OK + b"A: b\rSet-Cookie: c\r\nContent-Length: 0\r\n\r\n",
    OK + b"Transfer-Encoding: chunked\r\n\r\nx\r\n",
    # Codings that nobody undoes here: what is below them would reach the client as if it were the content.
    OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    OK + b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    OK + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    OK + b"Transfer-Encoding: gzip\r\n\r\nabc",
    OK + b"Transfer-Encoding: identity\r\n\r\nabc",
    OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
    OK + b"A: " + b"b" * (LIMIT + 8192),
]


@pytest.mark.parametrize("raw", REFUSED, ids=[str(number) for number in range(len(REFUSED))])
def test_refused(raw: bytes) -> None:
    for step in (0, 1, 3) if len(raw) < 1000 else (60000,):
        assert read_answer(raw, step).failure == 500


# === the end of the connection ===


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("raw", [OK + b"\r\nabc", OK + b"Connection: close\r\n\r\nabc", b"HTTP/1.0 200 OK\r\n\r\nabc"])
def test_close_ends_a_body_without_a_length(raw: bytes, step: int) -> None:
    answer = read_answer(raw, step, closes=True)
    assert (answer.body, answer.is_complete, answer.is_reusable) == (b"abc", True, False)


@pytest.mark.parametrize("raw", [OK + b"\r\n", OK + b"Connection: close\r\n\r\n"])
def test_close_ends_an_empty_body(raw: bytes) -> None:
    answer = read_answer(raw, closes=True)
    assert (answer.body, answer.is_complete, answer.is_whole) == (b"", True, True)


@pytest.mark.parametrize(
    "raw",
    [OK + b"Content-Length: 5\r\n\r\nabc", OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nabc", OK + b"A: b\r\n", b""],
)
def test_close_cuts_off_any_other(raw: bytes) -> None:
    answer = read_answer(raw, closes=True)
    assert not answer.is_complete
    assert answer.is_in_head is raw.endswith(b"b\r\n")


def test_an_answer_before_any_request_is_nobodys() -> None:
    decoder = ResponseDecoder(Notes(), LIMIT)
    decoder.feed(OK + b"Content-Length: 0\r\n\r\n")
    assert decoder.response is None
    assert not decoder.is_reusable


def test_one_connection_serves_one_request_after_the_other() -> None:
    decoder = ResponseDecoder(Notes(), LIMIT)
    for is_head in (False, True, True, False):
        decoder.expect(is_head)
        decoder.feed(OK + b"Content-Length: 2\r\n\r\n" + (b"" if is_head else b"ab"))
        assert decoder.is_reusable
        assert decoder.response is not None
        assert decoder.response.body.length == 2


def test_a_long_stream_of_small_chunks_is_no_head() -> None:
    decoder = ResponseDecoder(Notes(), 1000)
    decoder.expect(False)
    decoder.feed(OK + b"Transfer-Encoding: chunked\r\n\r\n")
    for _ in range(5000):
        for piece in (b"1\r\n", b"a", b"\r\n"):
            decoder.feed(piece)
        assert decoder.body is not None
        assert decoder.body.take_available() == b"a"


def test_a_flood_of_lines_is_cut_off() -> None:
    decoder = ResponseDecoder(Notes(), 1000)
    decoder.expect(False)
    decoder.feed(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 800)
    with pytest.raises(ProxyError, match="malformed answer"):
        decoder.feed(b"A: b\r\n" * 800)
