"""`POST /api/explain` of whole instances, through a worker and past what guards the API."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.process.instance import PATIENCE, Instance, free_port, until
from tests.process.site import Named, Site, ask_each


def post(port: int, body: object, path: str = "/api/explain", **fields: str) -> tuple[int, Any]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, fields, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        content = error.read()
        return error.code, json.loads(content) if content.startswith(b"{") else content


def test_servers_as_they_are(tmp_path: Path, sites: list[Site], servers: list[Named]) -> None:
    options = "passiveHealthCheck: {failureWindow: 100s}"
    sites.append(site := Site(tmp_path, 2, servers[:2], options))
    question = {"url": f"http://example.com:{site.web}/x", "headers": {"X-Mark": "1"}}
    status, answer = post(site.api, question)
    assert status == 200
    assert [server["status"] for server in answer["router"]["service"]["servers"]] == ["UP", "UP"]
    servers[1].status = 500
    until(lambda: site.statuses()[servers[1].url] == "DOWN" or not ask_each(site, 2), "its ejection")
    _, answer = post(site.api, question)
    first, second = answer["router"]["service"]["servers"]
    assert (first["status"], second["status"]) == ("UP", "DOWN")
    assert 50 < second["ejectedFor"] <= 100
    assert "ejectedFor" not in first
    assert answer["router"]["service"]["available"] == 1
    site.reload([], options)
    _, answer = post(site.api, question)
    assert (answer["result"]["status"], answer["result"]["by"]) == (503, "service")


@pytest.fixture
def guarded(tmp_path: Path) -> Any:
    """An instance whose API stands behind a password; the port of it."""
    port = free_port()
    (tmp_path / "dynamic.yml").write_text(
        "http:\n"
        "  routers:\n"
        "    api: {rule: PathPrefix(`/api`), service: api@internal, middlewares: [auth]}\n"
        "    shop: {rule: Host(`shop.example.com`), service: noop@internal}\n"
        "  middlewares: {auth: {basicAuth: {users: ['ann:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=']}}}\n"
    )
    config = tmp_path / "static.yml"
    config.write_text(
        "workers: 1\napi: {}\n"
        f"entryPoints: {{web: {{address: '127.0.0.1:{port}'}}}}\n"
        f"providers: {{file: {{filename: {tmp_path / 'dynamic.yml'}}}}}\n"
    )
    instance = Instance(config)
    try:
        instance.wait_serving()
        yield port
    finally:
        instance.stop()


def test_behind_the_guard_of_the_api(guarded: int) -> None:
    question = {"url": f"http://shop.example.com:{guarded}/"}
    assert post(guarded, question)[0] == 401
    ann = {"Authorization": "Basic YW5uOnNlY3JldA=="}
    status, answer = post(guarded, question, **ann)
    assert (status, answer["router"]["name"], answer["result"]["status"]) == (200, "shop@file", 418)
    own = {"url": f"http://127.0.0.1:{guarded}/api/explain", "method": "POST"}
    assert post(guarded, own, **ann)[1]["result"]["status"] == 401
    assert post(guarded, {"url": "nonsense"}, **ann)[0] == 400
    status, answer = post(guarded, b"x" * 2_000_000, **ann)
    assert (status, answer) == (400, {"message": "the question is longer than 262144 bytes"})
    assert post(guarded, b"not json", **ann) == (400, {"message": "the body is no JSON, line 1 column 1"})
    assert post(guarded, question, **ann)[0] == 200  # the connections of the API have survived
