"""Two engines over the same bytes: what the decoder reads, h11 reads alike."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.wire.oracle import read_by_h11
from tests.wire.source import Outcome, Read, read_requests

MANY = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
TOKEN = st.text("!#$%&'*+-.^_`|~09azAZ", min_size=1, max_size=6).map(str.encode)
VALUE = st.text('\t azAZ09,;="\\:/()é\x80', max_size=12).map(lambda text: text.encode("latin-1"))
TARGET = st.text("/az%?&=.-_~", max_size=8).map(str.encode)
PIECES = [
    *(b"GET / HTTP/1.1\r\n", b"POST / HTTP/1.1\r\n", b"GET  / HTTP/1.0\r\n", b"Host: a\r\n", b"Host: b\r\n", b"\r\n"),
    *(b"Content-Length: 3\r\n", b"Content-Length: 0\r\n", b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n"),
    *(b"Connection: keep-alive\r\n", b"abc", b"3\r\nabc\r\n", b"0\r\n\r\n", b"0\r\nX: y\r\n\r\n", b"3;a=b\r\nabc\r\n"),
    *(b"\n", b"\r", b" ", b"\x00", b":", b",", b"A: b\r\n", b" c\r\n", b"Expect: 100-continue\r\n", b"chunked"),
]
WHOLE = b"POST / HTTP/1.1\r\nHost: a\r\n"
HEADS = [
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    WHOLE + b"Content-Length: 3\r\n\r\nabc",
    WHOLE + b"Transfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\nX: y\r\n\r\n",
]


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    fields = [name + b":" + value + b"\r\n" for name, value in draw(st.lists(st.tuples(TOKEN, VALUE), max_size=4))]
    body = draw(st.binary(max_size=20))
    framing = draw(st.sampled_from(["none", "length", "chunked"]))
    if framing == "none":
        body = b""
    elif framing == "length":
        fields.append(b"Content-Length: %d\r\n" % len(body))
    else:
        fields.append(b"Transfer-Encoding: chunked\r\n")
        body = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    start = draw(st.sampled_from([b"GET", b"PUT"])) + b" /" + draw(TARGET) + b" HTTP/1.1\r\nHost: a\r\n"
    return start + b"".join(fields) + b"\r\n" + body


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """Good requests in which one place was changed."""
    raw = b"".join(draw(st.lists(st.sampled_from(HEADS), min_size=1, max_size=3)))
    place = draw(st.integers(0, len(raw)))
    removed = draw(st.integers(0, 3))
    return raw[:place] + draw(st.sampled_from([b"", *PIECES])) + raw[place + removed :]


def whole(outcome: Outcome) -> list[Read]:
    """The messages that are complete. llhttp keeps white space behind a value, h11 does not: neither means anything."""
    for message in outcome.messages:
        message.fields = [(name, value.strip()) for name, value in message.fields]
        message.trailers = [(name, value.strip()) for name, value in message.trailers]
    return [message for message in outcome.messages if message.is_whole]


@MANY
@given(st.lists(requests(), min_size=1, max_size=3), st.integers(0, 40))
def test_good_requests(raws: list[bytes], step: int) -> None:
    raw = b"".join(raws)
    mine, other = read_requests(raw, step), read_by_h11(raw)
    assert mine.status == other.status == 0
    assert len(mine.messages) == len(raws)
    assert whole(mine) == whole(other)


@MANY
@given(mutated() | st.lists(st.sampled_from(PIECES), max_size=14).map(b"".join), st.integers(0, 7))
def test_what_is_read_of_anything_is_read_alike(raw: bytes, step: int) -> None:
    # Each may be the stricter one; what must not be is that they see different requests in the same bytes.
    mine, other = whole(read_requests(raw, step)), whole(read_by_h11(raw))
    common = min(len(mine), len(other))
    assert mine[:common] == other[:common]
