"""Counts of the exchanges under one set of names: of an entry point, a router or a service.

A Meter belongs to one worker and is bound to what it counts when a plan is linked, so that a request costs a few
additions. `telemetry/meters.py` keeps all of them and tells control what has changed.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any, Final

from trafficcop.http.body import received_of
from trafficcop.http.headers import KIND, Headers
from trafficcop.http.messages import Request, Response

if TYPE_CHECKING:
    from trafficcop.tls.facts import TLSFacts

# What a cell holds: seconds, bytes of request and response bodies, and from BUCKETS on how many exchanges took
# how long, one number for each bound and one for what was longer than the last of them.
SUM, RECEIVED, SENT, BUCKETS = 0, 1, 2, 3

# Others would let clients make up any number of series (Traefik `pkg/middlewares/metrics/metrics.go`).
METHODS: Final = frozenset(
    (b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"TRACE", b"PATCH", b"PRI")
)
EXTENSION_METHOD: Final = b"EXTENSION_METHOD"
NON_UTF8_METHOD: Final = b"NON_UTF8_HTTP_METHOD"

HTTP, WEBSOCKET, SSE, GRPC, GRPC_WEB = "http", "websocket", "sse", "grpc", "grpc-web"

# RFC 9110 has none for a client that went away; nginx and Traefik write this.
CLIENT_GONE: Final = 499

WITHOUT_BODY: Final = frozenset((204, 304))  # whatever they come with (RFC 9110 §6.4.1)

Labels = tuple[bytes, str, int]  # method, protocol, code
Cell = list[Any]

# What a pair of Meters holds for each code: seconds for the outer, seconds for the inner, exchanges, bytes sent.
OUTER_SUM, INNER_SUM, EXCHANGES, PAIR_SENT = 0, 1, 2, 3
Pair = dict[int, list[Any]]


class Meter:
    """Cells by method, protocol and code. `key`: its level and its names.

    `header_names`: request fields whose values are labels of their own, counted apart in `by_header`.
    `pairs`: of a server, what it counts together with routers, by their Meters. It is in the `cells` of neither before
    the routers are asked to `settle`.
    """

    __slots__ = (
        "_bounds", "_first_bound", "_header_names", "_is_over", "_paired", "_usual", "by_header", "by_tls", "cells",
        "key", "pairs", "retries",
    )  # fmt: skip

    def __init__(self, key: tuple[str, ...], bounds: tuple[float, ...], header_names: tuple[bytes, ...] = ()) -> None:
        self.key = key
        self.cells: dict[Labels, Cell] = {}
        self._usual: dict[int, Cell] = {}  # those of GET and HTTP, by code, if there are no other labels
        # None until there is something: of most meters there are thousands.
        self.by_header: dict[tuple[Labels, tuple[bytes, ...]], int] | None = None
        self.by_tls: dict[tuple[str, str], int] | None = None  # by version and cipher
        self.retries = 0
        self._bounds = bounds  # seconds, ascending
        self._first_bound = bounds[0] if bounds else 0.0
        self._header_names = header_names
        self._is_over = False
        self.pairs: dict[Meter, Pair] = {}
        self._paired: list[Meter] | None = None  # the servers that count with this, which is a router

    def add(self, request: Request, tls: TLSFacts | None, code: int, elapsed: float, sent: int) -> None:
        """A GET without a body over HTTP, as most are, with no more work than it needs. `tls`: of the request."""
        cell = self._usual.get(code)
        if cell is None or elapsed > self._first_bound:
            self.count(request, b"GET", HTTP, code, elapsed, 0, sent)
            if cell is None and not self._header_names:
                self._usual[code] = self.cells[b"GET", HTTP, code]
            return
        cell[SUM] += elapsed
        cell[BUCKETS] += 1
        cell[SENT] += sent
        if tls is not None:
            self.count_tls(tls)

    def pair(self, outer: Meter, code: int) -> None:
        """From now on whoever counts for both may do so at one go (`pairs[outer][code]`): GETs without a body over
        HTTP that were answered with this code as fast as the first bound says."""
        if self._is_over or outer._is_over:
            return
        pair = self.pairs.get(outer)
        if pair is None:
            pair = self.pairs[outer] = {}
            outer._paired = [*(outer._paired or ()), self]
        pair[code] = [0.0, 0.0, 0, 0]

    def settle(self) -> None:
        """Of a router: add to the cells, its own and theirs, what it has counted together with servers."""
        for inner in self._paired or ():
            _settle(inner.pairs[self], self, inner)

    def hand_over(self, successor: Meter | None) -> None:
        """What is still to come counts for another, or for nobody."""
        self.settle()
        self._is_over = True
        for inner in self._paired or ():
            del inner.pairs[self]
        for outer, pair in self.pairs.items():
            _settle(pair, outer, self)
            outer._paired = [inner for inner in outer._paired or () if inner is not self]
        self._paired = None
        self.pairs.clear()
        self.cells = {} if successor is None else successor.cells
        self._usual = {}

    def take(self, code: int, elapsed: float, exchanges: int, sent: int) -> None:
        """As many exchanges of the kind that `add` counts, none of them slower than the first bound."""
        cell = self._cell(b"GET", HTTP, code)
        cell[SUM] += elapsed
        cell[BUCKETS] += exchanges
        cell[SENT] += sent

    def count(
        self, request: Request, method: bytes, protocol: str, code: int, elapsed: float, received: int, sent: int
    ) -> None:
        """An exchange is over."""
        cell = self.cells.get((method, protocol, code))
        if cell is None:
            cell = self._cell(method, protocol, code)
        cell[SUM] += elapsed
        if elapsed <= self._first_bound:
            cell[BUCKETS] += 1
        else:
            cell[BUCKETS + bisect_left(self._bounds, elapsed)] += 1
        cell[SENT] += sent
        if received:
            cell[RECEIVED] += received
        if self._header_names:
            self._count_headers((known_method(method), protocol, code), request.headers)
        tls = request.peer.tls
        if tls is not None:
            self.count_tls(tls)

    def count_answer(self, request: Request, response: Response, elapsed: float) -> None:
        """A server has answered over plain HTTP, and all of it is here."""
        status = response.status
        size = 0 if request.method == b"HEAD" or status in WITHOUT_BODY else received_of(response.body)
        self.count(request, request.method, HTTP, status, elapsed, received_of(request.body), size)

    def _cell(self, method: bytes, protocol: str, code: int) -> Cell:
        labels = (known_method(method), protocol, code)
        cell = self.cells.get(labels)
        if cell is None:
            cell = self.cells[labels] = [0.0, 0, 0] + [0] * (len(self._bounds) + 1)
        return cell

    def _count_headers(self, labels: Labels, headers: Headers) -> None:
        if self.by_header is None:
            self.by_header = {}
        values = tuple([headers.get(name) or b"" for name in self._header_names])
        self.by_header[labels, values] = self.by_header.get((labels, values), 0) + 1

    def count_tls(self, tls: TLSFacts) -> None:
        """An exchange came over TLS."""
        if self.by_tls is None:
            self.by_tls = {}
        version, cipher = tls.version, tls.cipher
        self.by_tls[version, cipher] = self.by_tls.get((version, cipher), 0) + 1


def _settle(pair: Pair, outer: Meter, inner: Meter) -> None:
    for code, cell in pair.items():
        outer_sum, inner_sum, exchanges, sent = cell
        if exchanges:
            cell[:] = 0.0, 0.0, 0, 0
            sent = 0 if code in WITHOUT_BODY else sent
            outer.take(code, outer_sum, exchanges, sent)
            inner.take(code, inner_sum, exchanges, sent)


def known_method(method: bytes) -> bytes:
    """The method, or what stands for all that nobody has heard of."""
    if method in METHODS:
        return method
    try:
        method.decode()
    except UnicodeDecodeError:
        return NON_UTF8_METHOD
    return EXTENSION_METHOD


def protocol_of(request: Request) -> str:
    """What is spoken over HTTP in this exchange; asked when the request comes in, before anybody changes it."""
    if request.upgrade is not None and b"websocket" in _words(request.upgrade):
        return WEBSOCKET
    if not request.marks & KIND:
        return HTTP
    headers = request.headers
    if b"text/event-stream" in _words(headers.get(b"accept") or b""):
        return SSE
    content_type = headers.get(b"content-type") or b""
    if content_type.startswith(b"application/grpc-web"):
        return GRPC_WEB
    return GRPC if content_type.startswith(b"application/grpc") else HTTP


def _words(value: bytes) -> list[bytes]:
    return [word.strip().lower() for word in value.split(b",")]


_UNKNOWN: Final = 2  # the status of gRPC for what has none
_GRPC_STATUSES: Final = 17


def grpc_code(response: Response | None) -> int:
    """The status of an answer of gRPC: in a field, or behind the body."""
    if response is None:
        return _UNKNOWN
    value = response.headers.get(b"grpc-status")
    for name, trailer in response.body.trailers or ():
        if name.lower() == b"grpc-status":
            value = trailer
    if value is None or not value.isdigit() or int(value) >= _GRPC_STATUSES:
        return _UNKNOWN
    return int(value)
