"""What `prometheus@internal` answers, as an ASGI application: the text of the moment, on every path."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Iterable

from trafficcop.admin.app import Application, Receive, Scope, Send, serve_lifespan

_GZIP_BITS = 31  # zlib's window of 32 kB with a header and trailer of gzip (RFC 1952)
_PIECE = 256 * 1024


def create_metrics_app(render: Callable[[], Awaitable[str]], content_type: str) -> Application:
    """`render` is awaited for every request."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await serve_lifespan(receive, send)
        elif scope["type"] == "http":
            body = (await render()).encode()
            headers = [(b"content-type", content_type.encode())]
            if _accepts_gzip(scope["headers"]):
                body = await asyncio.to_thread(_compressed, body)
                headers.append((b"content-encoding", b"gzip"))
            headers.append((b"content-length", b"%d" % len(body)))
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            for start in range(0, len(body), _PIECE):
                await send({"type": "http.response.body", "body": body[start : start + _PIECE], "more_body": True})
            await send({"type": "http.response.body", "body": b""})

    return app


def _accepts_gzip(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    return any(
        name == b"accept-encoding" and any(part.split(b";")[0].strip() == b"gzip" for part in value.split(b","))
        for name, value in headers
    )


def _compressed(body: bytes) -> bytes:
    compressor = zlib.compressobj(1, zlib.DEFLATED, _GZIP_BITS)
    return compressor.compress(body) + compressor.flush()
