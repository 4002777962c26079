"""Configurations that come over HTTP, through whole instances."""

from __future__ import annotations

import http.client
import http.server
import json
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process.instance import Instance, free_port, get, until
from tests.process.site import Server


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[tuple[Instance, int, int]]:
    """With the REST provider: the port of `web`, and that of `traefik`."""
    web, inside = free_port(), free_port()
    config = tmp_path / "static.yml"
    config.write_text(
        f"workers: 1\nentryPoints: {{web: {{address: '127.0.0.1:{web}'}}, traefik: {{address: '127.0.0.1:{inside}'}}}}"
        "\nproviders: {providersThrottleDuration: 0s, rest: {insecure: true}}\napi: {}\n"
    )
    running = Instance(config)
    running.wait_serving()
    yield running, web, inside
    running.stop()


def put(port: int, body: object, path: str = "/api/providers/rest") -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=15)
    connection.request("PUT", path, None if body is None else json.dumps(body))
    status = connection.getresponse().status
    connection.close()
    return status


def routes(origin: int, prefix: str = "/", api: str = "/none") -> dict[str, object]:
    routers = {
        "r": {"rule": f"PathPrefix(`{prefix}`)", "service": "s"},
        "api": {"rule": f"PathPrefix(`{api}`)", "service": "api@internal", "priority": 1000},
    }
    services = {"s": {"loadBalancer": {"servers": [{"url": f"http://127.0.0.1:{origin}"}]}}}
    return {"http": {"routers": routers, "services": services}}


def test_routes_are_put_and_replaced(instance: tuple[Instance, int, int], origin: int) -> None:
    _, web, inside = instance
    assert get(web)[0] == 404
    assert put(inside, routes(origin, "/a")) == 200
    until(lambda: get(web, "/a")[0] == 200, "the first configuration")
    assert put(inside, {"http": {"routers": {"r": {"priority": "x"}}}}) == 400
    assert put(inside, routes(origin, "/b")) == 200
    until(lambda: get(web, "/b")[0] == 200, "the second configuration")
    assert get(web, "/a")[0] == 404


def test_they_outlive_the_control_process(instance: tuple[Instance, int, int], origin: int) -> None:
    running, web, inside = instance
    assert put(inside, routes(origin)) == 200
    until(lambda: get(web)[0] == 200, "the configuration")
    before = running.children()["ctl"]
    os.kill(before, signal.SIGKILL)
    until(lambda: running.children().get("ctl", before) != before, "another control process")
    until(lambda: running.log().count("Starting provider rest") == 2, "its provider")
    assert put(inside, {"http": {"routers": {"r": {"priority": "x"}}}}) in (400, 503)
    assert get(web)[0] == 200


def test_who_may_read_the_api_may_not_write(instance: tuple[Instance, int, int], origin: int) -> None:
    _, web, inside = instance
    assert put(inside, routes(origin, api="/api")) == 200
    until(lambda: get(web, "/api/rawdata")[0] == 200, "the API")
    assert put(web, None) == 404
    assert get(web)[0] == 200
    assert put(inside, {"http": {}}) == 200


def test_a_configuration_is_fetched(tmp_path: Path, origin: int) -> None:
    class Endpoint(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(routes(origin)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Not a word."""

    web = free_port()
    with Server(("127.0.0.1", 0), Endpoint) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        config = tmp_path / "static.yml"
        config.write_text(
            f"workers: 1\nentryPoints: {{web: {{address: '127.0.0.1:{web}'}}}}\n"
            f"providers: {{providersThrottleDuration: 0s, http: {{endpoint: 'http://127.0.0.1:{server.server_port}/'}}}}\n"
        )
        instance = Instance(config)
        try:
            instance.wait_serving()
            until(lambda: get(web)[0] == 200, "the configuration")
        finally:
            instance.stop()
            server.shutdown()
            thread.join()
