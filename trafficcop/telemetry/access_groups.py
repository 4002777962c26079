"""Members of a JSON line that stand side by side and are usually all kept, each group written at one go.

They answer what their getters in `access_fields` would, in the same order; a test holds the two against each other.
"""

from __future__ import annotations

from functools import lru_cache

from trafficcop.telemetry.access_fields import (
    JSON_FIELDS,
    Getter,
    client_username,
    path_with_query,
    protocol,
    split_authority,
)
from trafficcop.telemetry.access_record import AccessRecord
from trafficcop.telemetry.access_text import NANOSECONDS, fraction, iso_local, iso_utc, json_name, json_text


def _separately(names: tuple[str, ...], record: AccessRecord) -> bytes:
    """The members one by one, without those that the record does not have."""
    members = [(name.encode(), JSON_FIELDS[name](record)) for name in names]
    return b"".join([b'"%b":%b,' % member for member in members if member[1]])


_CLIENT = ("ClientAddr", "ClientHost", "ClientPort", "ClientUsername")


def _client(record: AccessRecord) -> bytes:
    peer = record.request.peer
    ip, port = peer.ip, peer.port
    if record.forwarded_for or not port or b":" in ip:
        return _separately(_CLIENT, record)
    username = b'"-"' if record.request.notes is None else json_text(client_username(record))
    return b'"ClientAddr":"%b:%d","ClientHost":"%b","ClientPort":"%d","ClientUsername":%b,' % (
        ip,
        port,
        ip,
        port,
        username,
    )


def _downstream(record: AccessRecord) -> bytes:
    return b'"DownstreamContentSize":%d,"DownstreamStatus":%d,"Duration":%d,' % (
        record.downstream_size,
        record.downstream_status,
        record.duration,
    )


_KUBERNETES = (
    "KubernetesIngressName",
    "KubernetesIngressNamespace",
    "KubernetesServiceName",
    "KubernetesServicePort",
)


def _kubernetes(record: AccessRecord) -> bytes:
    return _separately(_KUBERNETES, record) if record.request.notes else b""


def _origin(record: AccessRecord) -> bytes:
    return b'"OriginContentSize":%d,"OriginDuration":%d,"OriginStatus":%d,"Overhead":%d,' % (
        record.origin_size,
        record.origin_duration,
        record.origin_status,
        record.duration - record.origin_duration,
    )


@lru_cache(maxsize=1024)
def _authority(authority: bytes) -> tuple[bytes, bytes, bytes]:
    """The three members that a Host makes, each with its key."""
    if not authority:
        return b"", b"", b""
    host, port = split_authority(authority)
    return b'"RequestAddr":%b,' % json_text(authority), b'"RequestHost":%b,' % host, b'"RequestPort":%b,' % port


_REQUEST = (
    "RequestAddr",
    "RequestContentSize",
    "RequestCount",
    "RequestHost",
    "RequestMethod",
    "RequestPath",
    "RequestPort",
    "RequestProtocol",
    "RequestScheme",
    "RetryAttempts",
)


def _request(record: AccessRecord) -> bytes:
    address, host, port = _authority(record.original_authority)
    return (
        b'%b"RequestContentSize":%d,"RequestCount":%d,%b"RequestMethod":%b,"RequestPath":%b,%b"RequestProtocol":"%b",'
        b'"RequestScheme":"%b","RetryAttempts":%d,'
    ) % (
        address,
        record.request_size,
        record.request_count,
        host,
        json_text(record.original_method),
        json_text(path_with_query(record)),
        port,
        protocol(record),
        b"https" if record.request.peer.is_tls else b"http",
        record.retry_attempts,
    )


_ROUTE = ("RouterName", "ServiceAddr", "ServiceName", "ServiceURL")


@lru_cache(maxsize=4096)
def _server(service: str, url: str, address: bytes) -> bytes:
    return b'"ServiceAddr":%b,"ServiceName":%b,"ServiceURL":%b,' % (address, json_name(service), json_name(url))


def _route(record: AccessRecord) -> bytes:
    request = record.request
    route, server = request.route, request.server
    router = b"" if route is None else b'"RouterName":%b,' % json_name(route.name)
    if server is None:
        return router
    return router + _server(server.service, server.url, JSON_FIELDS["ServiceAddr"](record))


def _start(record: AccessRecord) -> bytes:
    second, rest = divmod(record.started, NANOSECONDS)
    part = fraction(rest)
    local, offset = iso_local(second)
    utc, _ = iso_utc(second)
    return b'"StartLocal":"%b%b%b","StartUTC":"%b%bZ",' % (local, part, offset, utc, part)


_TLS = ("TLSCipher", "TLSClientSubject", "TLSVersion", "TraceId")


def _tls(record: AccessRecord) -> bytes:
    if not record.tls_version and not record.trace_id:
        return b""
    return _separately(_TLS, record)


# Each group and the members that it writes.
GROUPS: tuple[tuple[tuple[str, ...], Getter], ...] = (
    (_CLIENT, _client),
    (("DownstreamContentSize", "DownstreamStatus", "Duration"), _downstream),
    (_KUBERNETES, _kubernetes),
    (("OriginContentSize", "OriginDuration", "OriginStatus", "Overhead"), _origin),
    (_REQUEST, _request),
    (_ROUTE, _route),
    (("StartLocal", "StartUTC"), _start),
    (_TLS, _tls),
)
