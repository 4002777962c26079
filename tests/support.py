"""What tests of handlers share: requests made by hand, a server that notes what reaches it, answers taken apart."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from trafficcop.http.body import EMPTY, Body, Bytes
from trafficcop.http.headers import Headers
from trafficcop.http.messages import Handler, Peer, Request, Response
from trafficcop.middleware import MIDDLEWARES, MiddlewareContext

Pairs = Iterable[tuple[str, str]]


def make_request(
    target: str = "/",
    *,
    method: str = "GET",
    host: str = "example.com",
    headers: Pairs = (),
    body: bytes | Body = b"",
    peer: str = "192.0.2.1",
    is_tls: bool = False,
) -> Request:
    path, mark, query = target.partition("?")
    fields = Headers.of((name.encode(), value.encode("latin-1")) for name, value in headers)
    content = (Bytes(body) if body else EMPTY) if isinstance(body, bytes) else body
    request = Request(method.encode(), path.encode(), query.encode() if mark else None, fields, content)
    request.authority = host.encode()
    request.host = host.rpartition(":")[0].encode() or host.encode()
    request.peer = Peer(peer, 50000, is_tls=is_tls)
    request.scheme = b"https" if is_tls else b"http"
    return request


class Origin:
    """A server: notes every request, answers with what it was given."""

    def __init__(self, status: int = 200, headers: Pairs = (), body: bytes = b"hello") -> None:
        self.status = status
        self.headers = [(name.encode(), value.encode()) for name, value in headers]
        self.body = body
        self.requests: list[Request] = []

    async def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        return Response(self.status, Headers.of(self.headers), Bytes(self.body))

    @property
    def last(self) -> Request:
        return self.requests[-1]


async def read_all(body: Body) -> bytes:
    whole = body.take()
    if whole is not None:
        return whole
    chunks = []
    while chunk := await body.read():
        chunks.append(chunk)
    return b"".join(chunks)


async def run(handler: Handler, request: Request) -> tuple[int, dict[str, str], bytes]:
    """Status, headers (several of one name joined by `|`) and body."""
    response = await handler(request)
    headers: dict[str, str] = {}
    for name, value in response.headers:
        key = name.decode()
        headers[key] = f"{headers[key]}|{value.decode()}" if key in headers else value.decode()
    return response.status, headers, await read_all(response.body)


def run_now(handler: Handler, request: Request) -> tuple[int, dict[str, str], bytes]:
    """`run`, for tests that are no coroutines."""
    return asyncio.run(run(handler, request))


def no_service(name: str) -> Handler:
    raise ValueError(f'the service "{name}" does not exist')


def no_middleware(name: str, next: Handler) -> Handler:
    raise ValueError(f'middleware "{name}" does not exist')


CONTEXT = MiddlewareContext("tested@file", no_service, no_middleware)


def build(kind: str, config: object, next: Handler, context: MiddlewareContext = CONTEXT) -> Handler:
    return MIDDLEWARES[kind](config, context, next)


def values(request: Request, name: str) -> list[str]:
    return [value.decode() for value in request.headers.get_all(name.encode())]


__all__ = ["CONTEXT", "Origin", "build", "make_request", "read_all", "run", "run_now", "values"]
