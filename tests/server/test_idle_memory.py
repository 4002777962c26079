"""What an idle connection does not need is let go of."""

from __future__ import annotations

import gc
import sys

from trafficcop.http.body import EMPTY
from trafficcop.http.h1 import RequestDecoder
from trafficcop.http.messages import Request

REQUEST = b"GET / HTTP/1.1\r\nHost: a.localhost\r\nAccept: */*\r\n\r\n"


class Nobody:
    """The connection of a decoder under test."""

    def pause(self) -> None: ...

    def resume(self) -> None: ...

    def expect(self) -> None: ...


def requests_alive() -> int:
    return sum(isinstance(one, Request) for one in gc.get_objects())


def test_a_decoder_forgets_the_request_that_it_has_handed_over() -> None:
    decoder = RequestDecoder(Nobody(), 1 << 20)  # type: ignore[arg-type]
    before = requests_alive()
    decoder.feed(REQUEST)
    request = decoder.ready.pop(0)
    assert request.body is EMPTY
    assert requests_alive() == before + 1
    del request
    assert requests_alive() == before
    assert decoder.is_idle


def test_the_queue_of_an_idle_decoder_is_small() -> None:
    decoder = RequestDecoder(Nobody(), 1 << 20)  # type: ignore[arg-type]
    decoder.feed(REQUEST * 3)
    assert [request.method for request in decoder.ready] == [b"GET"] * 3
    decoder.ready.clear()
    assert sys.getsizeof(decoder.ready) < 100


def test_a_request_to_upgrade_is_remembered_until_it_is_decided() -> None:
    decoder = RequestDecoder(Nobody(), 1 << 20)  # type: ignore[arg-type]
    decoder.feed(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nabc")
    decoder.feed(b"def")
    assert decoder.leftover == b"abcdef"
