"""What clients and servers of TCP and UDP do to a whole instance: nothing is left of it, and others go on."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process.instance import PATIENCE, Instance, free_port, until
from tests.process.streams import PIECE, PIECES, Echo, Edge, has, hear
from tests.process.test_udp import NameServer, question, resolve, sockets
from tests.secure import long_hello

MANY = 300
SOURCES = 20_000
HELLO = long_hello("db.example.com")


def descriptors(instance: Instance) -> int:
    """Sockets of both workers."""
    count = 0
    for name, pid in instance.children().items():
        if name.startswith("w"):
            for number in os.listdir(f"/proc/{pid}/fd"):
                with contextlib.suppress(FileNotFoundError):  # closed between two looks
                    count += os.readlink(f"/proc/{pid}/fd/{number}").startswith("socket:")
    return count


def memory(instance: Instance) -> int:
    """Bytes that the workers have for themselves."""
    total = 0
    for name, pid in instance.children().items():
        if name.startswith("w"):
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            total += sum(int(size) * 1024 for size in re.findall(r"Private_\w+: +(\d+) kB", text))
    return total


def reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


class Faulty(Edge):
    """With streams beside that nothing may happen to."""

    def begin(self) -> None:
        instance = self.start()
        self.others = [self.client(is_tls=bool(number % 2)) for number in range(8)]
        assert {hear(other, 6) for other in self.others} == {b"first "}
        self._before = descriptors(instance)

    def connect(self, *, is_tls: bool = False) -> socket.socket:
        """A client before it has said or heard a word."""
        return socket.create_connection(("127.0.0.1", self.secure if is_tls else self.plain), PATIENCE)

    def check(self) -> None:
        """Nothing is left, and the others are well."""
        assert self.instance is not None
        assert all(has(other, b"still there") for other in self.others)
        instance = self.instance
        until(lambda: descriptors(instance) <= self._before, "the end of what was opened")
        assert "Traceback" not in instance.log()


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Faulty, Echo]]:
    """One for all: what one fault breaks the next test sees."""
    echo = Echo(b"first ")
    found = Faulty(tmp_path_factory.mktemp("edge"), "1s", "respondingTimeouts: {readTimeout: 500ms}")
    found.configure(echo)
    found.begin()
    yield found, echo
    found.stop()
    echo.stop()


@pytest.mark.parametrize("is_tls", [False, True])
@pytest.mark.parametrize("data", [b"", b"GET / HTTP/1.1\r\n", b"\x16\x03\x01\x02\x00\x01\x00", os.urandom(900), HELLO])
def test_a_port_scan(edge: tuple[Faulty, Echo], data: bytes, is_tls: bool) -> None:
    found, _ = edge
    for number in range(MANY):
        sock = found.connect(is_tls=is_tls)
        if data:
            sock.sendall(data)
        reset(sock) if number % 2 else sock.close()
    found.check()


def test_half_a_hello_and_then_silence(edge: tuple[Faulty, Echo]) -> None:
    """They are closed when their time is over."""
    found, _ = edge
    scanners = [found.connect(is_tls=True) for _ in range(MANY)]
    for number, sock in enumerate(scanners):
        sock.sendall(HELLO[: number * 50])
    for sock in scanners:
        try:
            while sock.recv(4096):
                pass
        except ConnectionResetError:
            continue
    found.check()
    for sock in scanners:
        sock.close()


def test_clients_that_vanish_in_the_middle(edge: tuple[Faulty, Echo]) -> None:
    found, _ = edge
    for number in range(40):
        stream = found.client(is_tls=bool(number % 2))
        assert hear(stream, 6) == b"first "
        stream.sendall(b"pour")
        assert stream.recv(1000)
        reset(stream) if number % 4 < 2 else stream.close()
    found.check()


def test_a_server_that_dies_in_the_middle(edge: tuple[Faulty, Echo]) -> None:
    """What it has said still comes."""
    found, echo = edge
    for number in range(20):
        echo.dies_after = number
        stream = found.client(is_tls=bool(number % 2))
        assert hear(stream, 6) == b"first "
        stream.sendall(b"pour")
        data = b""
        try:
            while piece := stream.recv(1 << 18):
                data += piece
        except ConnectionResetError:
            pass
        assert (PIECE * number).startswith(data)
        stream.close()
    echo.dies_after = PIECES
    found.check()


def test_segments_of_one_byte(edge: tuple[Faulty, Echo]) -> None:
    found, _ = edge
    plain, secure = found.client(), found.client(is_tls=True)
    for stream in (plain, secure):
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        assert hear(stream, 6) == b"first "
        for number in range(1000):
            stream.sendall(bytes([number % 256]))
        assert hear(stream, 1000) == bytes(number % 256 for number in range(1000))
        stream.close()
    found.check()


def test_who_says_nothing_is_asked_by_the_kernel_whether_it_is_there(edge: tuple[Faulty, Echo]) -> None:
    """A client may vanish without FIN or RST: only keep-alive probes find out."""
    found, echo = edge
    # 02: the timer of keep-alive
    until(lambda: timers(found, echo) == ({"02"}, {"02"}), "quiet streams")


def timers(edge: Faulty, echo: Echo) -> tuple[set[str], set[str]]:
    """What the kernel waits for on the router's connections with clients and with the server (proc(5))."""
    clients, servers = set(), set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        local, remote = (int(word.split(":")[1], 16) for word in words[1:3])
        is_established, timer = words[3] == "01", words[5].split(":")[0]
        if is_established and local in (edge.plain, edge.secure):
            clients.add(timer)
        elif is_established and remote == echo.port:
            servers.add(timer)
    return clients, servers


def test_sources_without_end(tmp_path: Path) -> None:
    """UDP: of clients without end nothing is left, and one among them has its answers."""
    names, port = NameServer(), free_port()
    config = tmp_path / "static.yml"
    config.write_text(
        f"workers: 2\nentryPoints: {{dns: {{address: '127.0.0.1:{port}/udp', udp: {{timeout: 1s}}}}}}\n"
        "udp:\n  routers: {r: {service: s}}\n"
        f"  services: {{s: {{loadBalancer: {{servers: [{{address: '127.0.0.1:{names.port}'}}]}}}}}}\n"
    )
    instance = Instance(config)
    (other,) = sockets(1)
    asked = question(7, "www.example.com")
    try:
        instance.wait_serving()
        resolve(other, port, "www.example.com")
        before, size = descriptors(instance), memory(instance)
        for number in range(SOURCES):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                sock.bind((f"127.{1 + number // 62500}.{1 + number // 250 % 250}.{1 + number % 250}", 0))
                sock.sendto(asked, ("127.0.0.1", port))
            if number % 1000 == 0:
                resolve(other, port, "www.example.com", 1 + number // 1000)
        until(lambda: descriptors(instance) <= before, "the end of the sessions")
        assert memory(instance) - size < 40 << 20
        assert "Traceback" not in instance.log()
    finally:
        instance.stop()
        names.close()
        other.close()
