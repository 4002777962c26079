"""Health checks of whole instances with two workers, seen from outside."""

from __future__ import annotations

import http.server
import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.process.instance import Instance, free_port, get, until
from tests.process.site import STATIC, Server

DYNAMIC = """
http:
  routers:
    all: {{rule: "PathPrefix(`/`)", service: app}}
    {more}
  services:
    app:
      loadBalancer:
        servers: [{{url: "http://127.0.0.1:{a}"}}, {{url: "http://127.0.0.1:{b}"}}]
        healthCheck: {{path: /health, interval: {interval}, unhealthyInterval: {interval}, timeout: 5s}}
"""


class Patient(Server):
    """A server that answers with its name, and its health check with `status`."""

    def __init__(self, name: bytes) -> None:
        self.name = name
        self.status = 200
        self.checks = 0
        super().__init__(("127.0.0.1", 0), _Answer)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Answer(http.server.BaseHTTPRequestHandler):
    server: Patient

    def do_GET(self) -> None:
        is_check = self.path == "/health"
        self.server.checks += is_check
        self.send_response(self.server.status if is_check else 200)
        self.send_header("Content-Length", str(len(self.server.name)))
        self.end_headers()
        self.wfile.write(self.server.name)

    def log_message(self, format: str, *args: object) -> None:
        """Not a word."""


@pytest.fixture
def patients() -> Iterator[tuple[Patient, Patient]]:
    servers = (Patient(b"a"), Patient(b"b"))
    threads = [threading.Thread(target=server.serve_forever, args=(0.01,)) for server in servers]
    for thread in threads:
        thread.start()
    yield servers
    for server, thread in zip(servers, threads, strict=True):
        server.shutdown()
        thread.join()
        server.server_close()


class Ward:
    """An instance in front of two servers."""

    def __init__(self, directory: Path, patients: tuple[Patient, Patient]) -> None:
        self.web, self.api = free_port(), free_port()
        self.patients = patients
        self._dynamic = directory / "dynamic.yml"
        self.write("50ms")
        config = directory / "static.yml"
        config.write_text(STATIC.format(workers=2, web=self.web, api=self.api, dynamic=self._dynamic))
        self.instance = Instance(config)
        self.instance.wait_serving()

    def write(self, interval: str, more: str = "") -> None:
        a, b = (patient.server_port for patient in self.patients)
        self._dynamic.write_text(DYNAMIC.format(a=a, b=b, interval=interval, more=more))

    def reload(self, interval: str, more: str = "") -> None:
        self.write(interval, more)
        self.instance.signal(signal.SIGHUP)

    def names(self) -> set[bytes]:
        """Who answers, over so many connections that both workers are asked."""
        return {get(self.web)[1] for _ in range(16)}

    def shown(self) -> dict[str, str]:
        """What the API says of the servers; nothing while it starts."""
        code, answer = get(self.api, "/api/http/services/app@file")
        shown: dict[str, str] = json.loads(answer).get("serverStatus", {}) if code == 200 else {}
        return shown


Wards = Callable[[], Ward]


@pytest.fixture
def ward(tmp_path: Path, patients: tuple[Patient, Patient]) -> Iterator[Ward]:
    ward = Ward(tmp_path, patients)
    yield ward
    ward.instance.stop()


def test_servers_go_down_and_come_back_in_every_worker(ward: Ward) -> None:
    a, b = ward.patients
    assert ward.names() == {b"a", b"b"}
    assert ward.shown() == {a.url: "UP", b.url: "UP"}
    a.status = 500
    until(lambda: ward.names() == {b"b"}, "only b")
    assert ward.shown() == {a.url: "DOWN", b.url: "UP"}
    b.status = 500
    until(lambda: get(ward.web) == (503, b"no available server\n"), "nobody")
    a.status = b.status = 200
    until(lambda: ward.names() == {b"a", b"b"}, "both")
    assert ward.shown() == {a.url: "UP", b.url: "UP"}
    assert "Health check failed." in ward.instance.log()


def test_a_worker_that_starts_later_knows_who_is_down(ward: Ward) -> None:
    ward.patients[0].status = 500
    until(lambda: ward.names() == {b"b"}, "only b")
    old = ward.instance.children()
    for role in ("w0", "w1"):
        os.kill(old[role], signal.SIGKILL)
        until(lambda role=role: ward.instance.children().get(role, old[role]) != old[role], "a new worker")  # type: ignore[misc]
        assert ward.names() == {b"b"}


def test_a_reload_keeps_what_is_known(ward: Ward) -> None:
    a, b = ward.patients
    a.status = 500
    until(lambda: ward.names() == {b"b"}, "only b")
    more = "second: {rule: 'PathPrefix(`/second`)', service: app}"
    ward.reload("50ms", more)
    until(lambda: get(ward.api, "/api/http/routers/second@file")[0] == 200, "the reload")
    assert ward.shown() == {a.url: "DOWN", b.url: "UP"}
    assert ward.names() == {b"b"}


def test_control_comes_back_and_no_server_flaps(ward: Ward) -> None:
    a, b = ward.patients
    a.status = 500
    until(lambda: ward.names() == {b"b"}, "only b")
    ward.write("1h")  # the new one will not ask by itself
    os.kill(ward.instance.children()["ctl"], signal.SIGKILL)
    assert ward.names() == {b"b"}
    checks = a.checks
    until(lambda: a.checks > checks, "a question to the server that was down")
    assert ward.names() == {b"b"}
    until(lambda: ward.shown() == {a.url: "DOWN", b.url: "UP"}, "the API of the new control process")
