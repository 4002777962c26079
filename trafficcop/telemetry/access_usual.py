"""The lines of the usual exchange with the usual fields, each written at one go.

A request without anything odd in it, that a router took and a server answered; whatever else happens is left to the
general format, and a test holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Callable

from trafficcop.http.body import EMPTY, received_of
from trafficcop.http.messages import Request, Route, Target
from trafficcop.telemetry.access_fields import address_of, split_authority
from trafficcop.telemetry.access_record import Seen
from trafficcop.telemetry.access_text import (
    JSON_SAFE,
    TARGET_SAFE,
    fraction,
    iso_local,
    json_name,
    json_text,
    quoted_name,
)

# The line of an exchange, b"" when it is not a usual one: what came in; the status, size and duration of the answer;
# when the server was asked and for how long.
Usual = Callable[[Seen, Route, Target, int, int, int, int], bytes]

_METHODS = frozenset((b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH"))
_MILLISECOND = 10**6
_MOST_AUTHORITIES = 1024
_COMMON = b'%b - - [%b] "%b %b HTTP/1.1" %d %d "-" "-" %d %b %b %dms\n'


def usual_common(entry_point: str) -> Usual:
    """The common format with all of its fields and no header fields."""

    def line(seen: Seen, route: Route, server: Target, status: int, size: int, duration: int, asked: int) -> bytes:
        _, request, method, _, _, path, query, _, _, number, second = seen
        target = path if query is None else b"%b?%b" % (path, query)
        if method not in _METHODS or target.translate(None, TARGET_SAFE):
            return b""
        return _COMMON % (
            request.peer.ip, second.clf, method, target, status, size, number,
            route.clf or _route_clf(route), server.clf or _server_clf(server), duration // _MILLISECOND,
        )  # fmt: skip

    return line


def _route_clf(route: Route) -> bytes:
    route.clf = quoted_name(route.name)
    return route.clf


def _server_clf(server: Target) -> bytes:
    server.clf = quoted_name(server.url)
    return server.clf


_JSON = (
    b'{%b"DownstreamContentSize":%d,'
    b'"DownstreamStatus":%d,"Duration":%d,"OriginContentSize":%d,"OriginDuration":%d,"OriginStatus":%d,"Overhead":%d,'
    b'%b"RequestContentSize":%d,"RequestCount":%d,%b"RequestMethod":"%b","RequestPath":"%b",%b'
    b'"RequestProtocol":"HTTP/1.1","RequestScheme":"http","RetryAttempts":0,"RouterName":%b,%b'
    b'"StartLocal":"%b%b%b%b%b%b%b"}\n'
)


def usual_json(entry_point: str) -> Usual:
    """The JSON format with all of its fields and no header fields."""
    middle = b'Z","entryPointName":%b,"level":"info","msg":"","time":"' % json_name(entry_point)
    authorities: dict[bytes, tuple[bytes, bytes, bytes]] = {}

    def line(seen: Seen, route: Route, server: Target, status: int, size: int, duration: int, asked: int) -> bytes:
        started, request, method, body, _, path, query, authority, _, number, second = seen
        target = path if query is None else b"%b?%b" % (path, query)
        peer = request.peer
        client = peer.json or _client(request)
        if method not in _METHODS or not client or target.translate(None, JSON_SAFE):
            return b""
        known = authorities.get(authority)
        if known is None:
            if len(authorities) >= _MOST_AUTHORITIES:
                authorities.clear()  # clients choose them
            known = authorities[authority] = _authority(authority)
        address, host, port = known
        into = started - second.start
        part = b".%09d" % into if into % 10 else fraction(into)
        local, now = second.local, started + duration
        logged = local if now < second.end else iso_local(second.number + (now - second.start) // 10**9)[0]
        return _JSON % (
            client, size, status, duration, size, asked, status, duration - asked,
            address, 0 if body is EMPTY else received_of(body), number, host, method, target, port,
            route.json or _route_json(route), server.json or _server_json(server),
            local, part, second.between, part, middle, logged, second.offset,
        )  # fmt: skip

    return line


def is_plain(request: Request) -> bool:
    """Over HTTP/1.1 without TLS, and nobody has anything to say about it."""
    return request.notes is None and request.version == b"1.1" and not request.peer.is_tls


def _client(request: Request) -> bytes:
    """The four members that a client makes, the same for all requests of a connection; b"" for an odd one."""
    peer = request.peer
    if not peer.port or b":" in peer.ip:
        return b""
    peer.json = b'"ClientAddr":"%b:%d","ClientHost":"%b","ClientPort":"%d","ClientUsername":"-",' % (
        peer.ip, peer.port, peer.ip, peer.port,
    )  # fmt: skip
    return peer.json


def _route_json(route: Route) -> bytes:
    route.json = json_name(route.name)
    return route.json


def _server_json(server: Target) -> bytes:
    """The three members that a server makes."""
    server.json = b'"ServiceAddr":%b,"ServiceName":%b,"ServiceURL":%b,' % (
        address_of(server.url), json_name(server.service), json_name(server.url),
    )  # fmt: skip
    return server.json


def _authority(authority: bytes) -> tuple[bytes, bytes, bytes]:
    """The three members that a Host makes, each with its key and comma."""
    if not authority:
        return b"", b"", b""
    host, port = split_authority(authority)
    return b'"RequestAddr":%b,' % json_text(authority), b'"RequestHost":%b,' % host, b'"RequestPort":%b,' % port
