"""One request and one response, whatever the HTTP version; and `Handler`, the only joint of the data plane.

Bytes are as on the wire. `Request.raw_path` and `Request.query` are what will be sent to a server; `Request.path` is
the *routing path* that matchers see: percent-decoded except for reserved characters (Traefik `pkg/muxer/http/mux.go`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from typing import TYPE_CHECKING, Any, Final

from trafficcop.errors import ProxyError
from trafficcop.http.addresses import address_number
from trafficcop.http.body import EMPTY, Body, Bytes
from trafficcop.http.headers import Field, Headers

if TYPE_CHECKING:
    from trafficcop.http.exchange import Exchange
    from trafficcop.http.meter import Meter
    from trafficcop.tls.facts import TLSFacts


class Peer:
    """The client at the other end of a connection, after PROXY protocol."""

    __slots__ = (
        "clf",
        "forwarded_authority",
        "forwarded_for",
        "forwarded_lines",
        "ip",
        "is_tls",
        "is_trusted",
        "json",
        "json_end",
        "local_address",
        "local_port",
        "number",
        "port",
        "text",
        "tls",
    )

    def __init__(
        self, text: str, port: int = 0, *, is_tls: bool = False, local_address: str = "", local_port: int = 0
    ) -> None:
        self.text = text
        self.ip = text.encode()
        self.port = port
        self.is_tls = is_tls
        self.local_address = local_address
        self.local_port = local_port  # as a PROXY header names it
        # What is the same for every request of a connection is made once: the answer of trustedIPs, the X-Forwarded-*
        # lines for the host asked last, and the X-Forwarded-For line for servers.
        self.is_trusted: bool | None = None
        self.forwarded_authority: bytes | None = None
        self.forwarded_lines = b""
        self.forwarded_for = b"X-Forwarded-For: " + self.ip + b"\r\n"
        self.number: int | None = None  # of the address, once somebody asked
        self.tls: TLSFacts | None = None  # of a connection that came through TLS
        self.clf = self.json = self.json_end = ""  # what the access log writes of it, once it has

    def learn_number(self) -> int:
        """The address as a number, worked out once per connection."""
        self.number = number = address_number(self.text)
        return number


class Route:
    """The router that took a request, for logs and metrics: `name@provider` and the name of its service."""

    __slots__ = ("clf", "is_logged", "is_measured", "json", "meter", "name", "service")

    def __init__(
        self,
        name: str,
        service: str,
        *,
        is_logged: bool = True,
        is_measured: bool = True,
        meter: Meter | None = None,
    ) -> None:
        self.name = name
        self.service = service
        self.is_logged = is_logged  # in the access log, as far as the router has a say
        self.is_measured = is_measured  # in the metrics, likewise
        self.meter = meter  # that counts its requests
        self.clf = self.json = ""  # what the access log writes of it, once it has


class Target:
    """The server that a request was sent to, for logs and metrics."""

    __slots__ = ("clf", "json", "service", "url")

    def __init__(self, service: str, url: str) -> None:
        self.service = service
        self.url = url
        self.clf = self.json = ""  # what the access log writes of it, once it has


class Origin:
    """What a server answered, before any middleware touched it: noted only where an access log is kept."""

    __slots__ = ("answered", "asked", "body", "headers", "length", "status")

    def __init__(self, asked: float) -> None:
        self.asked = asked  # as `answered`: seconds of `time.monotonic`
        self.answered = 0.0
        self.status = 0
        self.headers: list[Field] | None = None
        self.length: int | None = None
        self.body: Body = EMPTY  # to ask how much of it has come


class Request:
    """A request on its way from the client to a server.

    Attributes that most requests leave alone are defaults of the class: making the object costs what is set.
    """

    scheme: bytes = b"http"
    authority: bytes = b""  # Host as the client sent it, or the authority of an absolute-form target
    host: bytes = b""  # canonical: lower case, no port (Traefik `pkg/middlewares/requestdecorator`)
    asked_query: bytes | None = None  # the query as the client sent it, where the entry point has changed it
    is_expecting_continue: bool = False
    started: float = 0.0  # when its head was here (`time.monotonic`), if anybody keeps that
    route: Route | None = None  # set by the router
    server: Target | None = None  # set by the forwarder
    origin: Origin | None = None  # of the server asked last

    def __init__(
        self,
        method: bytes,
        raw_path: bytes,
        query: bytes | None,
        headers: Headers,
        body: Body = EMPTY,
        peer: Peer | None = None,
    ) -> None:
        self.method = method
        self.raw_path = raw_path
        self.query = query  # None: there was no "?"
        self.headers = headers
        self.body = body
        self.path = raw_path
        self.peer: Peer = NOBODY if peer is None else peer
        # Read for every request: no defaults of the class, which take five times as long to read as what is set.
        self.version = b"1.1"
        self.is_keep_alive = True
        self.connection_options: list[bytes] | None = None  # names that Connection lists, in lower case
        self.tried: set[str] | None = None  # URLs of servers that failed an earlier attempt
        self.upgrade: bytes | None = None  # the token(s) of Upgrade, when Connection asks for it
        self.marks = 0  # bits of `headers.py` that some field of this request carries
        # Words for later stages and the access log, a dict only when somebody writes one: `ClientUsername`,
        # `no_forwarded_for` (a middleware forbids X-Forwarded-For), …
        self.notes: dict[str, Any] | None = None
        # No default of the class: mypyc leaves out None for what is a Protocol.
        self.exchange: Exchange | None = None

    @property
    def target(self) -> bytes:
        """The request-target in origin-form."""
        return self.raw_path if self.query is None else self.raw_path + b"?" + self.query

    def note(self, name: str, value: Any) -> None:
        """Leave word for the access log, the metrics or the forwarder."""
        if self.notes is None:
            self.notes = {}
        self.notes[name] = value


class Response:
    """An answer on its way to the client. `tunnel` is set on 101 (and 2xx to CONNECT): what follows are raw bytes."""

    marks: int = 0  # bits of `headers.py` that some field of a server's answer carries
    failure: ProxyError | None = None  # what this answer stands for, when no server gave it

    def __init__(self, status: int, headers: Headers, body: Body = EMPTY) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.tunnel: Tunnel | None = None


def told_length(method: bytes, response: Response) -> int | None:
    """The Content-Length of an answer; None when it has none (RFC 9110 §8.6)."""
    status = response.status
    if status < 200 or status in (204, 304):
        return None
    return None if method == b"HEAD" and response.body is EMPTY else response.body.length


class Tunnel:
    """The server's end of an upgraded connection: from now on raw bytes both ways (RFC 9110 §7.8)."""

    __slots__ = ()

    def attach(self, transport: asyncio.Transport, leftover: bytes, on_closed: Callable[[], None]) -> None:
        """Join it to the client's transport. `leftover`: what it sent already."""
        raise NotImplementedError

    def close(self) -> None:
        """Nobody will attach to it."""
        raise NotImplementedError


Handler = Callable[[Request], Awaitable[Response]]

NOBODY: Final = Peer("")


class Ready:
    """An answer that needs no waiting, for handlers that are plain functions."""

    __slots__ = ("response",)

    def __init__(self, response: Response) -> None:
        self.response = response

    def __await__(self) -> Generator[Any, None, Response]:
        yield from ()
        return self.response


_TEXT: Final[Field] = (b"Content-Type", b"text/plain; charset=utf-8")
_NOSNIFF: Final[Field] = (b"X-Content-Type-Options", b"nosniff")


def text_response(status: int, text: bytes) -> Response:
    """What Go's `http.Error` sends: the text and a newline, as plain text that browsers must not sniff."""
    return Response(status, Headers([_TEXT, _NOSNIFF]), Bytes(text + b"\n"))


def malformed_response() -> Response:
    """What Go's server answers to a request that it cannot make sense of (`net/http/server.go`)."""
    return Response(400, Headers([_TEXT]), Bytes(b"400 Bad Request"))


def bare_response(status: int, body: bytes = b"") -> Response:
    """A status and a body without a Content-Type, as Traefik's own refusals are."""
    return Response(status, Headers(), Bytes(body) if body else EMPTY)
