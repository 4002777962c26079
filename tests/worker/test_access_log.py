"""The lines of a worker's access log, from requests that went through all of it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.live import Answer, ask, backend, plain, running
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
    small: {{compress: {{minResponseBodyBytes: 1}}}}
    pages: {{errors: {{status: ["404"], service: page, query: "/page/{{status}}"}}}}
    digest: {{digestAuth: {{users: ["test:traefik:a2688e031edb4be6a3797f3882655c05"]}}}}
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


async def one_line(tmp_path: Path, middleware: str, answer: Answer, request: str) -> dict[str, Any]:
    """The line of one exchange, with all fields."""
    path = tmp_path / "log"
    more = f", middlewares: [{middleware}]" if middleware else ""
    static = STATIC.format(path, "json", HEADERS, "")
    async with backend(answer) as port:
        async with running(ROUTES.format(port=port, more=more), static) as (web, _):
            await ask(web, request)
            (text,) = await lines(path, 1)
    line: dict[str, Any] = json.loads(text)
    return line


CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"


@pytest.mark.parametrize("answer", [plain(200, b"hello" * 100, "Content-Type: text/plain\r\n"), CHUNKED])
async def test_the_size_at_the_server_is_that_before_compression(tmp_path: Path, answer: bytes) -> None:
    line = await one_line(tmp_path, "small", lambda n, head, body: answer, "GET /\nAccept-Encoding: gzip")
    size = 500 if b"Content-Length" in answer else 5
    assert line["OriginContentSize"] == size
    assert line["DownstreamContentSize"] not in (0, size)
    assert line["GzipRatio"] == size / line["DownstreamContentSize"]


async def test_a_page_for_an_error_comes_from_the_server_of_the_page(tmp_path: Path) -> None:
    def answer(number: int, head: str, body: bytes) -> bytes:
        return plain(200, b"a page") if " /page/404 " in head else plain(404, b"not here at all")

    line = await one_line(tmp_path, "pages", answer, "GET /")
    assert (line["ServiceName"], line["OriginStatus"], line["DownstreamStatus"]) == ("page@file", 200, 404)
    assert (line["OriginContentSize"], line["DownstreamContentSize"]) == (6, 6)


@pytest.mark.parametrize(
    ("target", "answer"),
    [
        ("HEAD /", b"HTTP/1.1 200 OK\r\n\r\n"),
        ("GET /", b"HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET /", b"HTTP/1.1 304 Not Modified\r\n\r\n"),
    ],
)
async def test_a_length_that_nobody_told_is_not_logged(tmp_path: Path, target: str, answer: bytes) -> None:
    line = await one_line(tmp_path, "", lambda n, head, body: answer, target)
    assert "origin_Content-Length" not in line
    assert "downstream_Content-Length" not in line


async def test_nobody_is_named_who_has_not_said_a_name(tmp_path: Path) -> None:
    line = await one_line(tmp_path, "digest", lambda n, head, body: plain(200), "GET /")
    assert (line["DownstreamStatus"], line["ClientUsername"]) == (401, "-")


@pytest.mark.parametrize("is_logged", [True, False])
async def test_an_entry_point_decides_for_what_no_router_takes(tmp_path: Path, is_logged: bool) -> None:
    path = tmp_path / "log"
    static = f"""
entryPoints: {{web: {{address: "127.0.0.1:0", observability: {{accessLogs: {str(is_logged).lower()}}}}}}}
accessLog: {{filePath: {path}}}
"""
    routes = """
http:
  routers: {r: {rule: Path(`/ours`), service: s, observability: {accessLogs: true}}}
  services: {s: {loadBalancer: {servers: []}}}
"""
    async with running(routes, static) as (web, _):
        await ask(web, "GET /nowhere")
        await ask(web, "GET /%zz")
        await ask(web, "GET /ours")
        found = await lines(path, 1 + 2 * is_logged)
    assert [text.split()[6] for text in found] == (["/nowhere", "/%zz", "/ours"] if is_logged else ["/ours"])
