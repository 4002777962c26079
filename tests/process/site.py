"""An instance that balances among servers which answer with their names."""

from __future__ import annotations

import http.server
import json
import signal
import socket
import threading
import time
from collections.abc import Mapping
from pathlib import Path

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


class Server(http.server.ThreadingHTTPServer):
    """A server with a thread for each connection."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that left is what some tests are about."""


class Named(Server):
    """A server that answers with its name, after `seconds`; while `is_holding`, not before it is told.

    `queues`: how many requests were here at the same time when each of them came, itself among them.
    """

    def __init__(self, name: str) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.name = name
        self.status = 200
        self.is_holding = False
        self.held = 0
        self.release = threading.Event()
        self.requests = 0
        self.seconds = 0.0
        self.queues: list[int] = []
        self._under_way = 0
        self._lock = threading.Lock()

    def enter(self) -> None:
        with self._lock:
            self.requests += 1
            self._under_way += 1
            self.queues.append(self._under_way)

    def leave(self) -> None:
        with self._lock:
            self._under_way -= 1

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet: no waiting for acknowledgements
    server: Named

    def do_GET(self) -> None:
        self.server.enter()
        if self.server.is_holding:
            self.server.held += 1
            self.server.release.wait(PATIENCE)
        if self.server.seconds:
            time.sleep(self.server.seconds)
        self.server.leave()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(self.server.name)))
        self.end_headers()
        self.wfile.write(self.server.name.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Not a word."""


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

    def __init__(self, port: int, source: str = "127.0.0.1") -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE, source_address=(source, 0))

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


def ask_each(site: Site, count: int, fields: str = "") -> list[str]:
    """One request on each of so many connections, all of them open at the same time."""
    connections = [site.connect() for _ in range(count)]
    answers = [connection.ask(fields) for connection in connections]
    for connection in connections:
        connection.sock.close()
    return answers


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
