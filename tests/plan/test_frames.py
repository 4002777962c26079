"""Frames on a stream: whole, cut, too long, foreign."""

from __future__ import annotations

import asyncio
import pickle
import socket
import struct

import pytest

from trafficcop.plan import frames
from trafficcop.plan.messages import Ack, Health, Hello, Nack, PlanPart, ToControl, ToWorker


def reader_of(data: bytes) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    return reader


@pytest.mark.parametrize(
    "message",
    [Hello(1, 42, 0), Ack(0, 7), Nack(1, 8, 7, "why"), Health("s@file", frozenset({"http://x"})), PlanPart(3)],
)
async def test_round_trip(message: ToWorker | ToControl) -> None:
    assert await frames.read(reader_of(frames.encode(message))) == message


async def test_a_cut_frame_means_that_the_other_end_is_gone() -> None:
    data = frames.encode(Hello(1, 42, 0))
    for end in range(len(data)):
        with pytest.raises(asyncio.IncompleteReadError):
            await frames.read(reader_of(data[:end]))


@pytest.mark.parametrize(
    "data",
    [
        struct.pack("!I", frames.LIMIT + 1),
        b"GET / HTTP/1.1\r\n\r\n",
        struct.pack("!I", 4) + b"junk",
        struct.pack("!I", len(pickle.dumps("text"))) + pickle.dumps("text"),
    ],
)
async def test_what_is_not_ours_breaks_the_connection(data: bytes) -> None:
    with pytest.raises(frames.BrokenFrame):
        await frames.read(reader_of(data))


def test_a_message_over_the_limit_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "LIMIT", 10)
    with pytest.raises(frames.BrokenFrame, match="over the limit"):
        frames.encode(Hello(1, 42, 0))


def test_the_other_end_is_a_process_of_our_user() -> None:
    here, there = socket.socketpair()
    with here, there:
        assert frames.is_ours(here)
