"""Requests as bytes: what is read, what is refused and with which status, however the bytes are cut."""

import pytest

from tests.wire.source import LIMIT, STEPS, Notes, Read, pieces, read_requests
from trafficcop.http.body import received_of
from trafficcop.http.h1 import RequestDecoder

GET = b"GET / HTTP/1.1\r\nHost: a\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
NEXT = b"GET /next HTTP/1.1\r\nHost: b\r\n\r\n"

START = (b"GET", b"/", b"a", b"1.1")


def body_of(data: bytes, trailers: list[tuple[bytes, bytes]] | None = None) -> Read:
    return Read((b"POST", b"/", b"a", b"1.1"), [], data, True, trailers or [])


def get(target: bytes = b"/", host: bytes = b"a", version: bytes = b"1.1", **rest: object) -> Read:
    message = Read((b"GET", target, host, version), [], b"", True, [])
    for name, value in rest.items():
        setattr(message, name, value)
    return message


READ: list[tuple[bytes, Read]] = [
    (GET + b"\r\n", get()),
    (b"\r\n\r\n" + GET + b"\r\n", get()),
    (GET + b"A: b\r\nB:c\r\nC:\t d \r\n\r\n", get(fields=[(b"A", b"b"), (b"B", b"c"), (b"C", b"d")])),
    (GET + b"A: \xc3\xa9\xff\r\n\r\n", get(fields=[(b"A", b"\xc3\xa9\xff")])),
    (GET + b"A:\r\n\r\n", get(fields=[(b"A", b"")])),
    # === target ===
    (b"GET http://b/x?y HTTP/1.1\r\nHost: a\r\n\r\n", get(b"http://b/x?y")),
    (b"GET /a?b=c?d#e HTTP/1.1\r\nHost: a\r\n\r\n", get(b"/a?b=c?d#e")),
    (b"GET /? HTTP/1.1\r\nHost: a\r\n\r\n", get(b"/?")),
    (b'GET /"<>\\^`{|} HTTP/1.1\r\nHost: a\r\n\r\n', get(b'/"<>\\^`{|}')),
    # === Host and version ===
    (b"GET / HTTP/1.1\r\nHost:\r\n\r\n", get(host=b"")),
    (b"GET / HTTP/1.1\r\nHost: \t a \t \r\n\r\n", get()),
    (b"GET / HTTP/1.2\r\nHost: a\r\n\r\n", get()),
    (b"GET / HTTP/1.0\r\n\r\n", get(host=b"", version=b"1.0", is_keep_alive=False)),
    (b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", get(host=b"", version=b"1.0")),
    (b"GET / HTTP/1.0\r\nConnection: x, keep-alive\r\n\r\n", get(host=b"", version=b"1.0")),
    (GET + b"Connection: close\r\n\r\n", get(is_keep_alive=False)),
    (GET + b"Connection: CLOSE \r\n\r\n", get(is_keep_alive=False)),
    (GET + b"Connection: x, close\r\n\r\n", get(is_keep_alive=False)),
    (GET + b"Connection: x\r\nConnection: close\r\n\r\n", get(is_keep_alive=False)),
    (GET + b"Connection: keep-alive, close\r\n\r\n", get(is_keep_alive=False)),
    (GET + b"Connection: closed\r\n\r\n", get()),
    # === bodies ===
    (POST + b"Content-Length: 0\r\n\r\n", body_of(b"")),
    (POST + b"Content-Length: 5\r\n\r\nhello", body_of(b"hello")),
    (POST + b"Content-Length:\t005 \t\r\n\r\nhello", body_of(b"hello")),
    (
        POST + b"Content_Length: 9\r\n\r\n",
        Read((b"POST", b"/", b"a", b"1.1"), [(b"Content_Length", b"9")], b"", True, []),
    ),
    (GET + b"Content-Length: 5\r\n\r\nhello", get(body=b"hello")),
    (CHUNKED + b"0\r\n\r\n", body_of(b"")),
    (CHUNKED + b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", body_of(b"hello world")),
    (CHUNKED + b"00000000000000000A\r\n0123456789\r\n000\r\n\r\n", body_of(b"0123456789")),
    (CHUNKED + b'5;a;b=c;d="e;\\"f"\r\nhello\r\n0;last\r\n\r\n', body_of(b"hello")),
    (POST + b"Transfer-Encoding: \tCHUNKED \r\n\r\n1\r\na\r\n0\r\n\r\n", body_of(b"a")),
    # === trailers ===
    (CHUNKED + b"1\r\na\r\n0\r\nX: y\r\nX: z\r\n\r\n", body_of(b"a", [(b"X", b"y"), (b"X", b"z")])),
    (CHUNKED + b"0\r\nX: y\r\n\r\n", body_of(b"", [(b"X", b"y")])),
    (CHUNKED + b"1\r\na\r\n0\r\nHost: b\r\nConnection: x\r\nTe: x\r\nUpgrade: y\r\n\r\n", body_of(b"a")),
    # === upgrades ===
    (GET + b"Connection: x, Upgrade\r\nUpgrade: a/1 \r\n\r\n", get(upgrade=b"a/1")),
    (GET + b"Connection: Upgrade\r\nUpgrade: a\r\nUpgrade: b\r\n\r\n", get(upgrade=b"a, b")),
    (GET + b"Upgrade: a\r\n\r\n", get()),
    (GET + b"Connection: Upgrade\r\n\r\n", get()),
    # A body before a tunnel: the upgrade is not asked for, the body is.
    (POST + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nab", body_of(b"ab")),
    (
        POST + b"Transfer-Encoding: chunked\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n1\r\na\r\n0\r\n\r\n",
        body_of(b"a"),
    ),
    (
        b"CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\n",
        Read((b"CONNECT", b"b:443", b"b:443", b"1.1"), [], b"", True, [], False),
    ),
]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(("raw", "expected"), READ)
def test_read(raw: bytes, expected: Read, step: int) -> None:
    outcome = read_requests(raw, step)
    assert outcome.status == 0
    assert outcome.messages == [expected]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(("raw", "expected"), READ)
def test_read_with_a_request_behind(raw: bytes, expected: Read, step: int) -> None:
    outcome = read_requests(raw + NEXT, step)
    assert outcome.status == 0
    if expected.upgrade is not None:
        assert outcome.messages == [expected]
        assert outcome.leftover == NEXT
    elif expected.is_keep_alive:
        assert outcome.messages == [expected, get(b"/next", b"b")]
    else:
        assert outcome.messages == [expected]


# Each with the status of the refusal. None of these is a request that a server may see.
REFUSED: list[tuple[int, bytes]] = [
    # === two ways to tell the length (RFC 9112 §6.1, §6.3) ===
    (400, POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    (400, POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"),
    (400, POST + b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    (400, POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"),
    (400, POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello"),
    (400, POST + b"Content-Length: 5\r\nContent-length: 0\r\n\r\nhello"),
    *(
        (400, POST + b"Content-Length: " + value + b"\r\n\r\nhello")
        for value in (
            *(
                b"5, 5",
                b"5,5",
                b"5 5",
                b"5;a",
                b"+5",
                b"-5",
                b"0x5",
                b"5.0",
                b"5e0",
                b"",
                b" ",
                b"a",
                b"\xd9\xa5",
                b"1_0",
            ),
            *(b"99999999999999999999", b"18446744073709551616", b'"5"', b"5\x0b", b"\x0c5"),
        )
    ),
    # === Transfer-Encoding that is not exactly `chunked` ===
    *(
        (501, POST + b"Transfer-Encoding: " + value + b"\r\n\r\n0\r\n\r\n")
        for value in (
            *(
                b"",
                b"identity",
                b"gzip",
                b"chunked, foo",
                b"chunked, chunked",
                b"chunked,",
                b",chunked",
                b"gzip, chunked",
            ),
            *(
                b"identity, chunked",
                b"chunked;a=b",
                b'"chunked"',
                b"xchunked",
                b"chunkedx",
                b"chunked\xff",
                b"c hunked",
            ),
        )
    ),
    (501, POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    (501, POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n"),
    (501, POST + b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    (501, b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    (400, POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n"),
    (400, POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"),
    (400, POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
    (400, POST + b"Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n"),
    (400, POST + b"\x0bTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    (400, POST + b"X: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    (400, POST + b"X: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    # === lines and names ===
    (400, b"GET / HTTP/1.1\nHost: a\r\n\r\n"),
    (400, b"GET / HTTP/1.1\rHost: a\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n"),
    *(
        (400, GET + line + b"\r\n\r\n")
        for line in (
            *(
                b"A: b\n",
                b"A: b\nB: c",
                b"A: b\r",
                b"A: b\rB: c",
                b"A: b\r\r\nB: c",
                b"A: b\r\n c",
                b"A: b\r\n\tc",
                b" A: b",
            ),
            *(b"A : b", b"A\t: b", b"A b: c", b": b", b"A", b"A(: b", b"A\x00: b", b"A\xff: b", b"A\x7f: b", b'"A": b'),
            *(b"A: \x00", b"A: b\x01", b"A: b\x1f", b"A: b\x7f", b"A: b\x0b", b"A: b\x0c"),
        )
    ),
    (400, GET + b"\n"),
    (400, GET + b"\rX"),
    # === start line ===
    *(
        (400, line + b"\r\nHost: a\r\n\r\n")
        for line in (
            *(
                b"GET /",
                b"GET",
                b"GET / ",
                b"GET / HTTP",
                b"GET / HTTP/",
                b"GET / HTTP/1",
                b"GET / HTTP/1.",
                b"GET / HTTP/1.10",
            ),
            *(
                b"GET / HTTP/01.1",
                b"GET / HTTP/1.1 ",
                b"GET / HTTP/1.1 x",
                b"GET / http/1.1",
                b"GET / HTTP/11",
                b"GET / XTTP/1.1",
            ),
            *(
                b"GET / HTTP/0.9",
                b"GET / HTTP/a.b",
                b"GET\t/ HTTP/1.1",
                b"GET\x00/ HTTP/1.1",
                b" GET / HTTP/1.1",
                b"G(T / HTTP/1.1",
            ),
            *(
                b"GET /a b HTTP/1.1",
                b"GET foo HTTP/1.1",
                b"GET /\x00 HTTP/1.1",
                b"GET /\x01 HTTP/1.1",
                b"GET /\x7f HTTP/1.1",
            ),
            *(
                b"GET /\t HTTP/1.1",
                b"/ HTTP/1.1",
                b"GET / HTTP/1.1\x00",
                b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            ),
        )
    ),
    (505, b"GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
    (505, b"GET / HTTP/3.0\r\nHost: a\r\n\r\n"),
    (505, b"GET / HTTP/0.1\r\nHost: a\r\n\r\n"),
    (400, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    # === Host ===
    (400, b"GET / HTTP/1.1\r\n\r\n"),
    (400, b"GET / HTTP/1.2\r\n\r\n"),
    (400, GET + b"Host: a\r\n\r\n"),
    (400, GET + b"Host: b\r\n\r\n"),
    (400, b"GET / HTTP/1.0\r\nHost: a\r\nhost: b\r\n\r\n"),
    (417, POST + b"Expect: a\r\nContent-Length: 1\r\n\r\n"),
    # === chunks, refused before anybody has seen the head ===
    *(
        (400, CHUNKED + body)
        for body in (
            *(
                b"\r\n",
                b"g\r\n",
                b" 5\r\nhello",
                b"\t5\r\nhello",
                b"5 \r\nhello",
                b"5 ;a\r\nhello",
                b"+5\r\nhello",
                b"-1\r\n",
                b"0x5\r\nhello",
            ),
            *(
                b"fffffffffffffffff\r\n",
                b"10000000000000000\r\n",
                b"5\nhello",
                b"5\rhello",
                b"5\r\rhello",
                b";a\r\n",
                b"5,5\r\nhello",
            ),
            *(
                b"5;a\nb\r\nhello",
                b"5;a\x00\r\nhello",
                b"5;a\rb\r\nhello",
                b'5;a="\n"\r\nhello',
                b"5;a=\x00\r\n",
                b"5;\r\nhello",
            ),
            *(
                b"0\n\r\n",
                b"0\r\n\n",
                b"0\r\n\r\r",
                b"0\r\nX : y\r\n\r\n",
                b"0\r\nX: y\n\r\n",
                b"0\r\nX: y\r\n z\r\n\r\n",
                b"0\r\n: y\r\n\r\n",
            ),
            *(
                b"0\r\nContent-Length: 5\r\n\r\n",
                b"0\r\nX\r\n\r\n",
                b"0\r\nX: \x00\r\n\r\n",
                b"1\r\nab\r\n0\r\n\r\n",
                b"1\r\na\n0\r\n\r\n",
            ),
            *(b"1\r\na0\r\n\r\n", b"1\r\na\r0\r\n\r\n", b"2\r\na\r\n0\r\n\r\n"),
        )
    ),
]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(("status", "raw"), REFUSED)
def test_refused(status: int, raw: bytes, step: int) -> None:
    outcome = read_requests(raw, step)
    assert outcome.status == status
    assert outcome.messages == []


@pytest.mark.parametrize(("status", "raw"), REFUSED)
def test_refused_behind_a_good_one(status: int, raw: bytes) -> None:
    outcome = read_requests(NEXT + raw + NEXT)
    assert outcome.status == status
    assert outcome.messages == [get(b"/next", b"b")]


@pytest.mark.parametrize("raw", [GET + b"Connection: close\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n"])
@pytest.mark.parametrize("rest", [NEXT, b"garbage", b"\x00", b"GET / HTTP/9"])
@pytest.mark.parametrize("step", STEPS)
def test_nothing_is_read_after_the_last_request(raw: bytes, rest: bytes, step: int) -> None:
    outcome = read_requests(raw + rest, step)
    assert outcome.status == 0
    assert len(outcome.messages) == 1
    assert outcome.leftover == b""


def test_many_in_one_read() -> None:
    outcome = read_requests((CHUNKED + b"1\r\na\r\n0\r\n\r\n" + NEXT) * 500)
    assert outcome.messages == [body_of(b"a"), get(b"/next", b"b")] * 500


def test_many_upgrades_with_bodies_in_one_read() -> None:
    one = POST + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 1\r\n\r\na"
    assert read_requests(one * 2000).messages == [body_of(b"a")] * 2000


@pytest.mark.parametrize("size", [65535, 65536, 65537, 200000])
@pytest.mark.parametrize("step", [0, 1000, 65536])
@pytest.mark.parametrize("head", [POST, POST + b"Connection: Upgrade\r\nUpgrade: h2c\r\n"])
def test_a_long_body_and_what_follows(head: bytes, size: int, step: int) -> None:
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    outcome = read_requests(head + b"Content-Length: %d\r\n\r\n" % size + body + NEXT, step)
    assert outcome.status == 0
    assert outcome.messages == [body_of(body), get(b"/next", b"b")]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(
    ("raw", "size"),
    [
        (CHUNKED + b"3\r\nabc\r\n0\r\n\r\n", 3),
        (CHUNKED + b"3\r\nabc\r\n2\r\nde\r\n0\r\nX: y\r\n\r\n", 5),
        (CHUNKED + b"0\r\nX: y\r\n\r\n", 0),
        (POST + b"Content-Length: 2\r\n\r\nab", 2),
        (GET + b"\r\n", 0),
    ],
)
def test_how_much_came_is_known_afterwards(raw: bytes, size: int, step: int) -> None:
    """Also of a body that nobody knows the length of beforehand: logs and metrics tell it."""
    decoder = RequestDecoder(Notes(), LIMIT)
    for piece in pieces(raw, step):
        decoder.feed(piece)
    body = decoder.ready[0].body
    body.take_available()
    assert received_of(body) == size
