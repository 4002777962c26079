"""`errors`: which answers are replaced, what the page service is asked, and what the client gets."""

from __future__ import annotations

from typing import Any

import pytest

from tests.live import Seen, ask, backend, live, plain, routed
from tests.support import Origin, build, make_request, no_middleware, run, values
from trafficcop.config.middlewares import ErrorPage
from trafficcop.errors import Kind, ProxyError
from trafficcop.http.messages import Handler, Request, Response
from trafficcop.middleware import MiddlewareContext


def pages(config: ErrorPage, server: Handler, page: Handler) -> Handler:
    def service(name: str) -> Handler:
        assert name == "pages@file"
        return page

    return build("errors", config, server, MiddlewareContext("tested@file", service, no_middleware))


def errors(**options: Any) -> ErrorPage:
    return ErrorPage(**{"service": "pages@file", "status": ("500-599",), **options})


# status of the server, options, status for the client, is it the page
STATUSES: list[tuple[int, dict[str, Any], int, bool]] = [
    (200, {}, 200, False),
    (499, {}, 499, False),
    (500, {}, 500, True),
    (599, {}, 599, True),
    (404, {"status": ("404", "500-501")}, 404, True),
    (502, {"status": ("404", "500-501")}, 502, False),
    (500, {"status": ()}, 500, False),
    (500, {"status_rewrites": {"500": 200}}, 200, True),
    (503, {"status_rewrites": {"500": 200, "502-504": 404}}, 404, True),
    (505, {"status_rewrites": {"500": 200, "502-504": 404}}, 505, True),
    (404, {"status_rewrites": {"404": 200}}, 404, False),
]


@pytest.mark.parametrize(("original", "options", "status", "is_page"), STATUSES)
async def test_statuses(original: int, options: dict[str, Any], status: int, is_page: bool):
    server = Origin(original, [("X-From", "server")], b"server")
    page = Origin(418, [("X-From", "page")], b"page")
    answer = await run(pages(errors(**options), server, page), make_request("/x"))
    name = "page" if is_page else "server"
    assert answer == (status, {"X-From": name}, name.encode())
    assert len(page.requests) == is_page


# query, target asked for
QUERIES = [
    ("", b"", None),
    ("/{status}.html", b"/404.html", None),
    ("{status}.html", b"/404.html", None),
    ("/e?was={originalStatus}&is={status}", b"/e", b"was=503&is=404"),
    ("/e?u={url}", b"/e", b"u=http%3A%2F%2Fexample.com%3A8080%2Fa%2520b%3Fq%3D1%26r%3Dx"),
    ("/e#part", b"/e", None),
    ("/a b/ü", b"/a%20b/%C3%BC", None),
    ("/e?q=a b", b"/e", b"q=a%20b"),
]


@pytest.mark.parametrize(("query", "path", "rest"), QUERIES)
async def test_the_page_that_is_asked_for(query: str, path: bytes, rest: bytes | None):
    page = Origin()
    request = make_request("/a%20b?q=1&r=x", method="POST", host="example.com:8080", body=b"data")
    config = errors(query=query, status_rewrites={"503": 404})
    await run(pages(config, Origin(503), page), request)
    asked = page.last
    assert (asked.method, asked.raw_path, asked.query, asked.authority) == (b"GET", path, rest, b"example.com:8080")
    assert asked.body.take() == b""
    assert asked.peer.forwarded_for == b""


@pytest.mark.parametrize(("target", "url"), [("/a?", b"%2Fa"), ("/a?b", b"%2Fa%3Fb")])
async def test_the_url_without_a_question_mark_that_nothing_follows(target: str, url: bytes):
    page = Origin()
    await run(pages(errors(query="/?u={url}"), Origin(500), page), make_request(target))
    assert page.last.query == b"u=http%3A%2F%2Fexample.com" + url


async def test_the_url_over_tls():
    page = Origin()
    await run(pages(errors(query="{url}"), Origin(500), page), make_request("/", is_tls=True))
    assert page.last.raw_path == b"/https%3A%2F%2Fexample.com%2F"


async def test_a_target_that_cannot_be_asked_for():
    page = Origin()
    answer = await run(pages(errors(query="/%zz"), Origin(500), page), make_request())
    assert answer[0] == 500
    assert answer[2] == b"Internal Server Error\n"
    assert not page.requests


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (None, {"X-A": ["1", "2"], "X-B": ["3"]}),
        ((), {"X-A": ["1", "2"], "X-B": ["3"]}),
        (("x-a", "X-C"), {"X-A": ["1", "2"], "X-B": []}),
    ],
)
async def test_fields_of_the_page_request(names: tuple[str, ...] | None, expected: dict[str, list[str]]):
    page = Origin()
    request = make_request(headers=[("X-A", "1"), ("X-B", "3"), ("X-A", "2"), ("Upgrade", "websocket")])
    await run(pages(errors(error_request_headers=names), Origin(500), page), request)
    assert {name: values(page.last, name) for name in ("X-A", "X-B")} == expected
    assert not values(page.last, "Upgrade")


@pytest.mark.parametrize(("method", "status"), [("HEAD", 500), ("GET", 204), ("GET", 304)])
async def test_answers_that_have_no_body(method: str, status: int):
    handler = pages(errors(status_rewrites={"500": status}), Origin(500), Origin(body=b"page"))
    response = await handler(make_request(method=method))
    assert (response.status, response.body.length, response.body.take()) == (status, 4, b"")


class Raising:
    def __init__(self, kind: Kind) -> None:
        self.kind = kind

    async def __call__(self, request: Request) -> Response:
        raise ProxyError(self.kind)


async def test_failures_are_answers_too():
    page = Origin(body=b"page")
    assert await run(pages(errors(), Raising(Kind.UNREACHABLE), page), make_request()) == (502, {}, b"page")
    for given, kind, status in (("404", Kind.UNREACHABLE, 502), ("400-599", Kind.CLIENT_GONE, 499)):
        response = await pages(errors(status=(given,)), Raising(kind), page)(make_request())
        assert response.status == status
        assert response.failure is not None
        assert response.failure.kind is kind
    assert len(page.requests) == 1


async def test_a_page_service_that_fails_keeps_the_status():
    answer = await run(pages(errors(), Origin(500), Raising(Kind.TIMEOUT)), make_request())
    assert answer == (500, {}, b"Gateway Timeout")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"status": ("x",)}, 'strconv.Atoi: parsing "x": invalid syntax'),
        ({"status_rewrites": {"x": 200}}, 'strconv.Atoi: parsing "x": invalid syntax'),
        ({"status_rewrites": {"500": 0}}, "invalid status 0 of statusRewrites.500"),
    ],
)
def test_bad_configuration(options: dict[str, Any], text: str):
    with pytest.raises(ValueError) as raised:
        pages(errors(**options), Origin(), Origin())
    assert str(raised.value) == text


def test_a_service_that_does_not_exist():
    with pytest.raises(ValueError, match='the service "pages@file" does not exist'):
        build("errors", errors(), Origin())


async def test_through_a_listener():
    seen = Seen()
    async with (
        backend(lambda n, head, body: plain(503, b"broken", "X-From: server\r\n")) as port,
        backend(lambda n, head, body: plain(200, b"sorry", "X-From: page\r\n"), seen) as page,
    ):
        more = f", p: {{loadBalancer: {{servers: [{{url: 'http://127.0.0.1:{page}'}}]}}}}"
        options = "errors: {status: ['500-599'], service: p, query: '/{status}.html?u={url}'}"
        async with live(routed(options, port, services=more)) as web:
            found = await ask(web, "POST /x?y=1\nX-A: 1", b"data")
            head = await ask(web, "HEAD /x")
    assert (found[0], found[1]["x-from"], found[2]) == (503, "page", b"sorry")
    assert (head[0], head[1]["content-length"], head[2]) == (503, "5", b"")
    assert seen.heads[0].startswith("GET /503.html?u=http%3A%2F%2Fexample.com%2Fx%3Fy%3D1 HTTP/1.1\r\n")
    assert "X-A: 1" in seen.heads[0]
    assert "X-Forwarded-For" not in seen.heads[0]
