"""How requests are shared among real servers, over one connection and over many, by one, two and four workers."""

from __future__ import annotations

import http.server
import json
import os
import signal
import socket
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.process.conftest import Server
from tests.process.instance import PATIENCE, Instance, free_port, get, until

STATIC = """
workers: {workers}
api: {{insecure: true, debug: true}}
entryPoints:
  web: {{address: "127.0.0.1:{web}"}}
  traefik: {{address: "127.0.0.1:{api}"}}
providers:
  providersThrottleDuration: 0s
  file: {{filename: {dynamic}, watch: false}}
"""
DYNAMIC = """
http:
  routers:
    all: {{rule: "Host(`example.com`) && PathPrefix(`/`)", service: app}}
    mark: {{rule: "Path(`/{mark}`)", service: app}} # every file is another plan
  services:
    app: {{loadBalancer: {{servers: [{servers}], {options}}}}}
"""


class Named(Server):
    """A server that answers with its name; while `is_holding`, not before it is told."""

    def __init__(self, name: str) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.name = name
        self.status = 200
        self.is_holding = False
        self.held = 0
        self.release = threading.Event()
        self.requests = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Named

    def do_GET(self) -> None:
        self.server.requests += 1
        if self.server.is_holding:
            self.server.held += 1
            self.server.release.wait(PATIENCE)
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(self.server.name)))
        self.end_headers()
        self.wfile.write(self.server.name.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Not a word."""


@pytest.fixture
def servers() -> Iterator[list[Named]]:
    servers = [Named(name) for name in "abcd"]
    threads = [threading.Thread(target=server.serve_forever, args=(0.01,)) for server in servers]
    for thread in threads:
        thread.start()
    yield servers
    for server, thread in zip(servers, threads, strict=True):
        server.release.set()
        server.shutdown()
        thread.join()
        server.server_close()


class Site:
    """An instance that balances among servers."""

    def __init__(self, directory: Path, workers: int, servers: list[Named], options: str, weights: str = "") -> None:
        self.web, self.api = free_port(), free_port()
        self._dynamic = directory / "dynamic.yml"
        self._mark = 0
        self.write(servers, options, weights)
        config = directory / "static.yml"
        config.write_text(STATIC.format(workers=workers, web=self.web, api=self.api, dynamic=self._dynamic))
        self.instance = Instance(config)
        self.instance.wait_serving()

    def write(self, servers: list[Named], options: str, weights: str = "") -> None:
        weight_of = dict(zip((server.name for server in servers), weights or "1" * len(servers), strict=True))
        listed = ", ".join(f'{{url: "{server.url}", weight: {weight_of[server.name]}}}' for server in servers)
        self._mark += 1
        self._dynamic.write_text(DYNAMIC.format(servers=listed, options=options, mark=f"mark{self._mark}"))

    def reload(self, servers: list[Named], options: str) -> None:
        self.write(servers, options)
        self.instance.signal(signal.SIGHUP)
        until(self._has_settled, "the new configuration in every worker")

    def _has_settled(self) -> bool:
        _, body = get(self.api, "/debug/vars")
        version = self._mark
        return all(worker["version"] == version for worker in json.loads(body)["workers"])

    def statuses(self) -> Mapping[str, str]:
        _, body = get(self.api, "/api/http/services/app@file")
        found: dict[str, str] = json.loads(body)["serverStatus"]
        return found

    def connect(self) -> Connection:
        return Connection(self.web)


class Connection:
    """A client's connection."""

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)

    def send(self, fields: str = "") -> None:
        self.sock.sendall(f"GET / HTTP/1.1\r\nHost: example.com\r\n{fields}\r\n".encode())

    def ask(self, fields: str = "") -> str:
        """The name of the server that answered, or the status of another answer."""
        self.send(fields)
        data = b""
        while b"\r\n\r\n" not in data:
            chunk = self.sock.recv(65536)
            if not chunk:
                raise ConnectionError(data)
            data += chunk
        head, _, body = data.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        while len(body) < length:
            body += self.sock.recv(65536)
        return body.decode().strip()


@pytest.fixture
def sites(tmp_path: Path) -> Iterator[list[Site]]:
    sites: list[Site] = []
    yield sites
    for site in sites:
        site.instance.stop()


def ask_each(site: Site, count: int, fields: str = "") -> list[str]:
    """One request on each of so many connections, all of them open at the same time."""
    connections = [site.connect() for _ in range(count)]
    answers = [connection.ask(fields) for connection in connections]
    for connection in connections:
        connection.sock.close()
    return answers


# === turns ===


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_turns(tmp_path: Path, sites: list[Site], servers: list[Named], workers: int) -> None:
    sites.append(site := Site(tmp_path, workers, servers[:3], "strategy: wrr", "321"))
    connection = site.connect()
    answers = [connection.ask() for _ in range(30)]
    for start in range(len(answers) - 5):
        assert Counter(answers[start : start + 6]) == {"a": 3, "b": 2, "c": 1}
    for server in servers:
        server.requests = 0
    ask_each(site, 60)
    # From here on each worker is somewhere in its turns: at most one turn away when it began, one now.
    for server, weight in zip(servers, (3, 2, 1), strict=False):
        assert abs(server.requests - 10 * weight) <= 2 * workers
    connection.sock.close()


def test_many_connections_from_the_start(tmp_path: Path, sites: list[Site], servers: list[Named]) -> None:
    sites.append(site := Site(tmp_path, 4, servers, "strategy: wrr", "5321"))
    counts: Counter[str] = Counter()
    for done in range(1, 56):
        counts.update(ask_each(site, 1))
        for name, weight in zip("abcd", (5, 3, 2, 1), strict=True):
            assert abs(counts[name] - done * weight / 11) <= 4


# === keys ===


@pytest.mark.parametrize(
    "options", ["strategy: consistentHash, consistentHash: {header: X-User}", "sticky: {header: {name: X-User}}"]
)
def test_keys_stay_when_a_server_leaves(tmp_path: Path, sites: list[Site], servers: list[Named], options: str) -> None:
    sites.append(site := Site(tmp_path, 2, servers, options))
    keys = [f"X-User: user{number}\r\n" for number in range(80)]
    before = [ask_each(site, 1, key)[0] for key in keys]
    assert before == [ask_each(site, 1, key)[0] for key in keys]  # whichever worker is asked
    assert set(before) == set("abcd")
    site.reload(servers[:2] + servers[3:], options)
    after = [ask_each(site, 1, key)[0] for key in keys]
    moved = [old for old, new in zip(before, after, strict=True) if old != new]
    assert set(moved) == {"c"}
    assert len(moved) <= 80 / 4 * 1.5


# === counts ===


def hold(site: Site, servers: list[Named], count: int, fields: str = "") -> list[Connection]:
    """So many requests that are under way, each chosen when all before it were counted."""
    connections = []
    for _ in range(count):
        before = sum(server.held for server in servers)
        connection = site.connect()
        connection.send(fields)
        connections.append(connection)
        until(lambda before=before: sum(server.held for server in servers) == before + 1, "a request")  # type: ignore[misc]
    return connections


@pytest.mark.parametrize(("strategy", "workers"), [("p2c", 4), ("leastConn", 2), ("leastConn", 4)])
def test_no_queue_is_long(tmp_path: Path, sites: list[Site], servers: list[Named], strategy: str, workers: int) -> None:
    sites.append(site := Site(tmp_path, workers, servers, f"strategy: {strategy}"))
    for server in servers:
        server.is_holding = True
    connections = hold(site, servers, 32)
    assert max(server.held for server in servers) <= 8 + 2
    for connection in connections:
        connection.sock.close()


def test_what_killed_workers_had_under_way_does_not_count(
    tmp_path: Path, sites: list[Site], servers: list[Named]
) -> None:
    pair = servers[:2]
    sites.append(site := Site(tmp_path, 2, pair, "strategy: leastConn, sticky: {header: {name: X-User}}"))
    pinned = next(user for user in "abcdefghijkl" if ask_each(site, 1, f"X-User: {user}\r\n") == ["a"])
    for server in pair:
        server.is_holding = True
    connections = hold(site, pair, 6, f"X-User: {pinned}\r\n")
    connections += hold(site, pair, 5)
    assert [server.held for server in pair] == [6, 5]
    children = site.instance.children()
    for name in ("w0", "w1"):
        os.kill(children[name], signal.SIGKILL)
    until(lambda: _are_new(site.instance, children), "new workers")
    for server in pair:
        server.held = 0
    connections += hold(site, pair, 8)
    assert [server.held for server in pair] == [4, 4]
    for connection in connections:
        connection.sock.close()


def _are_new(instance: Instance, before: Mapping[str, int]) -> bool:
    now = instance.children()
    return len(now) == len(before) and not {now["w0"], now["w1"]} & {before["w0"], before["w1"]}


# === ejections ===


@pytest.mark.parametrize("workers", [1, 4])
def test_failures_of_all_workers_eject_a_server(
    tmp_path: Path, sites: list[Site], servers: list[Named], workers: int
) -> None:
    options = "passiveHealthCheck: {failureWindow: 60s, maxFailedAttempts: 6}"
    sites.append(site := Site(tmp_path, workers, servers[:2], options))
    servers[1].status = 500
    ask_each(site, 60)
    assert servers[1].requests == 6
    assert site.statuses() == {servers[0].url: "UP", servers[1].url: "DOWN"}
    site.reload(servers[:3], options)
    assert set(ask_each(site, 30)) == {"a", "c"}
    assert servers[1].requests == 6
    assert site.statuses()[servers[1].url] == "DOWN"


def test_an_ejected_server_comes_back(tmp_path: Path, sites: list[Site], servers: list[Named]) -> None:
    options = "passiveHealthCheck: {failureWindow: 1s}"
    sites.append(site := Site(tmp_path, 2, servers[:2], options))
    servers[1].status = 500
    ask_each(site, 4)
    assert servers[1].requests == 1
    servers[1].status = 200
    until(lambda: "b" in ask_each(site, 2), "its return")
    assert set(site.statuses().values()) == {"UP"}


def test_an_active_check_takes_an_ejected_server_back(tmp_path: Path, sites: list[Site], servers: list[Named]) -> None:
    options = "passiveHealthCheck: {failureWindow: 100h}, healthCheck: {path: /health, interval: 500ms}"
    sites.append(site := Site(tmp_path, 2, servers[:2], options))
    servers[1].status = 500
    until(lambda: site.statuses()[servers[1].url] == "DOWN" or not ask_each(site, 2), "its ejection")
    servers[1].status = 200
    until(lambda: set(ask_each(site, 4)) == {"a", "b"}, "its return")
    until(lambda: site.statuses()[servers[1].url] == "UP", "word of it")
