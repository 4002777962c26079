"""`grpcWeb` between a client that has only HTTP/1.1, as browsers do, and a server of grpcio."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import pytest

from tests.live import ask, live
from tests.proxy.test_grpc import Echo

DYNAMIC = """http:
  routers: {{all: {{rule: 'PathPrefix(`/`)', service: echo, middlewares: [web]}}}}
  services: {{echo: {{loadBalancer: {{servers: [{{url: 'h2c://127.0.0.1:{port}'}}]}}}}}}
  middlewares: {{web: {{grpcWeb: {{allowOrigins: ['https://a.example.com']}}}}}}
"""
BOTH = pytest.mark.parametrize("kind", ["application/grpc-web+proto", "application/grpc-web-text"])


@asynccontextmanager
async def served() -> AsyncIterator[int]:
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((Echo().handlers(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with live(DYNAMIC.format(port=port)) as web:
            yield web
    finally:
        await server.stop(None)


def frame(message: bytes) -> bytes:
    return b"\0" + len(message).to_bytes(4, "big") + message


def frames(content: bytes) -> list[tuple[int, bytes]]:
    found = []
    while content:
        end = 5 + int.from_bytes(content[1:5], "big")
        found.append((content[0], content[5:end]))
        content = content[end:]
    return found


def untexted(content: bytes) -> bytes:
    """Several base64 texts, each with its padding."""
    return b"".join(base64.b64decode(content[at : at + 4]) for at in range(0, len(content), 4))


async def call(
    port: int, method: str, kind: str, message: bytes
) -> tuple[int, dict[str, str], list[tuple[int, bytes]]]:
    is_text = "text" in kind
    body = base64.b64encode(frame(message)) if is_text else frame(message)
    fields = f"Content-Type: {kind}\nX-Grpc-Web: 1\nOrigin: https://a.example.com"
    status, headers, content = await ask(port, f"POST /test.Echo/{method}\n{fields}", body)
    return status, headers, frames(untexted(content) if is_text else content)


@BOTH
async def test_one_answer(kind: str) -> None:
    async with served() as port:
        status, headers, found = await call(port, "Unary", kind, b"\xff hello")
    assert (status, headers["access-control-allow-origin"]) == (200, "https://a.example.com")
    assert headers["content-type"].startswith(kind.partition("+")[0])
    assert headers["x-begin"] == "1"
    assert "x-begin" in headers["access-control-expose-headers"].lower()
    assert [flag for flag, _ in found] == [0, 0x80]
    assert found[0][1] == b"\xff hello"
    lines = found[1][1].split(b"\r\n")
    assert b"grpc-status: 0" in lines
    assert b"x-end: 2" in lines


@BOTH
async def test_many_answers_and_what_failed_late(kind: str) -> None:
    async with served() as port:
        _, _, found = await call(port, "Count", kind, b"50")
        assert [data for flag, data in found if not flag] == [b"%d" % number for number in range(50)]
        assert b"grpc-status: 0\r\n" in found[-1][1]
        _, _, found = await call(port, "RefuseLate", kind, b"")
    assert found[0] == (0, b"one")
    assert b"grpc-status: 15\r\n" in found[1][1]
    assert b"grpc-message: after one\r\n" in found[1][1]


@BOTH
async def test_a_refusal_is_told_where_a_browser_can_read_it(kind: str) -> None:
    async with served() as port:
        status, headers, found = await call(port, "Refuse", kind, b"me")
    assert (status, headers["grpc-status"], headers["grpc-message"]) == (200, "7", "no: me")
    assert {"grpc-status", "grpc-message"} <= set(headers["access-control-expose-headers"].lower().split(", "))
    assert [flag for flag, _ in found] == [0x80]
