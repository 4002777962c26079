"""A client and a server of ours talk to each other: messages, windows, ends."""

from __future__ import annotations

import pytest

from tests.http.h2.pair import Heard, Pair
from trafficcop.http.h2 import faults, frames
from trafficcop.http.h2.faults import ConnectionFault
from trafficcop.http.h2.terms import CONNECTION_WINDOW, STREAM_WINDOW, Terms

SIZES = [0, 1, 7]


@pytest.fixture(params=SIZES)
def pair(request: pytest.FixtureRequest) -> Pair:
    return Pair(size=request.param)


def answer(stream: Heard, status: int = 200, lines: bytes = b"", body: bytes | None = None) -> None:
    stream.write_head(stream.session.encoder.response_head(status, lines), body is None)
    if body is not None:
        stream.write_data(body, True)


def test_a_request_and_its_answer(pair: Pair) -> None:
    mine = pair.ask(b"accept: */*\r\ncookie: a=1\r\ncookie: b=2\r\n", path=b"/x?y")
    pair.talk()
    (theirs,) = pair.server.accepted
    head = theirs.heads[0]
    assert (head.method, head.scheme, head.authority, head.path) == (b"GET", b"http", b"example.com", b"/x?y")
    assert head.fields.block == b"accept: */*\r\ncookie: a=1; b=2\r\n"
    assert theirs.is_ended
    answer(theirs, 404, b"Content-Type: text/plain\r\nconnection: close\r\n", b"not here")
    pair.talk()
    assert (mine.heads[0].status, mine.body, mine.is_ended) == (404, b"not here", True)
    assert mine.heads[0].fields.block == b"content-type: text/plain\r\n"
    assert (pair.client.session.streams, pair.server.session.streams) == ({}, {})
    assert (pair.client.closed, pair.server.closed) == ([1], [1])


def test_a_hundred_at_once(pair: Pair) -> None:
    mine = [pair.ask(b"x-number: %d\r\n" % number) for number in range(100)]
    pair.talk()
    for theirs in reversed(pair.server.accepted):
        answer(theirs, 200, b"", theirs.heads[0].fields.block)
    pair.talk()
    assert [stream.body for stream in mine] == [b"x-number: %d\r\n" % number for number in range(100)]


def test_heads_of_more_than_one_frame(pair: Pair) -> None:
    lines = b"".join(b"x-%d: %b\r\n" % (number, b"v" * 1000) for number in range(40))
    pair.ask(lines)
    pair.talk()
    assert pair.server.accepted[0].heads[0].fields.block == lines


def test_informational_answers_and_trailers(pair: Pair) -> None:
    mine = pair.ask(method=b"POST", is_last=False)
    mine.write_data(b"up", False)
    mine.write_trailers([(b"X-Up", b"1"), (b"Connection", b"close")])
    pair.talk()
    theirs = pair.server.accepted[0]
    assert (theirs.body, theirs.trailers) == (b"up", [(b"x-up", b"1")])
    theirs.write_head(theirs.session.encoder.response_head(103, b"Link: <a>\r\n"), False)
    theirs.write_head(theirs.session.encoder.response_head(200, b""), False)
    theirs.write_data(b"down", False)
    theirs.write_trailers([(b"Grpc-Status", b"0")])
    pair.talk()
    assert (mine.informational, mine.body, mine.trailers) == ([103], b"down", [(b"grpc-status", b"0")])


def test_an_upload_waits_for_its_reader() -> None:
    pair = Pair()
    mine = pair.ask(method=b"POST", is_last=False)
    data = b"0123456789" * 200_000
    mine.write_data(data, True)
    pair.talk()
    theirs = pair.server.accepted[0]
    assert len(theirs.body) == STREAM_WINDOW
    assert mine.is_congested
    while not theirs.is_ended:
        before = len(theirs.body)
        theirs.consumed(theirs.unread)
        pair.talk()
        assert len(theirs.body) > before
    assert theirs.body == data
    assert not mine.is_congested
    assert mine.settled > 0


def test_streams_share_the_window_of_the_connection() -> None:
    pair = Pair()
    mine = [pair.ask(method=b"POST", is_last=False) for _ in range(4)]
    for stream in mine:
        stream.write_data(b"x" * STREAM_WINDOW, True)
    pair.talk()
    theirs = pair.server.accepted
    got = [len(stream.body) for stream in theirs]
    assert sum(got) == CONNECTION_WINDOW
    # One that is never read does not stop the others for good once the reader leaves.
    theirs[0].discarded(theirs[0].unread)
    for stream in theirs[1:]:
        stream.consumed(stream.unread)
    pair.talk()
    for stream in theirs:
        stream.consumed(stream.unread)
    pair.talk()
    assert all(len(stream.body) == STREAM_WINDOW for stream in theirs[1:])


def test_answers_that_nobody_reads_do_not_stop_others() -> None:
    pair = Pair()
    for _ in range(20):
        mine = pair.ask()
        pair.talk()
        pair.server.accepted[-1].write_head(b"\x88", False)
        pair.server.accepted[-1].write_data(b"x" * 2 * STREAM_WINDOW, True)
        pair.talk()
        assert len(mine.body) == STREAM_WINDOW
    mine = pair.ask()
    pair.talk()
    pair.server.accepted[-1].write_head(b"\x88", False)
    pair.server.accepted[-1].write_data(b"ok", True)
    pair.talk()
    assert (mine.body, mine.is_ended) == (b"ok", True)


def test_a_body_without_a_head_is_no_answer() -> None:
    pair = Pair()
    mine = pair.ask()
    pair.talk()
    pair.server.accepted[-1].write_data(b"x", True)
    pair.talk()
    assert (mine.body, mine.code) == (b"", faults.PROTOCOL_ERROR)
    assert pair.client.session.streams == {}


def test_what_was_not_read_of_a_closed_stream_is_given_back() -> None:
    pair = Pair()
    for _ in range(10):
        mine = pair.ask(method=b"POST", is_last=False)
        mine.write_data(b"x" * STREAM_WINDOW, False)
        pair.talk()
        assert len(pair.server.accepted[-1].body) == STREAM_WINDOW
        pair.server.accepted[-1].reset()
        pair.talk()
        assert mine.code == faults.CANCEL


def test_small_windows_of_the_peer() -> None:
    pair = Pair()
    session = pair.server.session
    settings = frames.settings_frame({frames.INITIAL_WINDOW_SIZE: 3})
    pair.client.session._out.append(settings)
    mine = pair.ask()
    pair.talk()
    theirs = pair.server.accepted[0]
    answer(theirs, body=b"0123456789")
    pair.talk()
    assert mine.body == b"012"
    pair.client.session._out.append(frames.window_update_frame(1, 4))
    pair.talk()
    assert mine.body == b"0123456"
    pair.client.session._out.append(frames.settings_frame({frames.INITIAL_WINDOW_SIZE: 1}))
    pair.talk()
    assert theirs.send_window == -2
    pair.client.session._out.append(frames.settings_frame({frames.INITIAL_WINDOW_SIZE: 100}))
    pair.talk()
    assert (mine.body, mine.is_ended) == (b"0123456789", True)
    assert session.blocked == {}


def test_a_congested_transport_holds_everything_back() -> None:
    pair = Pair()
    mine = [pair.ask() for _ in range(3)]
    pair.talk()
    session = pair.server.session
    session.is_congested = True
    for theirs in pair.server.accepted:
        theirs.write_head(session.encoder.response_head(200, b""), False)
        theirs.write_data(b"a" * 20000, False)
        theirs.write_trailers([(b"x", b"y")])
    pair.talk()
    assert [stream.body for stream in mine] == [b""] * 3
    session.resume()
    session.settle()
    pair.talk()
    assert [(len(stream.body), stream.trailers) for stream in mine] == [(20000, [(b"x", b"y")])] * 3


def test_drain_lets_open_streams_end() -> None:
    pair = Pair()
    mine = pair.ask()
    pair.talk()
    pair.server.session.go_away()
    pair.talk()
    assert pair.client.goaways == [(1, faults.NO_ERROR)]
    assert not pair.client.session.can_open
    late = pair.ask()
    pair.talk()
    assert len(pair.server.accepted) == 1
    answer(pair.server.accepted[0], body=b"bye")
    pair.talk()
    assert mine.body == b"bye"
    assert late.heads == []


def test_goaway_breaks_what_nobody_looked_at() -> None:
    pair = Pair()
    pair.ask()
    pair.talk()
    pair.server.session.go_away()
    answerless = pair.server.output()
    late = pair.ask()
    pair.client.receive(answerless)
    assert late.code == faults.REFUSED_STREAM
    assert late.settled == 1


def test_pings_come_back(pair: Pair) -> None:
    pair.client.session.ping(b"12345678")
    pair.talk()
    assert pair.client.pings == [b"12345678"]


def test_more_streams_than_allowed_are_refused() -> None:
    pair = Pair(Terms(is_client=False, max_streams=2))
    assert pair.client.session.peer_max_streams == 2
    mine = [pair.ask() for _ in range(3)]
    pair.talk()
    assert [stream.code for stream in mine] == [-1, -1, faults.REFUSED_STREAM]
    assert not pair.client.session.can_open


def test_a_fault_ends_all_streams() -> None:
    pair = Pair()
    mine = pair.ask()
    pair.talk()
    pair.client.session.fail(ConnectionFault(faults.INTERNAL_ERROR, "for a test"))
    pair.client.session.settle()
    assert mine.code == faults.INTERNAL_ERROR
    pair.talk()
    assert pair.server.goaways == [(0, faults.INTERNAL_ERROR)]
    pair.server.session.close()
    pair.server.session.settle()
    assert pair.server.accepted[0].code == faults.CANCEL
    assert pair.server.session.streams == {}
