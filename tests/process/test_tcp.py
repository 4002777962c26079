"""TCP through whole instances with two workers: reloads, shutdowns, and workers that are killed."""

from __future__ import annotations

import os
import signal
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.certificates import make
from tests.process.instance import PATIENCE, Instance, free_port, is_refused, until
from tests.secure import certificates_of, client_context

PIECE = bytes(range(256)) * 256
PIECES = 400  # 25 MB: more than all buffers on the way hold


class _Talk(socketserver.BaseRequestHandler):
    """Says its name, and then what it hears; after `pour` as much as it was asked for."""

    server: Echo

    def handle(self) -> None:
        sock: socket.socket = self.request
        sock.sendall(self.server.word)
        try:
            while data := sock.recv(65536):
                if data == b"pour":
                    for _ in range(PIECES):
                        sock.sendall(PIECE)
                    return
                sock.sendall(data)
        except ConnectionError:  # cut off, as some tests want it
            return


class Echo(socketserver.ThreadingTCPServer):
    """The server behind the router."""

    daemon_threads = True
    request_queue_size = 100

    def __init__(self, word: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Talk)
        self.word = word
        self.port = self.server_address[1]
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self._thread.start()

    def stop(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


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


class Edge:
    """An instance with an entry point without TLS and one with, and its clients."""

    def __init__(self, directory: Path, grace: str) -> None:
        self.plain, self.secure = free_port(), free_port()
        self._directory = directory
        self._certificates = certificates_of(directory, own=make("db.example.com"))
        self._version = 0
        self._grace = grace
        self._clients = ExitStack()
        self.instance: Instance | None = None

    def configure(self, server: Echo | None) -> None:
        """Routers to this server, or none."""
        self._version += 1
        routers = "" if server is None else self._routers(server)
        (self._directory / "fresh.yml").write_text(f"tls:\n{self._certificates}{routers}\n")
        (self._directory / "fresh.yml").rename(self._directory / "dynamic.yml")
        if self.instance is not None:
            until(lambda: f"Configuration {self._version}" in self._log(), "the reload")

    def _routers(self, server: Echo) -> str:
        return f"""
tcp:
  routers:
    plain: {{entryPoints: [plain], rule: 'HostSNI(`*`)', service: s}}
    secure: {{entryPoints: [secure], rule: 'HostSNI(`db.example.com`)', service: s, tls: {{}}}}
  services: {{s: {{loadBalancer: {{servers: [{{address: '127.0.0.1:{server.port}'}}]}}}}}}
"""

    def _log(self) -> str:
        return "" if self.instance is None else self.instance.log()

    def start(self) -> Instance:
        life = f"transport: {{lifeCycle: {{graceTimeOut: {self._grace}}}}}"
        config = self._directory / "static.yml"
        config.write_text(
            f"workers: 2\nentryPoints:\n  plain: {{address: '127.0.0.1:{self.plain}', {life}}}\n"
            f"  secure: {{address: '127.0.0.1:{self.secure}', {life}}}\n"
            f"providers: {{providersThrottleDuration: 0s, file: {{filename: '{self._directory}/dynamic.yml'}}}}\n"
        )
        self.instance = Instance(config)
        self.instance.wait_serving()
        return self.instance

    def client(self, *, is_tls: bool = False) -> socket.socket:
        sock = socket.create_connection(("127.0.0.1", self.secure if is_tls else self.plain), PATIENCE)
        if is_tls:
            sock = client_context().wrap_socket(sock, server_hostname="db.example.com")
        return self._clients.enter_context(sock)

    def stop(self) -> None:
        self._clients.close()
        if self.instance is not None:
            self.instance.stop()


def hear(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size and (piece := sock.recv(size - len(data))):
        data += piece
    return data


def has(sock: socket.socket, word: bytes) -> bool:
    """Whether the stream is alive."""
    sock.sendall(word)
    return hear(sock, len(word)) == word


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
    assert hear(edge.client(), 6) == b"second"
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
