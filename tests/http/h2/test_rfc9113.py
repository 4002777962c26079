"""What the standard says a server must do, section by section: each line a few frames and what comes of them.

Each is tried whole, byte by byte, and with more behind it.
"""

from __future__ import annotations

import pytest

from tests.http.h2.raw import GET, HELLO, POST, Said, Server, block, data, headers
from trafficcop.http.h2 import faults as f
from trafficcop.http.h2 import frames
from trafficcop.http.h2.frames import frame, settings_frame, window_update_frame
from trafficcop.http.h2.terms import CONNECTION_WINDOW, STREAM_WINDOW

ANSWER = [("answer", 1, 1)]
COOKED = block(GET)
PRIORITY = b"\0\0\0\0\x10"
LONG = b"x" * 16385


def goaway(code: int, last: int = 0) -> list[tuple[str, int, int]]:
    return [("goaway", last, code)]


def reset(code: int, stream_id: int = 1) -> list[tuple[str, int, int]]:
    return [("reset", stream_id, code)]


def rst(stream_id: int, code: int = f.CANCEL) -> bytes:
    return frames.rst_stream_frame(stream_id, code)


OPEN = headers(1, POST, 4)  # a request whose body is to come

TABLE = [
    ("3.4 no preface", b"GET / HTTP/1.1\r\n\r\n", goaway(f.PROTOCOL_ERROR)),
    ("3.4 nearly the preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\rX", goaway(f.PROTOCOL_ERROR)),
    ("3.4 no settings", frames.PREFACE + headers(1, GET), goaway(f.PROTOCOL_ERROR)),
    ("3.4 an acknowledgement is no settings", frames.PREFACE + frames.SETTINGS_ACK, goaway(f.PROTOCOL_ERROR)),
    ("4.1 unknown frames are nothing", frame(0x77, 0xFF, 0, b"?") + frame(0x77, 0, 9, b"?") + headers(1, GET), ANSWER),
    ("4.1 the reserved bit is nothing", headers(1 | 1 << 31, GET), ANSWER),
    ("4.2 a frame of the largest size", OPEN + data(1, LONG[1:]) + data(1, b"", 1), ANSWER),
    ("4.2 too large a frame", OPEN + data(1, LONG), goaway(f.FRAME_SIZE_ERROR, 1)),
    ("4.2 too large a field section", headers(1, LONG), goaway(f.FRAME_SIZE_ERROR)),
    ("4.3 garbage in a field section", headers(1, b"\xff\xff\xff\xff\xff\xff"), goaway(f.COMPRESSION_ERROR)),
    ("4.3 another frame inside", headers(1, COOKED[:5], 1) + frame(6, 0, 0, b"12345678"), goaway(f.PROTOCOL_ERROR)),
    ("4.3 another stream inside", headers(1, COOKED[:5], 1) + frame(9, 4, 3, b""), goaway(f.PROTOCOL_ERROR)),
    ("4.3 an unknown frame inside", headers(1, COOKED[:5], 1) + frame(0x77, 0, 1, b""), goaway(f.PROTOCOL_ERROR)),
    ("5.1 idle: DATA", data(1, b"x"), goaway(f.PROTOCOL_ERROR)),
    ("5.1 idle: RST_STREAM", rst(1), goaway(f.PROTOCOL_ERROR)),
    ("5.1 idle: WINDOW_UPDATE", window_update_frame(1, 1), goaway(f.PROTOCOL_ERROR)),
    ("5.1 idle: CONTINUATION", frame(9, 4, 1, b""), goaway(f.PROTOCOL_ERROR)),
    ("5.1 idle: PRIORITY", frame(2, 0, 3, PRIORITY) + headers(1, GET), ANSWER),
    ("5.1 half-closed: DATA", ("mute", headers(1, GET) + data(1, b"x")), reset(f.STREAM_CLOSED)),
    ("5.1 half-closed: HEADERS", ("mute", headers(1, GET) + headers(1, GET)), reset(f.STREAM_CLOSED)),
    ("5.1 half-closed: WINDOW_UPDATE", ("mute", headers(1, GET) + window_update_frame(1, 9)), []),
    ("5.1 reset: DATA", ("mute", headers(1, GET) + rst(1) + data(1, b"x")), goaway(f.STREAM_CLOSED, 1)),
    ("5.1 reset: HEADERS", ("mute", headers(1, GET) + rst(1) + headers(1, GET)), goaway(f.STREAM_CLOSED, 1)),
    ("5.1 reset: WINDOW_UPDATE", ("mute", headers(1, GET) + rst(1) + window_update_frame(1, 1) + rst(1)), []),
    ("5.1 reset by us: whatever", OPEN + window_update_frame(1, 0) + data(1, b"x") + headers(1, GET) + rst(1)
     + headers(3, GET), [*reset(f.PROTOCOL_ERROR), ("answer", 3, 1)]),
    ("5.1 closed: HEADERS", ("later", headers(1, GET), headers(1, GET)), [*ANSWER, *goaway(f.STREAM_CLOSED, 1)]),
    ("5.1 closed: DATA", ("later", headers(1, GET), data(1, b"x")), [*ANSWER, *goaway(f.STREAM_CLOSED, 1)]),
    ("5.1 closed: PRIORITY", headers(1, GET) + frame(2, 0, 1, PRIORITY), ANSWER),
    ("5.1.1 an even number", headers(2, GET), goaway(f.PROTOCOL_ERROR)),
    ("5.1.1 a smaller one", ("later", headers(5, GET), headers(3, GET)),
     [("answer", 5, 1), *goaway(f.STREAM_CLOSED, 5)]),
    ("6.1 DATA on no stream", data(0, b"x"), goaway(f.PROTOCOL_ERROR)),
    ("6.1 padding", OPEN + data(1, b"\3abc\0\0\0", 9), ANSWER),
    ("6.1 nothing but padding", OPEN + data(1, b"\3\0\0\0", 9), ANSWER),
    ("6.1 more padding than frame", OPEN + data(1, b"\4abc", 9), goaway(f.PROTOCOL_ERROR, 1)),
    ("6.1 no length of padding", OPEN + data(1, b"", 8), goaway(f.PROTOCOL_ERROR, 1)),
    ("6.2 HEADERS on no stream", headers(0, GET), goaway(f.PROTOCOL_ERROR)),
    ("6.2 padding", headers(1, b"\2" + COOKED + b"\0\0", 13), ANSWER),
    ("6.2 more padding than frame", headers(1, b"\x20" + b"\x82", 13), goaway(f.PROTOCOL_ERROR)),
    ("6.2 priority", headers(1, PRIORITY + COOKED, 0x25), ANSWER),
    ("6.2 priority and padding", headers(1, b"\1" + PRIORITY + COOKED + b"\0", 0x2D), ANSWER),
    ("6.2 a priority is cut off", headers(1, b"\0\0", 0x25), goaway(f.FRAME_SIZE_ERROR)),
    ("6.3 PRIORITY on no stream", frame(2, 0, 0, PRIORITY), goaway(f.PROTOCOL_ERROR)),
    ("6.3 a PRIORITY of another size", frame(2, 0, 1, b"\0\0\0\0"), reset(f.FRAME_SIZE_ERROR)),
    ("6.4 RST_STREAM on no stream", rst(0), goaway(f.PROTOCOL_ERROR)),
    ("6.4 a RST_STREAM of another size", OPEN + frame(3, 0, 1, b"\0\0\0"), goaway(f.FRAME_SIZE_ERROR, 1)),
    ("6.5 SETTINGS on a stream", frame(4, 0, 1, b""), goaway(f.PROTOCOL_ERROR)),
    ("6.5 SETTINGS of another size", frame(4, 0, 0, b"\0\0\0"), goaway(f.FRAME_SIZE_ERROR)),
    ("6.5 an acknowledgement with more", frame(4, 1, 0, b"\0" * 6), goaway(f.FRAME_SIZE_ERROR)),
    ("6.5.2 unknown settings are nothing", settings_frame({0x99: 7}) + headers(1, GET), ANSWER),
    ("6.5.2 ENABLE_PUSH", settings_frame({2: 2}), goaway(f.PROTOCOL_ERROR)),
    ("6.5.2 INITIAL_WINDOW_SIZE", settings_frame({4: 1 << 31}), goaway(f.FLOW_CONTROL_ERROR)),
    ("6.5.2 MAX_FRAME_SIZE, small", settings_frame({5: 16383}), goaway(f.PROTOCOL_ERROR)),
    ("6.5.2 MAX_FRAME_SIZE, large", settings_frame({5: 1 << 24}), goaway(f.PROTOCOL_ERROR)),
    ("6.5.2 ENABLE_CONNECT_PROTOCOL", settings_frame({8: 2}), goaway(f.PROTOCOL_ERROR)),
    ("6.6 PUSH_PROMISE", frame(5, 4, 1, b"\0\0\0\2"), goaway(f.PROTOCOL_ERROR)),
    ("6.7 PING", frame(6, 0, 0, b"12345678"), [("ping", 1, 8)]),
    ("6.7 an answered PING", frame(6, 1, 0, b"12345678"), []),
    ("6.7 PING on a stream", frame(6, 0, 1, b"12345678"), goaway(f.PROTOCOL_ERROR)),
    ("6.7 a PING of another size", frame(6, 0, 0, b"1234567"), goaway(f.FRAME_SIZE_ERROR)),
    ("6.8 GOAWAY", frame(7, 0, 0, b"\0" * 8 + b"why") + headers(1, GET), ANSWER),
    ("6.8 GOAWAY on a stream", frame(7, 0, 1, b"\0" * 8), goaway(f.PROTOCOL_ERROR)),
    ("6.8 a GOAWAY of another size", frame(7, 0, 0, b"\0" * 7), goaway(f.FRAME_SIZE_ERROR)),
    ("6.9 WINDOW_UPDATE by nothing", window_update_frame(0, 0), goaway(f.PROTOCOL_ERROR)),
    ("6.9 of a stream by nothing", OPEN + window_update_frame(1, 0), reset(f.PROTOCOL_ERROR)),
    ("6.9 of another size", frame(8, 0, 0, b"\0\0\1"), goaway(f.FRAME_SIZE_ERROR)),
    ("6.9.1 too large a window", window_update_frame(0, (1 << 31) - 1), goaway(f.FLOW_CONTROL_ERROR)),
    ("6.9.1 of a stream", OPEN + window_update_frame(1, (1 << 31) - 1), reset(f.FLOW_CONTROL_ERROR)),
    ("6.9.2 of a stream, by settings", OPEN + window_update_frame(1, (1 << 30)) + settings_frame({4: (1 << 31) - 1}),
     goaway(f.FLOW_CONTROL_ERROR, 1)),
    ("6.9.1 more than the window of a stream", ("mute", OPEN + data(1, b"x" * 16384) * (STREAM_WINDOW // 16384)
     + data(1, b"x")), reset(f.FLOW_CONTROL_ERROR)),
    ("6.9.1 more than that of the connection", ("mute", b"".join(headers(number, POST, 4) for number in (1, 3, 5))
     + b"".join(data(number, b"x" * 16384) * (CONNECTION_WINDOW // 2 // 16384) for number in (1, 3)) + data(5, b"x")),
     goaway(f.FLOW_CONTROL_ERROR, 5)),
    ("6.10 CONTINUATION", headers(1, COOKED[:3], 1) + frame(9, 0, 1, COOKED[3:9]) + frame(9, 4, 1, COOKED[9:]), ANSWER),
    ("6.10 on no stream", headers(1, COOKED[:3], 1) + frame(9, 4, 0, COOKED[3:]), goaway(f.PROTOCOL_ERROR)),
    ("6.10 after the end", OPEN + frame(9, 4, 1, b""), goaway(f.PROTOCOL_ERROR, 1)),
    ("6.10 after DATA", OPEN + data(1, b"x") + frame(9, 4, 1, b""), goaway(f.PROTOCOL_ERROR, 1)),
    ("8.1 trailers", OPEN + data(1, b"x") + headers(1, [(b"x", b"y")]), ANSWER),
    ("8.1 trailers that are not the end", OPEN + headers(1, [(b"x", b"y")], 4), reset(f.PROTOCOL_ERROR)),
    ("8.1 a pseudo-field in the trailers", OPEN + headers(1, [(b":method", b"GET")]), reset(f.PROTOCOL_ERROR)),
    ("8.1 a malformed name in the trailers", OPEN + headers(1, [(b"X", b"y")]), reset(f.PROTOCOL_ERROR)),
    ("8.1.1 more body than announced", headers(1, [*POST, (b"content-length", b"1")], 4) + data(1, b"xy"),
     reset(f.PROTOCOL_ERROR)),
    ("8.1.1 less body than announced", headers(1, [*POST, (b"content-length", b"2")], 4) + data(1, b"x", 1),
     reset(f.PROTOCOL_ERROR)),
    ("8.1.1 none at all", headers(1, [*POST, (b"content-length", b"2")]), reset(f.PROTOCOL_ERROR)),
    ("8.1.1 less, with trailers", headers(1, [*POST, (b"content-length", b"2")], 4) + headers(1, [(b"x", b"y")]),
     reset(f.PROTOCOL_ERROR)),
    ("8.1.1 two lengths", headers(1, [*POST, (b"content-length", b"0"), (b"content-length", b"1")]),
     reset(f.PROTOCOL_ERROR)),
    ("8.2.1 an upper-case name", headers(1, [*GET, (b"X-Upper", b"1")]), reset(f.PROTOCOL_ERROR)),
    ("8.2.1 an empty name", headers(1, [*GET, (b"", b"1")]), reset(f.PROTOCOL_ERROR)),
    ("8.2.1 a colon in a name", headers(1, [*GET, (b"a:b", b"1")]), reset(f.PROTOCOL_ERROR)),
    ("8.2.1 a line break in a value", headers(1, [*GET, (b"a", b"1\r\nb: 2")]), reset(f.PROTOCOL_ERROR)),
    ("8.2.1 a NUL in a value", headers(1, [*GET, (b"a", b"\0")]), reset(f.PROTOCOL_ERROR)),
    ("8.3 an unknown pseudo-field", headers(1, [*GET, (b":test", b"1")]), reset(f.PROTOCOL_ERROR)),
    ("8.3 one of answers", headers(1, [*GET, (b":status", b"200")]), reset(f.PROTOCOL_ERROR)),
    ("8.3 one behind other fields", headers(1, [*GET[:3], (b"a", b"b"), GET[3]]), reset(f.PROTOCOL_ERROR)),
    ("8.3.1 no method", headers(1, GET[1:]), reset(f.PROTOCOL_ERROR)),
    ("8.3.1 no scheme", headers(1, [GET[0], *GET[2:]]), reset(f.PROTOCOL_ERROR)),
    ("8.3.1 a scheme of other things", headers(1, [GET[0], (b":scheme", b"ftp"), *GET[2:]]), reset(f.PROTOCOL_ERROR)),
    ("8.3.1 no path", headers(1, GET[:3]), reset(f.PROTOCOL_ERROR)),
    ("8.3.1 an empty path", headers(1, [*GET[:3], (b":path", b"")]), reset(f.PROTOCOL_ERROR)),
    ("8.3.1 a path twice", headers(1, [*GET, GET[3]]), reset(f.PROTOCOL_ERROR)),
    ("8.3.1 no authority", headers(1, [*GET[:2], GET[3]]), ANSWER),
    ("8.5 CONNECT", headers(1, [(b":method", b"CONNECT"), (b":authority", b"a:1")]), ANSWER),
    ("8.5 CONNECT with a path", headers(1, [(b":method", b"CONNECT"), *GET[1:]]), reset(f.PROTOCOL_ERROR)),
    ("8.5 CONNECT without authority", headers(1, [(b":method", b"CONNECT")]), reset(f.PROTOCOL_ERROR)),
    ("RFC 8441 tunnels", headers(1, [(b":method", b"CONNECT"), (b":protocol", b"websocket"), *GET[1:]]), ANSWER),
    ("RFC 8441 :protocol without it", headers(1, [*GET, (b":protocol", b"websocket")]), reset(f.PROTOCOL_ERROR)),
    ("RFC 8441 no scheme", headers(1, [(b":method", b"CONNECT"), (b":protocol", b"websocket"), *GET[2:]]),
     reset(f.PROTOCOL_ERROR)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "sent", "expected"), TABLE, ids=[name for name, _, _ in TABLE])
def test_a_server_does_as_it_must(name: str, sent: bytes | tuple[str, ...], expected: list[Said]) -> None:
    """`sent`: ("mute", bytes) for a server that does not answer, ("later", bytes, bytes) for what comes after that."""
    how, *parts = sent if isinstance(sent, tuple) else ("", sent)
    hello = b"" if name.startswith("3.4") else HELLO
    is_mute = how == "mute"

    def said(*cut: bytes, size: int = 0) -> tuple[Server, list[Said]]:
        server = Server(is_mute=is_mute)
        return server, [one for part in cut for one in server.take(part, size)]

    assert said(hello, *parts)[1] == expected
    whole = hello + b"".join(parts)
    for size in (1, 13) if len(whole) < 40_000 else (1000,):
        assert said(whole, size=size)[1] == expected
    # What follows is read if the connection still stands, and not if it does not.
    server, more = said(hello, *parts, frame(frames.PING, 0, 0, b"trailing"))
    is_over = server.session.fault is not None
    assert more == (expected if is_over else [*expected, ("ping", 1, 8)])


def test_every_request_is_heard_as_it_was_sent() -> None:
    server = Server(is_mute=True)
    server.take(
        HELLO + headers(1, [*POST, (b"a", b"b")], 4) + data(1, b"one") + data(1, b"two") + headers(1, [(b"t", b"u")])
    )
    (stream,) = server.accepted
    assert (stream.heads[0].method, stream.heads[0].path, stream.heads[0].authority) == (b"POST", b"/", b"example.com")
    assert (stream.heads[0].fields.block, stream.body, stream.trailers) == (b"a: b\r\n", b"onetwo", [(b"t", b"u")])
    assert stream.settled == 1
