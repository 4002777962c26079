"""The lines of a worker's access log, from requests that went through all of it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.live import ask, backend, plain, running
from tests.loopback import until

ROUTES = """
http:
  routers:
    r: {{rule: PathPrefix(`/`), service: app{more}}}
    quiet: {{rule: PathPrefix(`/quiet`), service: app, observability: {{accessLogs: false}}}}
  services:
    app: {{loadBalancer: {{servers: [{{url: 'http://127.0.0.1:{port}'}}]}}}}
    page: {{loadBalancer: {{servers: [{{url: 'http://127.0.0.1:{port}'}}]}}}}
  middlewares:
    body: {{buffering: {{maxRequestBodyBytes: 1000}}}}
    plain: {{stripPrefix: {{prefixes: [/app]}}}}
    gone: {{headers: {{customResponseHeaders: {{X-Mine: ours}}}}}}
    again: {{retry: {{attempts: 2}}}}
"""
STATIC = "entryPoints: {{web: {{address: '127.0.0.1:0'}}}}\naccessLog: {{filePath: {}, format: {}{}}}\n{}"
METRICS = "metrics: {prometheus: {addRoutersLabels: true}}"
HEADERS = ", fields: {headers: {defaultMode: keep}}"


async def lines(path: Path, count: int) -> list[str]:
    """The lines of the log, once there are so many."""
    await until(lambda: len(path.read_text().splitlines()) >= count)
    return (await asyncio.to_thread(path.read_text)).splitlines()


@pytest.mark.parametrize("metrics", ["", METRICS])
@pytest.mark.parametrize("fields", ["", HEADERS])
@pytest.mark.parametrize("middleware", ["", "plain", "gone", "body", "again"])
async def test_json(tmp_path: Path, middleware: str, fields: str, metrics: str) -> None:
    path = tmp_path / "log"
    more = f", middlewares: [{middleware}]" if middleware else ""
    async with backend(lambda n, head, body: plain(201, b"hello", "X-Mine: theirs\r\n")) as port:
        async with running(ROUTES.format(port=port, more=more), STATIC.format(path, "json", fields, metrics)) as (
            web,
            _,
        ):
            await ask(web, "GET /app/a?b=1")
            (text,) = await lines(path, 1)
    line: dict[str, Any] = json.loads(text)
    assert (line["OriginStatus"], line["OriginContentSize"], line["DownstreamStatus"]) == (201, 5, 201)
    assert 0 < line["OriginDuration"] < line["Duration"]
    assert line["Overhead"] == line["Duration"] - line["OriginDuration"]
    assert (line["RequestPath"], line["RouterName"], line["ServiceName"]) == ("/app/a?b=1", "r@file", "app@file")
    assert line["ServiceURL"] == f"http://127.0.0.1:{port}"
    assert line.get("origin_X-Mine") == ("theirs" if fields else None)
    assert line.get("downstream_X-Mine") == ({"gone": "ours"}.get(middleware, "theirs") if fields else None)


@pytest.mark.parametrize("format_", ["common", "json"])
async def test_a_server_that_cannot_be_reached(tmp_path: Path, format_: str) -> None:
    path = tmp_path / "log"
    async with running(ROUTES.format(port=1, more=""), STATIC.format(path, format_, "", METRICS)) as (web, _):
        await ask(web, "GET /")
        (text,) = await lines(path, 1)
    if format_ == "json":
        line = json.loads(text)
        assert (line["OriginStatus"], line["DownstreamStatus"], line["OriginContentSize"]) == (502, 502, 11)
    else:
        assert ' 502 11 "-" "-" 1 "r@file" "http://127.0.0.1:1" ' in text


async def test_common(tmp_path: Path) -> None:
    path = tmp_path / "log"
    async with backend(lambda n, head, body: plain(200, b"hello")) as port:
        async with running(ROUTES.format(port=port, more=""), STATIC.format(path, "common", "", METRICS)) as (web, _):
            await ask(web, "GET /quiet")
            await ask(web, "GET /a")
            await ask(web, "POST /b", b"1234")
            first, second = await lines(path, 2)
    assert f'"GET /a HTTP/1.1" 200 5 "-" "-" 2 "r@file" "http://127.0.0.1:{port}" ' in first
    assert f'"POST /b HTTP/1.1" 200 5 "-" "-" 3 "r@file" "http://127.0.0.1:{port}" ' in second


async def test_a_streamed_answer(tmp_path: Path) -> None:
    path = tmp_path / "log"
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    async with backend(lambda n, head, body: chunked) as port:
        async with running(ROUTES.format(port=port, more=""), STATIC.format(path, "json", "", "")) as (web, _):
            await ask(web, "GET /")
            (text,) = await lines(path, 1)
    line = json.loads(text)
    assert (line["OriginStatus"], line["OriginContentSize"], line["DownstreamContentSize"]) == (200, 5, 5)
    assert 0 < line["OriginDuration"] <= line["Duration"]
