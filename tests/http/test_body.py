"""Bodies that come in pieces: what is asked of their source."""

from __future__ import annotations

import asyncio

from tests.wire.source import Notes
from trafficcop.http.body import HIGH_WATER, Stream


async def test_more_than_enough_pauses_the_source_until_it_is_read() -> None:
    source = Notes()
    body = Stream(source)
    body.feed(b"x" * HIGH_WATER)
    assert source.asked == []
    body.feed(b"y")
    body.feed(b"z")
    assert source.asked == ["pause"]
    assert len(await body.read()) == HIGH_WATER + 2
    assert source.asked == ["pause", "resume"]


async def test_a_reader_that_will_not_read_for_a_while() -> None:
    source = Notes()
    body = Stream(source)
    body.hold()
    body.hold()
    assert source.asked == ["pause"]
    # Nothing is here: then it is wanted again.
    reading = asyncio.create_task(body.read())
    await asyncio.sleep(0)
    assert source.asked == ["pause", "resume"]
    body.feed(b"x")
    body.wake()
    assert await reading == b"x"
    body.end()
    body.hold()
    assert source.asked == ["pause", "resume"]
