"""The lines of the usual exchange with the usual fields, each written at one go.

A request without anything odd in it, that a router took and a server answered; whatever else happens is left to the
general format, and a test holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from trafficcop.http.messages import Request
from trafficcop.telemetry.access_fields import JSON_FIELDS, split_authority
from trafficcop.telemetry.access_record import AccessRecord
from trafficcop.telemetry.access_text import (
    JSON_SAFE,
    NANOSECONDS,
    TARGET_SAFE,
    clf_utc,
    fraction,
    iso_local,
    iso_utc,
    json_name,
    json_text,
    quoted_name,
)

Format = Callable[[AccessRecord], bytes]
_METHODS = frozenset((b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH"))
_MILLISECOND = 10**6
_COMMON = b'%b - - [%b] "%b %b HTTP/1.1" %d %d "-" "-" %d %b %b %dms\n'


def usual_common(general: Format) -> Format:
    """The common format with all of its fields and no header fields."""

    def line(record: AccessRecord) -> bytes:
        request = record.request
        route, server, target, method = request.route, request.server, record.original_target, record.original_method
        if (
            route is None
            or server is None
            or request.notes is not None
            or record.forwarded_for
            or request.version != b"1.1"
            or method not in _METHODS
            or target.translate(None, TARGET_SAFE)
        ):
            return general(record)
        return _COMMON % (
            request.peer.ip,
            clf_utc(record.started // NANOSECONDS),
            method,
            target,
            record.downstream_status,
            record.downstream_size,
            record.request_count,
            quoted_name(route.name),
            quoted_name(server.url),
            record.duration // _MILLISECOND,
        )

    return line


_JSON = (
    b'{"ClientAddr":"%b:%d","ClientHost":"%b","ClientPort":"%d","ClientUsername":"-","DownstreamContentSize":%d,'
    b'"DownstreamStatus":%d,"Duration":%d,"OriginContentSize":%d,"OriginDuration":%d,"OriginStatus":%d,"Overhead":%d,'
    b'%b"RequestContentSize":%d,"RequestCount":%d,%b"RequestMethod":"%b","RequestPath":"%b",%b'
    b'"RequestProtocol":"HTTP/1.1","RequestScheme":"http","RetryAttempts":0,"RouterName":%b,%b'
    b'"StartLocal":"%b%b%b","StartUTC":"%b%bZ","entryPointName":%b,"level":"info","msg":"","time":"%b%b"}\n'
)


def usual_json(general: Format) -> Format:
    """The JSON format with all of its fields and no header fields."""

    def line(record: AccessRecord) -> bytes:
        request = record.request
        route, server, target, method = request.route, request.server, record.original_target, record.original_method
        size = record.downstream_size
        if (
            route is None
            or server is None
            or size != record.origin_size
            or not is_plain(record, request)
            or method not in _METHODS
            or target.translate(None, JSON_SAFE)
        ):
            return general(record)
        peer, started, duration, asked = request.peer, record.started, record.duration, record.origin_duration
        ip, port = peer.ip, peer.port
        address, host, host_port = _authority(record.original_authority)
        second, rest = divmod(started, NANOSECONDS)
        part = fraction(rest)
        local, offset = iso_local(second)
        now = (started + duration) // NANOSECONDS
        logged = local if now == second else iso_local(now)[0]
        return _JSON % (
            ip, port, ip, port, size, record.downstream_status, duration,
            record.origin_size, asked, record.origin_status, duration - asked,
            address, record.request_size, record.request_count, host, method, target, host_port,
            json_name(route.name), _server(server.service, server.url, record),
            local, part, offset, iso_utc(second)[0], part, json_name(record.entry_point), logged, offset,
        )  # fmt: skip

    return line


def is_plain(record: AccessRecord, request: Request) -> bool:
    """Over HTTP/1.1 without TLS, and nobody has anything to say about it."""
    peer = request.peer
    return not (
        request.notes is not None
        or record.forwarded_for
        or request.version != b"1.1"
        or peer.is_tls
        or not peer.port
        or b":" in peer.ip
        or record.trace_id
    )


@lru_cache(maxsize=1024)
def _authority(authority: bytes) -> tuple[bytes, bytes, bytes]:
    """The three members that a Host makes, each with its key and comma."""
    if not authority:
        return b"", b"", b""
    host, port = split_authority(authority)
    return b'"RequestAddr":%b,' % json_text(authority), b'"RequestHost":%b,' % host, b'"RequestPort":%b,' % port


_servers: dict[tuple[str, str], bytes] = {}
_SERVERS_LIMIT = 4096


def _server(service: str, url: str, record: AccessRecord) -> bytes:
    """The three members that a server makes."""
    known = _servers.get((service, url))
    if known is None:
        address = JSON_FIELDS["ServiceAddr"](record)
        known = b'"ServiceAddr":%b,"ServiceName":%b,"ServiceURL":%b,' % (address, json_name(service), json_name(url))
        if len(_servers) >= _SERVERS_LIMIT:
            _servers.clear()
        _servers[service, url] = known
    return known
