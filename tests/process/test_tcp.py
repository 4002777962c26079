"""TCP through whole instances with two workers: reloads, shutdowns, and workers that are killed."""

from __future__ import annotations

import os
import signal
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process.instance import is_refused, until
from tests.process.streams import PIECE, PIECES, Echo, Edge, has, hear


@pytest.fixture
def first() -> Iterator[Echo]:
    echo = Echo(b"first ")
    yield echo
    echo.stop()


@pytest.fixture
def second() -> Iterator[Echo]:
    echo = Echo(b"second")
    yield echo
    echo.stop()


@pytest.fixture
def edge(tmp_path: Path, first: Echo) -> Iterator[Edge]:
    found = Edge(tmp_path, "10s")
    found.configure(first)
    found.start()
    yield found
    found.stop()


def test_a_reload_cuts_no_stream(edge: Edge, first: Echo, second: Echo) -> None:
    streams = [edge.client(is_tls=bool(number % 2)) for number in range(20)]
    assert {hear(stream, 6) for stream in streams} == {b"first "}
    pouring = edge.client()
    assert hear(pouring, 6) == b"first "
    pouring.sendall(b"pour")
    edge.configure(second)
    assert all(has(stream, b"after a reload") for stream in streams)
    until(lambda: {hear(edge.client(), 6) for _ in range(8)} == {b"second"}, "the other server in both workers")
    edge.configure(None)
    assert all(has(stream, b"without a router") for stream in streams)
    assert hear(pouring, len(PIECE) * PIECES) == PIECE * PIECES


def test_a_killed_worker_takes_only_its_own_streams_along(edge: Edge) -> None:
    assert edge.instance is not None
    streams = [edge.client(is_tls=bool(number % 2)) for number in range(30)]
    assert {hear(stream, 6) for stream in streams} == {b"first "}
    os.kill(edge.instance.children()["w0"], signal.SIGKILL)
    alive = 0
    for stream in streams:
        try:
            alive += has(stream, b"are you there?")
        except (ConnectionError, ssl.SSLError):
            stream.close()
    assert 0 < alive < 30
    assert {hear(edge.client(is_tls=bool(number % 2)), 6) for number in range(10)} == {b"first "}


def test_streams_end_in_their_own_time_at_a_shutdown(edge: Edge) -> None:
    instance = edge.instance
    assert instance is not None
    streams = [edge.client(is_tls=bool(number % 2)) for number in range(10)]
    assert {hear(stream, 6) for stream in streams} == {b"first "}
    pouring = edge.client()
    assert hear(pouring, 6) == b"first "
    pouring.sendall(b"pour")
    instance.signal(signal.SIGTERM)
    until(lambda: is_refused(edge.plain) and is_refused(edge.secure), "the doors closed")
    assert all(has(stream, b"while it waits") for stream in streams)
    assert instance.process.poll() is None
    assert hear(pouring, len(PIECE) * PIECES + 1) == PIECE * PIECES
    for stream in streams:
        stream.close()
    assert instance.wait() == 0


def test_who_stays_too_long_is_cut_off(tmp_path: Path, first: Echo) -> None:
    edge = Edge(tmp_path, "300ms")
    edge.configure(first)
    try:
        instance = edge.start()
        streams = [edge.client(is_tls=bool(number % 2)) for number in range(6)]
        assert {hear(stream, 6) for stream in streams} == {b"first "}
        instance.signal(signal.SIGTERM)
        for stream in streams:
            try:
                assert stream.recv(1) == b""
            except (ConnectionError, ssl.SSLError):
                continue
        assert instance.wait() == 0
    finally:
        edge.stop()


def test_connections_are_counted_in_all_workers_together(tmp_path: Path, first: Echo) -> None:
    edge = Edge(tmp_path, "1s")
    edge.configure(first, most=5)
    try:
        instance = edge.start()
        streams = [edge.client() for _ in range(20)]
        served = [stream for stream in streams if greeting(stream) == b"first "]
        assert len(served) == 5
        served[0].close()
        until(lambda: greeting(edge.client()) == b"first ", "room for one more")
        assert greeting(edge.client()) == b""
        for name in ("w0", "w1"):
            os.kill(instance.children()[name], signal.SIGKILL)
        until(lambda: greeting(edge.client()) == b"first ", "room after the workers are gone")
    finally:
        edge.stop()


def greeting(stream: socket.socket) -> bytes:
    """What the server says first; nothing if there is no room."""
    try:
        return hear(stream, 6)
    except ConnectionError:
        return b""
