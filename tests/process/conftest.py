"""Instances, the server they route to, and their configuration."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from tests.process.instance import Instance, free_port
from tests.process.site import Named, Server, Site


class Origin(http.server.BaseHTTPRequestHandler):
    """Answers at once, or after `/slow/SECONDS`."""

    def do_GET(self) -> None:
        if self.path.startswith("/slow/"):
            time.sleep(float(self.path.removeprefix("/slow/")))
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, format: str, *args: object) -> None:
        """Not a word."""


@pytest.fixture(scope="session")
def origin() -> Iterator[int]:
    """The port of a server that instances route to."""
    server = Server(("127.0.0.1", 0), Origin)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def port() -> int:
    return free_port()


STATIC = """
workers: {workers}
entryPoints:
  web:
    address: 127.0.0.1:{port}
    transport: {{lifeCycle: {{graceTimeOut: {grace}}}}}
{entry_points}
providers:
  providersThrottleDuration: 0s
  file: {{filename: {dynamic}, watch: false}}
{more}
"""
DYNAMIC = """
http:
  routers:
    all: {{rule: "PathPrefix(`{prefix}`)", service: origin}}
  services:
    origin: {{loadBalancer: {{servers: [{{url: "http://127.0.0.1:{origin}"}}]}}}}
"""

Start = Callable[..., Instance]


@pytest.fixture
def write_routes(tmp_path: Path, origin: int) -> Callable[[str], None]:
    """Write the dynamic configuration: one router for a prefix."""

    def write(prefix: str) -> None:
        (tmp_path / "dynamic.yml").write_text(DYNAMIC.format(prefix=prefix, origin=origin))

    return write


@pytest.fixture
def start(tmp_path: Path, port: int, write_routes: Callable[[str], None]) -> Iterator[Start]:
    """Start an instance; all of them are ended with the test."""
    instances: list[Instance] = []

    def start(
        workers: int = 2,
        environ: Mapping[str, str] | None = None,
        fds: Sequence[int] = (),
        grace: str = "10s",
        entry_points: str = "",
        more: str = "",
    ) -> Instance:
        write_routes("/")
        config = tmp_path / f"static{len(instances)}.yml"
        dynamic = tmp_path / "dynamic.yml"
        given = {"workers": workers, "port": port, "dynamic": dynamic, "grace": grace}
        config.write_text(STATIC.format(**given, entry_points=entry_points, more=more))
        instance = Instance(config, environ, fds)
        instances.append(instance)
        return instance

    yield start
    for instance in instances:
        instance.stop()


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


@pytest.fixture
def sites(tmp_path: Path) -> Iterator[list[Site]]:
    sites: list[Site] = []
    yield sites
    for site in sites:
        site.instance.stop()
