"""`respond`: the same answer to every request, and no server is asked. Ours, not Traefik's.

For maintenance pages, `robots.txt` and stubs. What stands behind it in the chain is never called; a router that has
nothing else to do names `noop@internal` as its service.
"""

from __future__ import annotations

from collections.abc import Awaitable
from pathlib import Path
from typing import Final

from trafficcop.config.own import Respond as Configuration
from trafficcop.http.body import Bytes
from trafficcop.http.headers import Field, Headers
from trafficcop.http.messages import Handler, Ready, Request, Response
from trafficcop.middleware.context import MiddlewareContext
from trafficcop.middleware.fields import field_name, field_value, is_field_name
from trafficcop.middleware.sniff import detect

_FRAMING: Final = frozenset(("content-length", "transfer-encoding", "connection"))


class Respond:
    __slots__ = ("_body", "_fields", "_status")

    def __init__(self, status: int, fields: list[Field], body: bytes) -> None:
        self._status = status
        self._fields = fields
        self._body = body

    def __call__(self, request: Request) -> Awaitable[Response]:
        return Ready(Response(self._status, Headers(self._fields.copy()), Bytes(self._body)))


def build(config: Configuration, context: MiddlewareContext, next: Handler) -> Handler:
    if not 200 <= config.status <= 599:
        raise ValueError(f"invalid status {config.status}: an answer has one from 200 to 599")
    if config.body and config.file:
        raise ValueError("body and file options are mutually exclusive")
    body = _read(config.file) if config.file else config.body.encode()
    if body and config.status in (204, 304):
        raise ValueError(f"status {config.status} has no body")
    return Respond(config.status, _fields(config, body), body)


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ValueError(f"unable to read file {path}: {error.strerror or error}") from None


def _fields(config: Configuration, body: bytes) -> list[Field]:
    fields: list[Field] = []
    for name, value in config.headers.items():
        if not is_field_name(name) or name.lower() in _FRAMING:
            raise ValueError(f"invalid header name {name!r}")
        fields.append((field_name(name), field_value(value)))
    if body and not any(name.lower() == b"content-type" for name, _ in fields):
        fields.append((b"Content-Type", detect(body)))
    return fields
