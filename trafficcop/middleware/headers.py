"""`headers`: request and response fields of one's own, CORS and security headers."""

from __future__ import annotations

import re
from collections.abc import Awaitable
from typing import Final

from trafficcop.config.middlewares import Headers as Configuration
from trafficcop.errors import ProxyError
from trafficcop.http.answer import changed
from trafficcop.http.failure import failure_response
from trafficcop.http.headers import FRAMING, MANAGED, is_option, learn
from trafficcop.http.messages import Handler, Ready, Request, Response
from trafficcop.middleware.context import MiddlewareContext
from trafficcop.middleware.fields import FieldEdit, field_name, field_value, is_field_name
from trafficcop.middleware.headers_cors import Origins, Preflight, has_cors
from trafficcop.middleware.headers_security import build_security, has_security

# What may stand in the Host of a request (`golang.org/x/net/http/httpguts`, ValidHostHeader).
_HOST: Final = re.compile(r"[A-Za-z0-9!$%&'()*+,\-.:;=\[\]_~]*")


class RequestFields:
    """`customRequestHeaders` without the special names."""

    __slots__ = ("_edit", "next")

    def __init__(self, edit: FieldEdit, next: Handler) -> None:
        self._edit = edit
        self.next = next

    def __call__(self, request: Request) -> Awaitable[Response]:
        self._edit.apply(request.headers)
        request.marks |= self._edit.marks
        return self.next(request)


class RequestHost:
    """The host that servers see, and no X-Forwarded-For for them if that was emptied."""

    __slots__ = ("_authority", "_is_forwarded_for_dropped", "next")

    def __init__(self, authority: bytes | None, is_forwarded_for_dropped: bool, next: Handler) -> None:
        self._authority = authority
        self._is_forwarded_for_dropped = is_forwarded_for_dropped
        self.next = next

    def __call__(self, request: Request) -> Awaitable[Response]:
        if self._authority is not None:
            request.authority = self._authority
        if self._is_forwarded_for_dropped:
            request.note("no_forwarded_for", True)
            request.marks |= MANAGED  # the forwarder looks closer
        return self.next(request)


class ResponseFields:
    """What is set on every answer: `customResponseHeaders`, CORS and Vary."""

    __slots__ = ("_edit", "_is_vary_added", "_origins", "next")

    def __init__(self, edit: FieldEdit, origins: Origins | None, is_vary_added: bool, next: Handler) -> None:
        self._edit = edit
        self._origins = origins
        self._is_vary_added = is_vary_added
        self.next = next

    def __call__(self, request: Request) -> Awaitable[Response]:
        try:
            coming = self.next(request)
        except ProxyError as error:
            coming = Ready(failure_response(error))
        return changed(self, request, coming)

    def change(self, request: Request, response: Response) -> None:
        self._edit.apply(response.headers)
        response.marks = (response.marks | self._edit.marks) & ~self._edit.dropped_marks
        if self._origins is not None:
            # What the request says now: a middleware behind this one may have changed it.
            allowed = self._origins.match(request.headers.get(b"Origin") or b"")
            if allowed is not None:
                response.headers.set(b"Access-Control-Allow-Origin", allowed)
        if self._is_vary_added:
            _add_vary(response)


def _add_vary(response: Response) -> None:
    vary = b",".join(value for value in response.headers.get_all(b"Vary") if value)
    if vary != b"Origin":
        response.headers.set(b"Vary", vary + b",Origin" if vary else b"Origin")


def build(config: Configuration, context: MiddlewareContext, next: Handler) -> Handler:
    is_cors = has_cors(config)
    if not (is_cors or has_security(config) or config.custom_request_headers or config.custom_response_headers):
        raise ValueError("headers configuration not valid")
    handler = build_security(config, next) if has_security(config) else next
    if is_cors or config.custom_request_headers or config.custom_response_headers:
        origins = Origins(config)
        handler = _build_response(config, origins, handler)
        handler = _build_request(config, handler)
        if is_cors:
            handler = Preflight(config, origins, handler)
    return handler


def _build_response(config: Configuration, origins: Origins, next: Handler) -> Handler:
    values: dict[bytes, bytes | None] = {
        field_name(name): field_value(value) if value else None
        for name, value in config.custom_response_headers.items()
        if is_field_name(name)
        and not learn(name.encode()) & FRAMING  # Go writes no other; bodies say how long they are
    }
    if config.access_control_allow_credentials:
        values[b"Access-Control-Allow-Credentials"] = b"true"
    if origins.exposed:
        values[b"Access-Control-Expose-Headers"] = origins.exposed
    edit = FieldEdit(values)
    if not (edit or origins or config.add_vary_header):
        return next
    return ResponseFields(edit, origins or None, config.add_vary_header, next)


def _host(value: str) -> bytes:
    """A host as it can be sent; b"" for what is none: the server gets its own (net/http: `PunycodeHostPort`)."""
    name, colon, port = value.partition(":")
    if not value.isascii():
        try:
            name = name.encode("idna").decode()
        except UnicodeError:
            return b""
    host = name + colon + port
    return host.encode() if _HOST.fullmatch(host) else b""


def _build_request(config: Configuration, next: Handler) -> Handler:
    values: dict[bytes, bytes | None] = {}
    authority: bytes | None = None
    for name, value in config.custom_request_headers.items():
        if name.lower() == "host" and value:
            authority = _host(value)
        elif learn(name.encode()) & FRAMING:
            continue  # how long a body is nobody can choose
        elif not is_field_name(name):
            raise ValueError(f"invalid header name {name!r}")
        else:
            values[field_name(name)] = field_value(value) if value else None
    # What Connection lists ends here, whoever has set it (Traefik `pkg/proxy/httputil/proxy.go`).
    listed = (values.get(b"Connection") or b"").decode("latin-1").lower().split(",")
    for option in map(str.strip, listed):
        if is_field_name(option) and is_option(option.encode()) and not learn(option.encode()) & MANAGED:
            values[field_name(option)] = None
    # Traefik knows the special meaning in this spelling alone.
    is_forwarded_for_dropped = config.custom_request_headers.get("X-Forwarded-For") == ""
    handler = RequestFields(FieldEdit(values), next) if values else next
    if authority is not None or is_forwarded_for_dropped:
        handler = RequestHost(authority, is_forwarded_for_dropped, handler)
    return handler
