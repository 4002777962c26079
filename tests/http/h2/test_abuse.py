"""Clients that want to keep us busy, or fill our memory: the connection ends. And clients that only look like them."""

from __future__ import annotations

import tracemalloc

import pytest

from tests.http.h2.raw import GET, HELLO, POST, Server, block, data, headers
from trafficcop.http.h2 import faults, frames
from trafficcop.http.h2.frames import SETTINGS_ACK, frame, rst_stream_frame, settings_frame, window_update_frame
from trafficcop.http.h2.patience import BURST, FRAME_COST, RESET_COST

OPEN = headers(1, POST, 4)


def _rapid_reset(number: int) -> bytes:
    """CVE-2023-44487."""
    return headers(2 * number + 1, GET, 4) + rst_stream_frame(2 * number + 1, faults.CANCEL)


def _made_reset(number: int) -> bytes:
    """CVE-2025-8671: the server is made to do it."""
    return headers(2 * number + 1, GET, 4) + window_update_frame(2 * number + 1, 0)


FLOODS = {
    "ping": (b"", lambda _: frame(frames.PING, 0, 0, b"12345678"), BURST // FRAME_COST),
    "settings": (b"", lambda _: settings_frame({}), BURST // FRAME_COST),
    "settings in one frame": (b"", lambda n: frame(4, 0, 0, b"\0\4\0\0%c%c" % (n % 256, 1) * 2000), 8),
    "priority": (b"", lambda _: frame(frames.PRIORITY, 0, 3, b"\0\0\0\0\1"), BURST // FRAME_COST),
    "unknown": (b"", lambda _: frame(0x77, 0, 0, b""), BURST // FRAME_COST),
    "empty data": (OPEN, lambda _: data(1), BURST // FRAME_COST),
    "padding alone": (OPEN, lambda _: data(1, b"\1\0", 8), BURST // FRAME_COST),
    "window updates": (OPEN, lambda _: window_update_frame(1, 1), BURST // FRAME_COST),
    "window updates of the connection": (b"", lambda _: window_update_frame(0, 1), BURST // FRAME_COST),
    "resets of what is closed": (headers(1, GET), lambda _: rst_stream_frame(1, 0), BURST // FRAME_COST),
    "empty continuation": (headers(1, b"\x82", 1), lambda _: frame(9, 0, 1, b""), BURST // FRAME_COST),
    "endless continuation": (headers(1, b"\x82", 1), lambda _: frame(9, 0, 1, b"\x82" * 16384), 70),
    "rapid reset": (b"", _rapid_reset, BURST // RESET_COST),
    "made reset": (b"", _made_reset, BURST // RESET_COST),
    "refused streams": (SETTINGS_ACK + b"".join(headers(2 * n + 1, GET, 4) for n in range(250)),
                        lambda n: headers(2 * n + 501, GET, 4), BURST // RESET_COST),
    "malformed requests": (b"", lambda n: headers(2 * n + 1, GET[1:]), BURST // RESET_COST),
}  # fmt: skip


@pytest.mark.parametrize("name", FLOODS)
@pytest.mark.parametrize("batch", [1, 50])
def test_floods_end_the_connection(name: str, batch: int) -> None:
    first, make, limit = FLOODS[name]
    server = Server(is_mute=True)
    server.take(HELLO + first)
    sent = 0
    while server.session.fault is None:
        server.take(b"".join(make(sent + number) for number in range(batch)))
        sent += batch
        # Some is forgiven for the time that passes meanwhile.
        assert sent < 3 * limit + 2 * batch
    assert server.session.fault.code == faults.ENHANCE_YOUR_CALM
    assert sent >= min(limit, 8)
    assert server.session.streams == {}
    assert server.take(make(sent)) == []


def test_a_field_section_that_explodes() -> None:
    server = Server(is_mute=True)
    big = b"\x40\x01a" + b"\x7f\x81\x1f" + b"x" * 4096  # an entry of the table as large as the table
    entry = b"\x40\x01a" + b"\x7f\x81\x1e" + b"x" * 3968
    assert server.take(HELLO + headers(1, block(GET) + big)) == []
    assert server.take(headers(3, block(GET) + entry)) == []
    tracemalloc.start()
    try:
        bomb = headers(5, block(GET) + b"\xbe" * 16000)
        assert server.take(bomb) == [("goaway", 3, faults.ENHANCE_YOUR_CALM)]
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()
    assert server.session.fault is not None


def test_much_that_is_of_use_is_no_flood() -> None:
    server = Server()
    server.take(HELLO)
    for number in range(5000):
        assert server.take(headers(2 * number + 1, GET)) == [("answer", 2 * number + 1, 1)]
    # Two window updates for each piece of an answer, however small the pieces.
    server = Server(is_mute=True)
    server.take(HELLO + headers(1, GET))
    for _ in range(5000):
        server.accepted[0].write_data(b"event", False)
        assert server.take(window_update_frame(0, 5) + window_update_frame(1, 5)) == [("data", 1, 5)]
    # And two for each message in a piece, from who takes them out one by one (gRPC).
    for _ in range(20):
        server.accepted[0].write_data(b"event" * 1000, False)
        updates = (window_update_frame(0, 5) + window_update_frame(1, 5)) * 1000
        assert server.take(updates) == [("data", 1, 5000)]
    assert server.session.fault is None
    assert server.session.send_window == frames.DEFAULT_WINDOW


def test_a_page_that_is_left_again_and_again() -> None:
    server = Server(is_mute=True)
    server.take(HELLO)
    for page in range(3):
        numbers = [2 * (100 * page + number) + 1 for number in range(100)]
        server.take(b"".join(headers(number, GET) for number in numbers))
        server.take(b"".join(rst_stream_frame(number, faults.CANCEL) for number in numbers))
    assert server.session.fault is None
    assert len(server.accepted) == 300


def test_a_client_that_does_not_know_our_terms_yet() -> None:
    server = Server(is_mute=True)
    told = server.take(HELLO + b"".join(headers(2 * number + 1, GET) for number in range(1000)))
    assert told == [("reset", 2 * number + 1, faults.REFUSED_STREAM) for number in range(250, 1000)]
    assert len(server.accepted) == 250


def test_a_connection_that_is_over_holds_nothing_large() -> None:
    server = Server(is_mute=True)
    server.take(HELLO + headers(1, b"\x82", 1))
    tracemalloc.start()
    try:
        while server.session.fault is None:
            server.take(frame(9, 0, 1, b"\x82" * 16384))
        current, most = tracemalloc.get_traced_memory()
        assert most > 1 << 20
        assert current < 1 << 16
    finally:
        tracemalloc.stop()


def test_a_reader_of_single_bytes_earns_nothing() -> None:
    server = Server(is_mute=True)
    server.take(HELLO + settings_frame({frames.INITIAL_WINDOW_SIZE: 0}) + headers(1, GET))
    server.accepted[0].write_data(b"x" * 100_000, True)
    for _ in range(3 * BURST):
        server.take(window_update_frame(1, 1))
    assert server.session.fault is not None
    assert server.session.held == 0


def test_what_is_held_of_heads_and_frames_is_bounded() -> None:
    server = Server(is_mute=True)
    server.take(HELLO)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        # Distinct sections, names and values: no table may grow with them.
        for number in range(3000):
            fields = [(b"x-%d" % number, b"y" * 200), (b"z", b"%d" % number)]
            server.take(headers(2 * number + 1, [*GET, *fields]) + rst_stream_frame(2 * number + 1, 8))
            server.session.patience.refund(RESET_COST)
            server.accepted.clear()
            server.closed.clear()
        assert tracemalloc.get_traced_memory()[0] - before < 3 << 20
    finally:
        tracemalloc.stop()
    assert server.session.fault is None
