"""Forward's counterpart for servers that speak HTTP/2: over TLS by ALPN, or `h2c://` by prior knowledge."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Final

from trafficcop.errors import Kind, ProxyError
from trafficcop.http.answer import Answer
from trafficcop.http.body import EMPTY, Body
from trafficcop.http.h2.hpack_encoder import WITHOUT_INDEXING, encode_literal
from trafficcop.http.messages import Request, Response, Target
from trafficcop.proxy.forward import BODY_EXPECTED, Forward, Rest, lines_of
from trafficcop.proxy.h1 import ServerConnection
from trafficcop.proxy.h2_pool import Connection, StreamPool
from trafficcop.proxy.repeated import IDEMPOTENT, Repeated

_TRAILERS: Final = encode_literal(b"te", b"trailers", WITHOUT_INDEXING)


class ForwardStreams:
    """As `Forward`, over whatever the server has chosen. `plain` sends what must go over HTTP/1.1."""

    __slots__ = ("_host", "_plain", "_pool", "_prefix", "_scheme", "_target")

    def __init__(
        self, pool: StreamPool, plain: Forward, target: Target, host: bytes | None = None, prefix: bytes = b""
    ) -> None:
        self._pool = pool
        self._plain = plain
        self._target = target
        self._host = host
        self._prefix = prefix.rstrip(b"/")
        self._scheme = b"https" if pool.origin.scheme == "https" else b"http"

    def __call__(self, request: Request) -> Awaitable[Response]:
        if request.upgrade is not None:
            return self._plain(request)
        request.server = self._target
        body = request.body
        content = body.take()
        rest: Body | None = None
        if content is None:
            rest = body
        elif body.trailers:
            rest = Rest(content, body)
        whole = content if content is not None and rest is None else b""
        answer = Resent(self, request, whole) if rest is None else Answer()
        connection = self._pool.take()
        if connection is None:
            return self._dial(request, whole, rest, answer)
        self.send(connection, request, whole, rest, answer)
        return answer

    async def _dial(self, request: Request, whole: bytes, rest: Body | None, answer: Answer) -> Response:
        connection = await self._pool.dial()
        self.send(connection, request, whole, rest, answer)
        response: Response = await answer
        return response

    async def connection(self) -> Connection:
        """One that can take a request."""
        return self._pool.take() or await self._pool.dial()

    def send(self, connection: Connection, request: Request, whole: bytes, rest: Body | None, answer: Answer) -> None:
        if isinstance(connection, ServerConnection):
            connection.send(request, self._plain.encode(request, whole, rest), rest, answer)
            return
        stream = connection.start(request, answer)
        stream.begin(self._encode(connection, request, whole, rest), whole, rest)

    def _encode(self, connection: Connection, request: Request, whole: bytes, rest: Body | None) -> bytes:
        """The head as a field section. Names of HTTP/1.1's connections are left out by the encoder."""
        assert not isinstance(connection, ServerConnection)  # noqa: S101 - the caller has looked
        path = self._prefix + request.raw_path or b"/"
        if request.query is not None:
            path = b"%b?%b" % (path, request.query)
        encoder = connection.session.encoder
        host = self._host
        authority = (request.authority or self._plain.own_host) if host is None else host
        head = encoder.request_head(request.method, self._scheme, authority, path, lines_of(request))
        length = len(whole) if rest is None else rest.length
        if length or (length == 0 and (request.body is not EMPTY or request.method in BODY_EXPECTED)):
            head += encode_literal(b"content-length", b"%d" % length, WITHOUT_INDEXING)
        hop = request.headers.hop
        if hop is not None:
            for name, value in hop:
                lower = name.lower()
                if lower == b"te" and b"trailers" in value.lower():
                    head += _TRAILERS
                elif lower == b"trailer" and rest is not None:
                    head += encode_literal(b"trailer", value, WITHOUT_INDEXING)
        return head


_MOST_ATTEMPTS: Final = 6  # as net/http: connections may end faster than requests find them


class Resent(Repeated):
    """An answer whose request is sent again if the server has not looked at it."""

    _attempts: int = 0

    def __init__(self, forward: ForwardStreams, request: Request, whole: bytes) -> None:
        super().__init__()
        self._forward = forward
        self._request = request
        self._whole = whole

    def fail(self, error: BaseException) -> None:
        if not isinstance(error, ProxyError) or not self._may_repeat(error):
            super().fail(error)
            return
        self._attempts += 1
        self._send_again(self._again())

    def _may_repeat(self, error: ProxyError) -> bool:
        if not error.is_retryable:
            return False
        if error.kind is Kind.BAD_RESPONSE:
            return self._attempts < _MOST_ATTEMPTS  # refused: it has had no effect, whatever its method
        return self._attempts == 0 and self._request.method in IDEMPOTENT  # a pooled connection that just closed

    async def _again(self) -> None:
        connection = await self._forward.connection()
        self._forward.send(connection, self._request, self._whole, None, self)
