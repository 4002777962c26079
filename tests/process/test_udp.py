"""UDP through whole instances: a DNS server, several workers, a reload and a worker that is killed."""

from __future__ import annotations

import os
import signal
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process.instance import PATIENCE, Instance, free_port, until

ADDRESS = bytes([192, 0, 2, 53])


class NameServer:
    """Answers questions for A records as RFC 1035 has them, and notes the ports they come from."""

    def __init__(self) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        self.clients: list[int] = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            query, sender = self.sock.recvfrom(65536)
            if not query:
                return
            self.clients.append(sender[1])
            head = query[:2] + struct.pack("!HHHHH", 0x8180, 1, 1, 0, 0)
            record = struct.pack("!HHHIH", 0xC00C, 1, 1, 60, 4) + ADDRESS
            self.sock.sendto(head + query[12:] + record, sender)

    def close(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join()
        self.sock.close()


def question(number: int, name: str) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!HHHHHH", number, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", 1, 1)


def resolve(sock: socket.socket, port: int, name: str, number: int = 1) -> bytes:
    """The address, asked for again when an answer does not come, as resolvers do."""
    sock.settimeout(0.5)
    for _ in range(int(PATIENCE / 0.5)):
        sock.sendto(question(number, name), ("127.0.0.1", port))
        try:
            answer = sock.recv(65536)
        except TimeoutError:
            continue
        assert answer[:2] == number.to_bytes(2, "big")
        return answer[-4:]
    raise TimeoutError(name)


@pytest.fixture
def names() -> Iterator[NameServer]:
    running = NameServer()
    yield running
    running.close()


@pytest.fixture
def dns(tmp_path: Path, names: NameServer) -> Iterator[tuple[Instance, int]]:
    port = free_port()
    config = tmp_path / "static.yml"
    config.write_text(
        f"workers: 2\nentryPoints: {{dns: {{address: ':{port}/udp', udp: {{timeout: 30s}},"
        " transport: {lifeCycle: {graceTimeOut: 100ms}}}}\n"
        f"providers: {{providersThrottleDuration: 0s, file: {{filename: '{tmp_path}/dynamic.yml'}}}}\n"
    )
    write(tmp_path, names.port)
    instance = Instance(config)
    instance.wait_serving()
    yield instance, port
    instance.stop()


def write(directory: Path, port: int, more: str = "") -> None:
    (directory / "fresh.yml").write_text(
        f"udp: {{routers: {{r: {{service: s{more}}}}},"
        f" services: {{s: {{loadBalancer: {{servers: [{{address: '127.0.0.1:{port}'}}]}}}}}}}}"
    )
    (directory / "fresh.yml").rename(directory / "dynamic.yml")


def sockets(count: int) -> list[socket.socket]:
    return [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count)]


def test_names_are_resolved_and_each_session_keeps_its_worker(dns: tuple[Instance, int], names: NameServer) -> None:
    instance, port = dns
    clients = sockets(40)
    for turn in range(3):
        for client in clients:
            assert resolve(client, port, "www.example.com", turn + 1) == ADDRESS
    assert len(set(names.clients)) == 40
    counts = [_sockets_of(pid) for name, pid in instance.children().items() if name.startswith("w")]
    assert all(count > 3 for count in counts)
    for client in clients:
        client.close()


def test_sessions_outlive_a_reload(dns: tuple[Instance, int], names: NameServer, tmp_path: Path) -> None:
    instance, port = dns
    clients = sockets(10)
    for client in clients:
        resolve(client, port, "a.example.com")
    before = set(names.clients)
    write(tmp_path, names.port, ", priority: 7")
    until(lambda: "Configuration 2" in instance.log(), "the reload")
    for client in clients:
        assert resolve(client, port, "b.example.com", 2) == ADDRESS
        client.close()
    assert set(names.clients) == before


def test_a_killed_worker_is_replaced_and_clients_go_on(dns: tuple[Instance, int], names: NameServer) -> None:
    instance, port = dns
    clients = sockets(10)
    for client in clients:
        resolve(client, port, "a.example.com")
    os.kill(instance.children()["w0"], signal.SIGKILL)
    for client in clients:
        assert resolve(client, port, "b.example.com", 2) == ADDRESS
        client.close()


def test_it_stops_with_sessions_open(dns: tuple[Instance, int]) -> None:
    instance, port = dns
    (client,) = sockets(1)
    resolve(client, port, "a.example.com")
    client.close()
    instance.signal(signal.SIGTERM)
    assert instance.wait() == 0


def _sockets_of(pid: int) -> int:
    return sum("socket:" in os.readlink(f"/proc/{pid}/fd/{name}") for name in os.listdir(f"/proc/{pid}/fd"))
