"""`grpcWeb`: gRPC for browsers, which see no trailers (Traefik `pkg/middlewares/grpcweb/grpcweb.go`).

The protocol: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable
from typing import Final

from trafficcop.config.middlewares import GRPCWeb as Configuration
from trafficcop.errors import Kind, ProxyError, Side
from trafficcop.http.body import Body, Bytes
from trafficcop.http.failure import failure_response
from trafficcop.http.headers import Field, Headers
from trafficcop.http.messages import Handler, Ready, Request, Response
from trafficcop.middleware.context import MiddlewareContext
from trafficcop.middleware.fields import field_name

_GRPC: Final = b"application/grpc"
_WEB: Final = b"application/grpc-web"
_TEXT: Final = b"application/grpc-web-text"
_METHODS: Final = (b"GET", b"POST", b"HEAD")
_VARY: Final[list[Field]] = [
    (b"Vary", b"Origin"),
    (b"Vary", b"Access-Control-Request-Method"),
    (b"Vary", b"Access-Control-Request-Headers"),
]


class GRPCWeb:
    """Turns a browser's calls into gRPC, and says who may make them (CORS)."""

    __slots__ = ("_is_open", "_origins", "next")

    def __init__(self, origins: tuple[str, ...], next: Handler) -> None:
        self.next = next
        self._is_open = "*" in origins
        self._origins = frozenset(origin.encode() for origin in origins)

    def __call__(self, request: Request) -> Awaitable[Response]:
        method = request.method
        if method == b"POST":
            kind = request.headers.get(b"Content-Type") or b""
            if kind.startswith(_WEB):
                return self._call(request, kind)
        elif method == b"OPTIONS" and _asks_for_grpc_web(request):
            wanted = request.headers.get(b"Access-Control-Request-Method")
            if wanted:
                return Ready(self._preflight(request, wanted))
        return self.next(request)

    async def _call(self, request: Request, kind: bytes) -> Response:
        is_text = kind.startswith(_TEXT)
        _make_native(request, kind, is_text)
        try:
            response = await self.next(request)
        except ProxyError as error:
            if error.side is Side.DOWNSTREAM:
                raise
            response = failure_response(error)
        self._allow(request, response)
        _make_web(response, is_text)
        return response

    # === CORS ===

    def _is_allowed(self, origin: bytes | None) -> bool:
        return bool(origin) and (self._is_open or origin in self._origins)

    def _preflight(self, request: Request, method: bytes) -> Response:
        fields = _VARY.copy()
        origin = request.headers.get(b"Origin")
        if origin is not None and self._is_allowed(origin) and method.upper() in _METHODS:
            names = request.headers.get(b"Access-Control-Request-Headers") or b""
            listed = [field_name(name.strip()) for name in names.decode("latin-1").split(",") if name.strip()]
            fields += [
                (b"Access-Control-Allow-Origin", origin),
                (b"Access-Control-Allow-Methods", method.upper()),
                (b"Access-Control-Allow-Headers", b", ".join(listed)),
                (b"Access-Control-Allow-Credentials", b"true"),
                (b"Access-Control-Max-Age", b"600"),
            ]
        return Response(200, Headers(fields))

    def _allow(self, request: Request, response: Response) -> None:
        headers = response.headers
        origin = request.headers.get(b"Origin")
        headers.add(b"Vary", b"Origin")
        if origin is not None and self._is_allowed(origin):
            headers.set(b"Access-Control-Allow-Origin", origin)
            headers.set(b"Access-Control-Allow-Credentials", b"true")


def _asks_for_grpc_web(request: Request) -> bool:
    return b"x-grpc-web" in (request.headers.get(b"Access-Control-Request-Headers") or b"").lower()


def _make_native(request: Request, kind: bytes, is_text: bool) -> None:
    """The request as gRPC has it. A browser may not send `TE`, without which many servers refuse a call."""
    headers = request.headers
    headers.set(b"Content-Type", kind.replace(_TEXT if is_text else _WEB, _GRPC, 1))
    headers.set(b"Te", b"trailers")
    if is_text:
        whole = request.body.take()
        request.body = Decoded(request.body) if whole is None else Bytes(_decode(whole))


def _make_web(response: Response, is_text: bool) -> None:
    """The answer as a browser can read it: its trailers as the last message."""
    headers = response.headers
    kind = headers.get(b"Content-Type")
    if kind is not None:
        headers.set(b"Content-Type", kind.replace(_GRPC, _TEXT if is_text else _WEB, 1))
    headers.remove(b"Trailer")
    headers.remove(b"Access-Control-Expose-Headers")
    names = dict.fromkeys(field_name(name.decode("latin-1")) for name, _ in headers.fields)
    names.setdefault(b"Content-Type")
    headers.add(b"Access-Control-Expose-Headers", b", ".join([*names, b"grpc-status", b"grpc-message"]))
    body = response.body
    whole = body.take()
    if whole is None:
        response.body = Framed(body, is_text)
    else:
        parts = [whole, trailer_frame(body.trailers)]
        response.body = Bytes(b"".join([base64.b64encode(part) for part in parts] if is_text else parts))


def trailer_frame(trailers: list[Field] | None) -> bytes:
    """The message that stands for trailers: flag 0x80, length, and a line for each."""
    lines = b"".join(sorted(b"%b: %b\r\n" % (name.lower(), value) for name, value in trailers or ()))
    return b"\x80" + len(lines).to_bytes(4, "big") + lines


class Framed(Body):
    """An answer's body with its trailers as the last message; as text each piece is encoded by itself."""

    __slots__ = ("_body", "_is_framed", "_is_text")

    def __init__(self, body: Body, is_text: bool) -> None:
        super().__init__(None)
        self._body = body
        self._is_text = is_text
        self._is_framed = False

    async def read(self) -> bytes:
        if self._is_framed:
            return b""
        data = await self._body.read()
        if not data:
            self._is_framed = True
            data = trailer_frame(self._body.trailers)
        return base64.b64encode(data) if self._is_text else data

    def close(self) -> None:
        self._body.close()


class Decoded(Body):
    """A request's body that comes as base64, in any pieces."""

    __slots__ = ("_body", "_left")

    def __init__(self, body: Body) -> None:
        super().__init__(None)
        self._body = body
        self._left = b""

    async def read(self) -> bytes:
        while True:
            data = await self._body.read()
            if not data:
                if self._left:
                    raise ProxyError(Kind.BAD_REQUEST, "the base64 text is cut off")
                return b""
            text = self._left + _without_breaks(data)
            end = len(text) & ~3
            self._left = text[end:]
            if end:
                return _decode(text[:end])

    def close(self) -> None:
        self._body.close()


def _without_breaks(text: bytes) -> bytes:
    return text.replace(b"\r", b"").replace(b"\n", b"")


def _decode(text: bytes) -> bytes:
    """Base64 to bytes; several texts may follow one another, each with its padding."""
    try:
        text = _without_breaks(text)
        if b"=" not in text[:-4]:
            return base64.b64decode(text, validate=True)
        return b"".join([base64.b64decode(text[at : at + 4], validate=True) for at in range(0, len(text), 4)])
    except binascii.Error as error:
        raise ProxyError(Kind.BAD_REQUEST, f"base64: {error}") from None


def build(config: Configuration, context: MiddlewareContext, next: Handler) -> Handler:
    return GRPCWeb(config.allow_origins, next)
