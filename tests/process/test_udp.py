"""UDP through whole instances: a DNS server, several workers, a reload and a worker that is killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process.instance import PATIENCE, Instance, free_port, get, is_refused, until

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
            asked = query[12 : query.index(0, 12) + 5]  # without what EDNS says behind it
            self.sock.sendto(head + asked + record, sender)

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


def test_dig(dns: tuple[Instance, int]) -> None:
    command = ["dig", "@127.0.0.1", "-p", str(dns[1]), "+short", "+tries=3", "www.example.com", "A"]
    said = subprocess.run([*command, "mail.example.com", "A"], stdout=subprocess.PIPE, timeout=PATIENCE, check=True)
    assert said.stdout.split() == [b"192.0.2.53", b"192.0.2.53"]


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


def test_sessions_end_in_their_own_time_at_a_shutdown(tmp_path: Path, names: NameServer) -> None:
    port, web = free_port(), free_port()
    config = tmp_path / "static.yml"
    config.write_text(
        f"workers: 2\nentryPoints:\n  dns: {{address: '127.0.0.1:{port}/udp', udp: {{timeout: 1s}}}}\n"
        f"  web: {{address: '127.0.0.1:{web}'}}\nudp:\n  routers: {{r: {{service: s}}}}\n"
        f"  services: {{s: {{loadBalancer: {{servers: [{{address: '127.0.0.1:{names.port}'}}]}}}}}}\n"
    )
    instance = Instance(config)
    clients = sockets(8)
    try:
        instance.wait_serving()
        for client in clients:
            resolve(client, port, "a.example.com")
        before = set(names.clients)
        instance.signal(signal.SIGTERM)
        until(lambda: is_refused(web), "the shutdown")
        for client in clients:
            assert resolve(client, port, "b.example.com", 2) == ADDRESS
        assert set(names.clients) == before
        assert instance.wait() == 0
    finally:
        instance.stop()
        for client in clients:
            client.close()


class Patient(NameServer):
    """Answers health checks when it is well, and everything else with its name."""

    def __init__(self, name: bytes) -> None:
        self.name = name
        self.is_well = True
        super().__init__()

    def _serve(self) -> None:
        while True:
            data, sender = self.sock.recvfrom(65536)
            if not data:
                return
            if data != b"\xfe?" or self.is_well:
                self.sock.sendto(b"well" if data == b"\xfe?" else self.name, sender)


def test_servers_are_checked_and_sessions_move(tmp_path: Path) -> None:
    first, second = Patient(b"first"), Patient(b"second")
    port, inside = free_port(), free_port()
    config = tmp_path / "static.yml"
    config.write_text(
        "workers: 2\napi: {insecure: true}\n"
        "udp:\n  routers: {r: {service: s}}\n  services: {s: {loadBalancer: {servers:"
        f" [{{address: '127.0.0.1:{first.port}'}}, {{address: '127.0.0.1:{second.port}'}}],"
        ' healthCheck: {payload: "\\xfe?", expect: well, interval: 20ms, timeout: 200ms}}}}\n'
        f"entryPoints: {{dns: {{address: '127.0.0.1:{port}/udp'}}, traefik: {{address: '127.0.0.1:{inside}'}}}}\n"
    )
    instance = Instance(config)

    def status() -> dict[str, str]:
        shown: dict[str, str] = json.loads(get(inside, "/api/udp/services/s@file")[1])["serverStatus"]
        return shown

    def answers() -> set[bytes]:
        found = set()
        for client in clients:
            client.sendto(b"x", ("127.0.0.1", port))
            found.add(client.recv(100))
        return found

    clients = sockets(8)
    for client in clients:
        client.settimeout(PATIENCE)
    try:
        instance.wait_serving()
        until(lambda: answers() == {b"first", b"second"}, "both servers")
        first.is_well = False
        until(lambda: status()[f"127.0.0.1:{first.port}"] == "DOWN", "the verdict")
        for client in clients:
            client.close()
        clients = sockets(8)
        until(lambda: answers() == {b"second"}, "sessions with the other")
        first.is_well = True
        until(lambda: status()[f"127.0.0.1:{first.port}"] == "UP", "the acquittal")
    finally:
        instance.stop()
        first.close()
        second.close()
        for client in clients:
            client.close()


def test_all_roles_in_one_process(tmp_path: Path, names: NameServer) -> None:
    port = free_port()
    config = tmp_path / "static.yml"
    config.write_text(
        f"workers: 0\nentryPoints: {{dns: {{address: '127.0.0.1:{port}/udp'}}}}\nudp: {{routers: {{r: {{service: s}}}},"
        f" services: {{s: {{loadBalancer: {{servers: [{{address: '127.0.0.1:{names.port}'}}]}}}}}}}}\n"
    )
    instance = Instance(config)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            assert resolve(client, port, "www.example.com") == ADDRESS
    finally:
        instance.stop()


def _sockets_of(pid: int) -> int:
    return sum("socket:" in os.readlink(f"/proc/{pid}/fd/{name}") for name in os.listdir(f"/proc/{pid}/fd"))
