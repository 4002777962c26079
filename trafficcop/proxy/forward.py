"""The last Handler: a request to one server, over a pooled connection (Traefik `pkg/proxy/httputil/proxy.go`)."""

from __future__ import annotations

from collections.abc import Awaitable
from time import monotonic
from typing import Final
from urllib.parse import urlsplit

from trafficcop.errors import ProxyError
from trafficcop.http.answer import Answer
from trafficcop.http.body import EMPTY, Body
from trafficcop.http.drive import in_task
from trafficcop.http.headers import MANAGED, Field
from trafficcop.http.messages import Request, Response, Target
from trafficcop.http.observed import Observed
from trafficcop.proxy.pool import Pool
from trafficcop.proxy.repeated import IDEMPOTENT, Repeated

# Methods for which a missing body is said explicitly (RFC 9110 §8.6; net/http).
BODY_EXPECTED: Final = frozenset((b"POST", b"PUT", b"PATCH"))
_FORWARDED_FOR: Final = b"x-forwarded-for"


class Forward:
    """Sends requests to one server. `host`: the Host to send instead of the client's, or None; `prefix`: the path of
    the server's URL to put before the request's, or b"". `observed`: how its exchanges are looked at, if they are."""

    __slots__ = ("_host", "_observed", "_pool", "_prefix", "_target", "own_host")

    def __init__(
        self,
        pool: Pool,
        target: Target,
        host: bytes | None = None,
        prefix: bytes = b"",
        observed: Observed | None = None,
    ) -> None:
        self._pool = pool
        self._target = target
        self._host = host
        self._prefix = prefix.rstrip(b"/")
        self._observed = observed
        # For clients that name no host (HTTP/1.0; HTTP/2 without an authority): servers may refuse an empty one.
        self.own_host = urlsplit(target.url).netloc.rpartition("@")[2].encode()

    def __call__(self, request: Request) -> Awaitable[Response]:
        request.server = self._target
        body = request.body
        whole = body.take()
        rest: Body | None = None
        if whole is not None and not body.trailers:
            head = self._encode(request, _framing(request, whole)) + whole
        else:
            rest = body if whole is None else Rest(whole, body)
            head = self._encode(request, _stream_framing(rest))
        connection = self._pool.take()
        observed = self._observed
        if connection is None:
            coming = self._dial(request, head, rest)
            return coming if observed is None else observed.awaited(coming, request, monotonic())
        answer = self._answer(request, head, rest)
        if observed is not None:
            answer.request, answer.asked, answer.observed = request, monotonic(), observed
        connection.send(request, head, rest, answer)
        return answer

    def _answer(self, request: Request, head: bytes, rest: Body | None) -> Answer:
        """On a connection that has served before: the server may close it just when we take it. Then once more, on a
        new one."""
        if rest is None and request.method in IDEMPOTENT:
            return SecondChance(self._pool, request, head)
        return Answer()

    async def _dial(self, request: Request, head: bytes, rest: Body | None) -> Response:
        connection = await self._pool.first(self._pool.dial)
        answer = self._answer(request, head, rest) if connection.served else Answer()
        connection.send(request, head, rest, answer)
        response: Response = await answer
        return response

    def encode(self, request: Request, whole: bytes, rest: Body | None) -> bytes:
        """What is sent first: the head, and all of a body of which there is no `rest`."""
        if rest is None:
            return self._encode(request, _framing(request, whole)) + whole
        return self._encode(request, _stream_framing(rest))

    def _encode(self, request: Request, framing: bytes) -> bytes:
        """Everything up to the body. Each field is touched once."""
        host = self._host
        query = request.query
        return b"".join(
            (
                request.method,
                b" ",
                self._prefix + request.raw_path or b"/",
                b" HTTP/1.1\r\nHost: " if query is None else b"?%b HTTP/1.1\r\nHost: " % query,
                (request.authority or self.own_host) if host is None else host,
                b"\r\n",
                lines_of(request),
                b"" if request.headers.hop is None else _hop_lines(request),
                framing,
                b"\r\n",
            )
        )


def lines_of(request: Request) -> bytes:
    """The fields of a request as lines, with X-Forwarded-For."""
    if request.marks & MANAGED:
        return _with_forwarded_for(request)
    return request.headers.encode() + request.peer.forwarded_for


class SecondChance(Repeated):
    """An answer whose request is sent again, once, if the pooled connection turns out to be closed."""

    def __init__(self, pool: Pool, request: Request, head: bytes) -> None:
        super().__init__()
        self._pool = pool
        self._request = request
        self._head: bytes | None = head

    def fail(self, error: BaseException) -> None:
        head, self._head = self._head, None
        if head is None or not isinstance(error, ProxyError) or not error.is_retryable:
            super().fail(error)
            return
        self._send_again(self._again(head))

    async def _again(self, head: bytes) -> None:
        connection = await in_task(self._pool.dial())
        connection.send(self._request, head, None, self)


class Rest(Body):
    """A body that is here whole but ends with trailers."""

    __slots__ = ("_data",)

    def __init__(self, data: bytes, body: Body) -> None:
        super().__init__(None)
        self._data = data
        self.trailers = body.trailers

    async def read(self) -> bytes:
        data, self._data = self._data, b""
        return data


def _framing(request: Request, whole: bytes) -> bytes:
    if whole:
        return b"Content-Length: %d\r\n" % len(whole)
    if request.body is not EMPTY or request.method in BODY_EXPECTED:
        return b"Content-Length: 0\r\n"
    return b""


def _stream_framing(body: Body) -> bytes:
    """Of the very body that is sent: with trailers it goes in chunks, whatever length the client announced."""
    if body.length is None:
        return b"Transfer-Encoding: chunked\r\n"
    return b"Content-Length: %d\r\n" % body.length


def _hop_lines(request: Request) -> bytes:
    """The connection-level fields that have a meaning for the next hop (RFC 9110 §7.6.1, §7.8, §10.1.4)."""
    lines = []
    if request.upgrade is not None:
        lines.append(b"Connection: Upgrade\r\nUpgrade: %b\r\n" % request.upgrade)
    for name, value in request.headers.hop or ():
        lower = name.lower()
        if lower == b"te" and b"trailers" in value.lower():
            lines.append(b"Te: trailers\r\n")
        elif lower == b"trailer" and request.body.length is None:
            lines.append(b"Trailer: %b\r\n" % value)
    return b"".join(lines)


def _with_forwarded_for(request: Request) -> bytes:
    """X-Forwarded-For when somebody has said something about it already: append to it, or leave it out."""
    prior: list[bytes] = []
    lines = []
    field: Field
    for field in request.headers.fields:
        if field[0].lower() == _FORWARDED_FOR:
            prior.append(field[1])
        else:
            lines.append(b"%b: %b\r\n" % field)
    if request.notes is not None and request.notes.get("no_forwarded_for"):
        return b"".join(lines)
    own = request.peer.forwarded_for
    if not prior:
        lines.append(own)
    elif own:
        lines.append(b"X-Forwarded-For: %b, %b\r\n" % (b", ".join(prior), request.peer.ip))
    else:
        lines.append(b"X-Forwarded-For: %b\r\n" % b", ".join(prior))
    return b"".join(lines)


class Unforwardable:
    """Stands for a server whose URL leads nowhere, as one with a scheme that we cannot speak: its requests fail, those
    of its siblings do not."""

    __slots__ = ("_error", "_target")

    def __init__(self, target: Target, error: ProxyError) -> None:
        self._target = target
        self._error = error

    async def __call__(self, request: Request) -> Response:
        request.server = self._target
        error = self._error
        raise ProxyError(error.kind, error.detail, is_retryable=error.is_retryable)
