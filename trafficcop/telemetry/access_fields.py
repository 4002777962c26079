"""The fields of an access log line: how each is read from an AccessRecord."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from urllib.parse import urlsplit

from trafficcop.http.messages import Peer
from trafficcop.telemetry.access_record import AccessRecord
from trafficcop.telemetry.access_text import (
    NANOSECONDS,
    fraction,
    iso_local,
    iso_utc,
    json_name,
    json_string,
    json_text,
    target_text,
)

Getter = Callable[[AccessRecord], bytes]
# A getter of `JSON_FIELDS` answers the value as JSON, or b"" when the record has no such field.

_PROTOCOLS = {b"1.0": b"HTTP/1.0", b"1.1": b"HTTP/1.1", b"2": b"HTTP/2.0", b"3": b"HTTP/3.0"}


def protocol(record: AccessRecord) -> bytes:
    return protocol_text(record.request.version)


def protocol_text(version: bytes) -> bytes:
    """`HTTP/1.1`."""
    return _PROTOCOLS.get(version) or b"HTTP/" + target_text(version)


def path_with_query(record: AccessRecord) -> bytes:
    return target_text(record.original_target)


def path_alone(record: AccessRecord) -> bytes:
    return target_text(record.original_target.partition(b"?")[0])


def client_host(record: AccessRecord) -> bytes:
    return record.forwarded_for or record.request.peer.ip


def client_username(record: AccessRecord) -> bytes:
    """What an authentication noted, `-` when none took part."""
    notes = record.request.notes
    if notes is None:
        return b"-"
    name = notes.get("ClientUsername", b"-")
    return name if isinstance(name, bytes) else str(name).encode("utf-8", "surrogateescape")


def router_name(record: AccessRecord) -> str:
    route = record.request.route
    return "" if route is None else route.name


def service_url(record: AccessRecord) -> str:
    server = record.request.server
    return "" if server is None else server.url


def gzip_ratio(record: AccessRecord) -> bytes:
    """How much smaller the body became on its way through; nothing when it did not change."""
    size = record.downstream_size
    if size in (0, record.origin_size):
        return b""
    text = repr(record.origin_size / size)
    return text.removesuffix(".0").encode()


@lru_cache(maxsize=1024)
def split_authority(authority: bytes) -> tuple[bytes, bytes]:
    """Host and port, the port `-` when there is none (Go's `net.SplitHostPort`), both as JSON."""
    host, found, port = authority.rpartition(b":")
    is_bracketed = host[:1] == b"[" and host[-1:] == b"]"
    if is_bracketed:
        host = host[1:-1]
    if not found or b"]" in port or (b":" in host and not is_bracketed) or b"[" in host or b"]" in host:
        return json_text(authority), b'"-"'
    return json_text(host), json_text(port)


@lru_cache(maxsize=1024)
def address_of(url: str) -> bytes:
    """The host and port of a server's URL."""
    try:
        return json_string(urlsplit(url).netloc.rpartition("@")[2] or url)
    except ValueError:
        return json_string(url)


def _nano(second: tuple[bytes, bytes], nanoseconds: int) -> bytes:
    return b'"%b%b%b"' % (second[0], fraction(nanoseconds), second[1])


def _start_utc(record: AccessRecord) -> bytes:
    second, rest = divmod(record.started, NANOSECONDS)
    return _nano(iso_utc(second), rest)


def _start_local(record: AccessRecord) -> bytes:
    second, rest = divmod(record.started, NANOSECONDS)
    return _nano(iso_local(second), rest)


def logged_at(record: AccessRecord) -> bytes:
    return b'"%b%b"' % iso_local((record.started + record.duration) // NANOSECONDS)


def client_address(peer: Peer) -> bytes:
    """Address and port of a client as JSON."""
    ip = peer.ip
    if not peer.port:
        return json_text(ip)
    return b'"[%b]:%d"' % (ip, peer.port) if b":" in ip else b'"%b:%d"' % (ip, peer.port)


def client_port(peer: Peer) -> bytes:
    return b'"%d"' % peer.port if peer.port else b'"-"'


def _request_addr(record: AccessRecord) -> bytes:
    authority = record.original_authority
    return json_text(authority) if authority else b""


def _request_host(record: AccessRecord) -> bytes:
    authority = record.original_authority
    return split_authority(authority)[0] if authority else b""


def _request_port(record: AccessRecord) -> bytes:
    authority = record.original_authority
    return split_authority(authority)[1] if authority else b""


def _router_name(record: AccessRecord) -> bytes:
    route = record.request.route
    return b"" if route is None else json_name(route.name)


def _service_name(record: AccessRecord) -> bytes:
    server = record.request.server
    return b"" if server is None else json_name(server.service)


def _service_url(record: AccessRecord) -> bytes:
    server = record.request.server
    return b"" if server is None else json_name(server.url)


def _service_addr(record: AccessRecord) -> bytes:
    server = record.request.server
    return b"" if server is None else address_of(server.url)


def _text(attribute: str) -> Getter:
    """A field that is a string of the record, left out when it is empty."""

    def get(record: AccessRecord) -> bytes:
        value: str = getattr(record, attribute)
        return json_name(value) if value else b""

    return get


def _note(name: str) -> Getter:
    """A field that some stage left word of in `Request.notes`."""

    def get(record: AccessRecord) -> bytes:
        notes = record.request.notes
        value = notes.get(name) if notes else None
        return b"" if value is None else json_name(str(value))

    return get


def _https(record: AccessRecord) -> bytes:
    return b'"https"' if record.request.peer.is_tls else b'"http"'


JSON_FIELDS: dict[str, Getter] = {
    "ClientAddr": lambda record: client_address(record.request.peer),
    "ClientHost": lambda record: json_text(client_host(record)),
    "ClientPort": lambda record: client_port(record.request.peer),
    "ClientUsername": lambda record: json_text(client_username(record)),
    "DownstreamContentSize": lambda record: b"%d" % record.downstream_size,
    "DownstreamStatus": lambda record: b"%d" % record.downstream_status,
    "Duration": lambda record: b"%d" % record.duration,
    "GzipRatio": gzip_ratio,
    "KubernetesIngressName": _note("KubernetesIngressName"),
    "KubernetesIngressNamespace": _note("KubernetesIngressNamespace"),
    "KubernetesServiceName": _note("KubernetesServiceName"),
    "KubernetesServicePort": _note("KubernetesServicePort"),
    "OriginContentSize": lambda record: b"%d" % record.origin_size,
    "OriginDuration": lambda record: b"%d" % record.origin_duration,
    "OriginStatus": lambda record: b"%d" % record.origin_status,
    "Overhead": lambda record: b"%d" % (record.duration - record.origin_duration),
    "RequestAddr": _request_addr,
    "RequestContentSize": lambda record: b"%d" % record.request_size,
    "RequestCount": lambda record: b"%d" % record.request_count,
    "RequestHost": _request_host,
    "RequestMethod": lambda record: json_text(record.original_method),
    "RequestPath": lambda record: json_text(path_with_query(record)),
    "RequestPort": _request_port,
    "RequestProtocol": lambda record: b'"%b"' % protocol(record),
    "RequestScheme": _https,
    "RetryAttempts": lambda record: b"%d" % record.retry_attempts,
    "RouterName": _router_name,
    "ServiceAddr": _service_addr,
    "ServiceName": _service_name,
    "ServiceURL": _service_url,
    "SpanId": _text("span_id"),
    "StartLocal": _start_local,
    "StartUTC": _start_utc,
    "TLSCipher": _text("tls_cipher"),
    "TLSClientSubject": _text("tls_client_subject"),
    "TLSVersion": _text("tls_version"),
    "TraceId": _text("trace_id"),
    "entryPointName": lambda record: json_name(record.entry_point),
    "span_id": _text("span_id"),
    "trace_id": _text("trace_id"),
}
# Fields that only some records have.
OPTIONAL = frozenset(
    [
        "GzipRatio",
        "KubernetesIngressName",
        "KubernetesIngressNamespace",
        "KubernetesServiceName",
        "KubernetesServicePort",
        "RequestAddr",
        "RequestHost",
        "RequestPort",
        "RouterName",
        "ServiceAddr",
        "ServiceName",
        "ServiceURL",
        "SpanId",
        "TLSCipher",
        "TLSClientSubject",
        "TLSVersion",
        "TraceId",
        "span_id",
        "trace_id",
    ]
)
