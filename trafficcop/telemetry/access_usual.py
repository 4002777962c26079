"""The lines of usual exchanges with the usual fields: kept as they end, and written at one go for many.

A request about which nobody has anything to say, that a router took and a server answered; whatever else happens is
left to the general format, and a test holds the two against each other. A line written in between two requests costs
twice as much as one of a row: so they wait for one another.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from trafficcop.http.messages import Peer, Route, Target
from trafficcop.telemetry.access_fields import address_of, client_address, client_port, protocol_text, split_authority
from trafficcop.telemetry.access_text import (
    JSON_SAFE,
    NANOSECONDS,
    TARGET_SAFE,
    bare_text,
    fraction,
    iso_local,
    json_name,
    json_text,
    quoted_name,
    target_text,
)
from trafficcop.telemetry.clock import Second

# What came in: the client, the version of HTTP, method, path, query and authority, its number, when
# (`time.monotonic`) and the second of that, how much body. Where it went: router and server. What came of it: status
# and size of the answer; how many seconds it took, and how many the server. And `entry_point_json` of where it came in.
Finished = tuple[
    Peer, bytes, bytes, bytes, bytes | None, bytes, int, float, Second, int,
    Route, Target, int, int, float, float, bytes,
]  # fmt: skip
Lines = Callable[[list[Finished]], list[bytes]]

_METHODS = frozenset((b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH"))
USUAL_VERSIONS: Final = frozenset((b"1.0", b"1.1", b"2.0", b"3.0"))
_PROTOCOLS = {version: protocol_text(version) for version in USUAL_VERSIONS}
_MOST_AUTHORITIES = 1024
_JSON_TARGET_SAFE = bytes(set(TARGET_SAFE) & set(JSON_SAFE))
_COMMON = b'%b - - [%b] "%b %b %b" %b %b "-" "-" %d %b %b %dms\n'
# Numbers that come again and again; to write one takes as long as to copy ten texts.
_NUMBERS = [b"%d" % number for number in range(1024)]


def common_lines(exchanges: list[Finished]) -> list[bytes]:
    """The common format with all of its fields and no header fields."""
    lines = []
    for (
        peer, version, method, path, query, _, number, _, second, _, route, server, status, size, duration, _, _,
    ) in exchanges:  # fmt: skip
        target = path if query is None else b"%b?%b" % (path, query)
        if target.translate(None, TARGET_SAFE):
            target = target_text(target)
        line = _COMMON % (
            peer.clf or _client_clf(peer), second.clf, method if method in _METHODS else target_text(method) or b"-",
            target, _PROTOCOLS[version], _NUMBERS[status], _NUMBERS[size] if size < 1024 else b"%d" % size, number,
            route.clf or _route_clf(route), server.clf or _server_clf(server), duration * 1000,
        )  # fmt: skip
        lines.append(line)
    return lines


def _client_clf(peer: Peer) -> bytes:
    peer.clf = bare_text(peer.ip) or b"-"
    return peer.clf


def _route_clf(route: Route) -> bytes:
    route.clf = quoted_name(route.name)
    return route.clf


def _server_clf(server: Target) -> bytes:
    server.clf = quoted_name(server.url)
    return server.clf


_JSON = (
    b'{%b"DownstreamContentSize":%b,'
    b'"DownstreamStatus":%b,"Duration":%d,"OriginContentSize":%b,"OriginDuration":%d,"OriginStatus":%b,"Overhead":%d,'
    b'%b"RequestContentSize":%b,"RequestCount":%d,%b"RequestMethod":"%b","RequestPath":"%b",%b'
    b'"RequestProtocol":"%b","RequestScheme":%b,"RetryAttempts":0,"RouterName":%b,%b'
    b'"StartLocal":"%b%b%b%bZ",%b%b%b%b"}\n'
)


def json_lines(exchanges: list[Finished]) -> list[bytes]:
    """The JSON format with all of its fields and no header fields."""
    lines = []
    for (
        peer, version, method, path, query, authority, number, started, second, received, route, server,
        status, size, duration, asked, entry_point,
    ) in exchanges:  # fmt: skip
        target = path if query is None else b"%b?%b" % (path, query)
        if target.translate(None, _JSON_TARGET_SAFE):
            target = json_text(target_text(target))[1:-1]
        address, host, port = _authorities.get(authority) or _authority(authority)
        into = int((started - second.start) * NANOSECONDS)
        part = b".%09d" % into if into % 10 else fraction(into)
        now = started + duration
        total, origin = int(duration * NANOSECONDS), int(asked * NANOSECONDS)
        code, length = _NUMBERS[status], _NUMBERS[size] if size < 1024 else b"%d" % size
        line = _JSON % (
            peer.json or client_json(peer), length, code, total, length, origin, code, total - origin,
            address, b"%d" % received if received else b"0", number, host,
            method if method in _METHODS else json_text(method)[1:-1], target, port,
            _PROTOCOLS[version], b'"https"' if peer.is_tls else b'"http"',
            route.json or _route_json(route), server.json or _server_json(server),
            second.local, part, second.between, part, peer.tls_json, entry_point,
            second.local if now < second.end else iso_local(second.number + int(now - second.start))[0],
            second.offset,
        )  # fmt: skip
        lines.append(line)
    return lines


def entry_point_json(entry_point: str) -> bytes:
    """The members from the name of an entry point to the time of the line."""
    return b'"entryPointName":%b,"level":"info","msg":"","time":"' % json_name(entry_point)


def client_json(peer: Peer) -> bytes:
    """The members that a client makes, the same for all requests of a connection: four, and those of TLS apart.

    To be asked for while the connection is there.
    """
    tls = peer.tls
    if tls is not None:
        members = ((b"TLSCipher", tls.cipher), (b"TLSClientSubject", tls.client_subject), (b"TLSVersion", tls.version))
        peer.tls_json = b"".join([b'"%b":%b,' % (key, json_name(value)) for key, value in members if value])
    peer.json = b'"ClientAddr":%b,"ClientHost":%b,"ClientPort":%b,"ClientUsername":"-",' % (
        client_address(peer), json_text(peer.ip), client_port(peer),
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


_authorities: dict[bytes, tuple[bytes, bytes, bytes]] = {}


def _authority(authority: bytes) -> tuple[bytes, bytes, bytes]:
    """The three members that a Host makes, each with its key and comma."""
    if not authority:
        return b"", b"", b""
    if len(_authorities) >= _MOST_AUTHORITIES:
        _authorities.clear()  # clients choose them
    host, port = split_authority(authority)
    found = b'"RequestAddr":%b,' % json_text(authority), b'"RequestHost":%b,' % host, b'"RequestPort":%b,' % port
    _authorities[authority] = found
    return found
