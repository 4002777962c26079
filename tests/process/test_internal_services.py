"""The services that are ours (`api@internal` …) behind routers of users, with what stands in front of them."""

from __future__ import annotations

import base64
import http.client
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process.instance import Instance, free_port

STATIC = """\
workers: 1
entryPoints:
  web: {{address: "127.0.0.1:{port}"}}
api: {{basePath: /gate}}
ping: {{manualRouting: true}}
metrics: {{prometheus: {{manualRouting: true}}}}
providers:
  file: {{filename: {directory}/dynamic.yml, watch: false}}
  rest: {{}}
"""
DYNAMIC = """\
http:
  routers:
    api: {rule: "Host(`api.localhost`)", service: api@internal, middlewares: [auth]}
    dash: {rule: "Host(`dash.localhost`)", service: dashboard@internal}
    ping: {rule: "Host(`ping.localhost`)", service: ping@internal}
    prom: {rule: "Host(`prom.localhost`)", service: prometheus@internal}
    rest: {rule: "Host(`rest.localhost`)", service: rest@internal, middlewares: [auth]}
  middlewares:
    auth: {basicAuth: {users: ["operator:{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M="]}}
"""
ALLOWED = {"Authorization": "Basic " + base64.b64encode(b"operator:test").decode()}
BROWSERS = [browser for browser in ("chromium", "google-chrome") if shutil.which(browser)][:1]


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Of an instance with a router for each service."""
    directory, found = tmp_path_factory.mktemp("internal"), free_port()
    (directory / "dynamic.yml").write_text(DYNAMIC)
    (directory / "static.yml").write_text(STATIC.format(port=found, directory=directory))
    instance = Instance(directory / "static.yml")
    try:
        instance.wait_serving()
        yield found
    finally:
        instance.stop()


def ask(
    port: int, host: str, path: str, headers: dict[str, str] | None = None, method: str = "GET", body: str = ""
) -> tuple[int, str]:
    """The status, and the body or where a redirection leads."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=15)
    connection.request(method, path, body or None, {"Host": f"{host}.localhost", **(headers or {})})
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response.status, response.headers["Location"] or text


ASKED = [
    ("api", "/gate/api/version", {}, 401, "401 Unauthorized"),
    ("api", "/gate/dashboard/", {}, 401, "401 Unauthorized"),
    ("api", "/gate/api/version", ALLOWED, 200, '"Version"'),
    ("api", "/gate", ALLOWED, 302, "/gate/dashboard/"),
    ("api", "/gate/dashboard/", ALLOWED, 200, "<title>trafficcop</title>"),
    ("api", "/api/version", ALLOWED, 404, "404 page not found"),
    ("api", "/gate/api/http/routers/none@file", ALLOWED, 404, '{"message":"router not found: none@file"}'),
    ("api", "/gate/api/http/routers?page=9", ALLOWED, 400, '{"message":"invalid request: page: 9, per_page: 100"}'),
    ("dash", "/", {}, 200, "<title>trafficcop</title>"),
    ("dash", "/gate/dashboard/dashboard.js", {}, 200, "use strict"),
    ("dash", "/gate/api/version", {}, 404, "404 page not found"),
    ("dash", "/api/rawdata", {}, 404, "404 page not found"),
    ("ping", "/anything", {}, 200, "OK"),
    ("prom", "/anything", {}, 200, "traefik_config_reloads_total"),
    ("rest", "/api/providers/rest", {}, 401, "401 Unauthorized"),
    ("rest", "/api/providers/rest", ALLOWED, 405, ""),
    ("rest", "/api/version", ALLOWED, 404, "404 page not found"),
]


@pytest.mark.parametrize(("host", "path", "headers", "status", "text"), ASKED)
def test_behind_a_router(port: int, host: str, path: str, headers: dict[str, str], status: int, text: str):
    found, said = ask(port, host, path, headers)
    assert found == status
    assert text in said


def test_each_of_them_is_an_object_with_users(port: int):
    for name in ("api", "dashboard", "ping", "prometheus", "rest"):
        _, text = ask(port, "api", f"/gate/api/http/services/{name}@internal", ALLOWED)
        shown = json.loads(text)
        assert (shown["status"], shown["provider"], len(shown["usedBy"])) == ("enabled", "internal", 1)


def test_configurations_are_put_through_a_router(port: int):
    for body, status in (('{"http": {}}', 200), ("{no", 400)):
        assert ask(port, "rest", "/api/providers/rest", ALLOWED, "PUT", body)[0] == status
    assert ask(port, "rest", "/api/providers/other", ALLOWED, "PUT", "{}")[0] == 400


def look(browser: str, port: int, path: str, profile: Path) -> str:
    """The page as the browser has it when its scripts have run."""
    address = f"http://operator:test@api.localhost:{port}{path}"
    if not browser:
        return ask(port, "api", path, ALLOWED)[1]
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}"]
    patient = ["--virtual-time-budget=10000", "--dump-dom", address]
    done = subprocess.run([browser, *options, *patient], capture_output=True, text=True, timeout=60, check=True)
    return done.stdout


PAGES = [("", "/gate/api/version", "startDate"), ("", "/gate/dashboard/", "dashboard.js")]
PAGES += [(browser, "/gate/api/version", "startDate") for browser in BROWSERS]
PAGES += [(browser, "/gate/dashboard/", "dashboard@internal") for browser in BROWSERS]  # what the API tells


@pytest.mark.parametrize(("browser", "path", "text"), PAGES)
def test_with_a_password(port: int, tmp_path: Path, browser: str, path: str, text: str):
    page = look(browser, port, path, tmp_path)
    assert text in page
    assert "does not answer" not in page
