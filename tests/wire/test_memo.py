"""Heads that come again: read from memory, they must mean what they meant the first time."""

import pytest

from tests.wire import test_answers, test_requests
from tests.wire.source import Notes, read_answer, read_requests
from trafficcop.http import h1_memo
from trafficcop.http.h1 import RequestDecoder
from trafficcop.http.h1_response import ResponseDecoder

ROUNDS = 4
SIMPLE = b"GET /a?b HTTP/1.1\r\nHost: example.com\r\nAccept: */*\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nKeep-Alive: timeout=5\r\n\r\n"


@pytest.fixture(autouse=True)
def _forgetful() -> None:
    for memory in (h1_memo._requests, h1_memo._responses, h1_memo._seen):
        memory.clear()


@pytest.mark.parametrize("raw", [row[0] for row in test_requests.READ] + [row[1] for row in test_requests.REFUSED])
def test_requests_mean_the_same_each_time(raw: bytes) -> None:
    first, *others = [read_requests(raw) for _ in range(ROUNDS)]
    assert others == [first] * len(others)


@pytest.mark.parametrize(("raw", "is_head"), [row[:2] for row in test_answers.READ])
def test_answers_mean_the_same_each_time(raw: bytes, is_head: bool) -> None:
    first, *others = [read_answer(raw, is_head=is_head) for _ in range(ROUNDS)]
    assert others == [first] * len(others)
    assert read_answer(raw, is_head=not is_head) == read_answer(raw, is_head=not is_head)


@pytest.mark.parametrize("raw", test_answers.REFUSED)
def test_refused_answers_are_refused_each_time(raw: bytes) -> None:
    assert len({read_answer(raw).failure for _ in range(ROUNDS)}) == 1


def test_a_request_is_remembered_when_it_comes_the_second_time() -> None:
    decoder = RequestDecoder(Notes(), 10_000)
    found = []
    for _ in range(3):
        found.append(decoder.recall(SIMPLE) is not None)
        decoder.feed(SIMPLE)
    assert found == [False, False, True]
    assert decoder.recall(SIMPLE + SIMPLE) is None
    assert decoder.recall(SIMPLE[:-1]) is None


def test_what_is_remembered_is_not_shared() -> None:
    decoder = RequestDecoder(Notes(), 10_000)
    decoder.feed(SIMPLE)
    decoder.feed(SIMPLE)
    one, other = decoder.recall(SIMPLE), decoder.recall(SIMPLE)
    assert one is not None
    assert other is not None
    one.headers.set(b"Accept", b"text/plain")
    assert other.headers.fields == [(b"Accept", b"*/*")]
    answers = []
    for _ in range(3):
        reader = ResponseDecoder(Notes(), 10_000)
        reader.expect(is_head=False)
        reader.feed(ANSWER + b"ok")
        answers.append(reader.response)
    assert ANSWER in h1_memo._responses
    assert answers[1] is not None
    assert answers[2] is not None
    answers[2].headers.remove(b"Keep-Alive")
    assert answers[1].headers.hop == [(b"Keep-Alive", b"timeout=5")]


@pytest.mark.parametrize(
    "raw",
    [
        SIMPLE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),
        SIMPLE.replace(b"\r\n\r\n", b"\r\nConnection: x\r\n\r\n"),
        SIMPLE.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"),
        SIMPLE.replace(b"\r\n\r\n", b"\r\nContent-Length: 0\r\n\r\n"),
        SIMPLE.replace(b"\r\n\r\n", b"\r\nTe: trailers\r\n\r\n"),
        SIMPLE.replace(b"HTTP/1.1", b"HTTP/1.0"),
        SIMPLE.replace(b"*/*", b"x" * 3000),
    ],
)
def test_what_says_more_than_its_head_is_read_each_time(raw: bytes) -> None:
    for _ in range(ROUNDS):
        read_requests(raw)
    assert not h1_memo._requests


def test_nothing_is_recalled_inside_a_message() -> None:
    for _ in range(ROUNDS):
        read_requests(SIMPLE)
    assert SIMPLE in h1_memo._requests
    decoder = RequestDecoder(Notes(), 10_000)
    decoder.feed(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\n")
    assert decoder.recall(SIMPLE) is None
    decoder = RequestDecoder(Notes(), 10_000)
    decoder.feed(b"GET / HT")
    assert decoder.recall(SIMPLE) is None
    decoder = RequestDecoder(Notes(), 10_000)
    decoder.feed(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert decoder.recall(SIMPLE) is None


def test_memory_is_bounded() -> None:
    for number in range(3 * h1_memo._LIMIT):
        raw = b"GET /%d HTTP/1.1\r\nHost: example.com\r\n\r\n" % number
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: %d\r\n\r\n" % number
        for _ in range(2):
            read_requests(raw)
            read_answer(answer)
    for memory in (h1_memo._requests, h1_memo._responses, h1_memo._seen):
        assert 0 < len(memory) <= h1_memo._LIMIT
