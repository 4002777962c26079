"""The API: paths and methods, the dashboard, the socket."""

import asyncio
import io
import json
import logging
import tarfile
from dataclasses import replace

import pytest

from tests.admin.asgi import Client
from tests.admin.sample import REPORT, STATIC, State, Worker, client
from trafficcop.admin.app import DashboardApp, create_app
from trafficcop.admin.server import serve
from trafficcop.config.observability import Log
from trafficcop.config.static import API


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("HEAD", "/api/rawdata", 405, ""),
        ("POST", "/api/http/routers", 405, ""),
        ("DELETE", "/api/http/routers/web@file", 405, ""),
        ("GET", "/api", 404, "404 page not found\n"),
        ("GET", "/api/", 404, "404 page not found\n"),
        ("GET", "/api/rawdata/", 404, "404 page not found\n"),
        ("GET", "/api/udp/serversTransports", 404, "404 page not found\n"),
        ("GET", "/api/http/routers/a/b@rest", 404, "404 page not found\n"),
        ("GET", "/debug/vars", 404, "404 page not found\n"),
        ("GET", "/elsewhere", 404, "404 page not found\n"),
    ],
)
async def test_methods_and_unknown_paths(method, path, status, text):
    got = await client().get(path, method=method)
    assert (got.status, got.text) == (status, text)


async def test_base_path():
    there = client(static=replace(STATIC, api=API(base_path="/gate")))
    assert (await there.get("/gate/api/version")).status == 200
    assert (await there.get("/gate/dashboard/")).status == 200
    assert (await there.get("/api/version")).status == 404
    assert (await there.get("/gateway/api/version")).status == 404
    assert (await there.get("/gate")).headers["Location"] == "/gate/dashboard/"


async def test_debug_variables_only_when_asked_for():
    there = client(static=replace(STATIC, api=API(debug=True)), workers=(Worker(0, 42, 3),))
    answer = (await there.get("/debug/vars")).json()
    assert answer["workers"] == [{"index": 0, "pid": 42, "version": 3, "refused": ""}]
    assert answer["memstats"]["maxResident"] > 0
    assert answer["cmdline"]


async def test_support_dump_tells_nothing_about_its_owner():
    static = replace(STATIC, log=Log(level="DEBUG", file_path="/srv/private.log"))
    got = await client(static=static).get("/api/support-dump")
    assert got.headers["Content-Type"] == "application/gzip"
    assert got.headers["Content-Disposition"] == "attachment; filename=support-dump.tar.gz"
    with tarfile.open(fileobj=io.BytesIO(got.body)) as tar:
        members = {entry.name: json.loads(tar.extractfile(entry).read()) for entry in tar.getmembers()}
    assert list(members) == ["version.json", "static-config.json", "runtime-config.json"]
    assert set(members["version.json"]) == {"version", "codename", "startDate"}
    assert members["static-config.json"]["log"] == {"level": "DEBUG", "format": "common", "filePath": "xxxx"}
    assert members["static-config.json"]["entryPoints"]["web"]["address"] == "xxxx"
    assert members["runtime-config.json"]["middlewares"]["auth@file"]["basicAuth"]["users"] == ["xxxx"]


# === dashboard ===


@pytest.mark.parametrize(
    ("prefix", "location"),
    [
        ("", "/dashboard/"),
        ("/gate", "/gate/dashboard/"),
        ("/gate/", "/gate/dashboard/"),
        ("https://example.com", "/dashboard/"),
        ("//example.com", "/dashboard/"),
        ("\\\\example.com", "/dashboard/"),
        ("http://[", "/dashboard/"),
    ],
)
async def test_redirect_to_the_dashboard(prefix, location):
    got = await client().get("/", headers=[("X-Forwarded-Prefix", prefix)])
    assert (got.status, got.headers["Location"]) == (302, location)


@pytest.mark.parametrize(
    ("name", "type_"),
    [
        ("", "text/html"),
        ("index.html", "text/html"),
        ("dashboard.js", "text/javascript"),
        ("dashboard.css", "text/css"),
    ],
)
async def test_dashboard_files(name, type_):
    got = await client().get(f"/dashboard/{name}")
    assert (got.status, got.headers["Content-Type"]) == (200, f"{type_}; charset=utf-8")
    assert got.headers["Content-Security-Policy"].startswith("default-src 'self';")
    assert got.body


@pytest.mark.parametrize(
    ("base", "path", "status"),
    [
        ("/", "/", 200),
        ("/", "/dashboard.js", 200),
        ("/", "/dashboard/", 200),
        ("/", "/dashboard/dashboard.css", 200),
        ("/gate", "/gate/dashboard/dashboard.js", 200),
        ("/", "/none.js", 404),
        ("/", "/../app.py", 404),
        ("/", "/api/version", 404),
        ("/", "/api/rawdata", 404),
        ("/", "/api/explain", 404),
        ("/", "/debug/vars", 404),
        ("/gate", "/gate/api/version", 404),
    ],
)
async def test_the_dashboard_alone_serves_its_files_and_nothing_of_the_api(base, path, status):
    there = Client(DashboardApp(base))
    assert (await there.get(path)).status == status
    # What somebody claims about the way here changes nothing.
    assert (await there.get(path, headers=[("X-Forwarded-Prefix", "/dashboard")])).status == status
    assert [(await there.get(path, method=method)).status for method in ("HEAD", "POST")] == [status, status]


@pytest.mark.parametrize("path", ["/dashboard/../app.py", "/dashboard/%2e%2e/app.py", "/dashboard/none.js"])
async def test_dashboard_has_no_other_files(path):
    assert (await client().get(path)).status == 404


async def test_no_dashboard_when_it_is_off():
    there = client(static=replace(STATIC, api=API(dashboard=False)))
    assert [(await there.get(path)).status for path in ("/", "/dashboard/", "/api/version")] == [404, 404, 200]


async def test_the_state_is_read_at_each_request():
    state = State()
    there = Client(create_app(state, STATIC))
    assert (await there.get("/api/http/routers")).json() == []
    state.report = REPORT
    assert len((await there.get("/api/http/routers")).json()) == 4


# === server ===


async def test_serves_on_a_unix_socket(tmp_path, caplog):
    path, stop = tmp_path / "api.sock", asyncio.Event()
    path.write_text("left by a process that was killed")
    with caplog.at_level(logging.INFO):
        serving = asyncio.create_task(serve(create_app(State(REPORT), STATIC), str(path), stop))
        await asyncio.sleep(0)  # the socket is there as soon as the task has begun
        assert path.stat().st_mode & 0o077 == 0
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(b"GET /api/http/routers/a%2Fb@rest HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        stop.set()
        await serving
    assert answer.startswith(b"HTTP/1.1 200")
    assert b'"name":"a/b@rest"' in answer
    assert not path.exists()
    assert not [record for record in caplog.records if record.name.startswith("hypercorn")]


async def test_socket_that_cannot_be_bound(tmp_path):
    with pytest.raises(OSError):
        await serve(create_app(State(), STATIC), str(tmp_path / "none" / "api.sock"), asyncio.Event())
