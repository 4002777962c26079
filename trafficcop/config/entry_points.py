"""Entry points: the static options."""

from __future__ import annotations

from trafficcop.config.lazy import dataclass
from trafficcop.config.scalars import Duration
from trafficcop.config.schema import option, present
from trafficcop.config.tls import Domain


@dataclass(frozen=True, slots=True)
class ForwardedHeaders:
    """`entryPoints.forwardedHeaders`."""

    connection: tuple[str, ...] = ()
    insecure: bool = False
    not_append_x_forwarded_for: bool = False
    trusted_ips: tuple[str, ...] = option((), key="trustedIPs")


@dataclass(frozen=True, slots=True)
class EncodedCharacters:
    """`entryPoints.http.encodedCharacters`."""

    allow_encoded_back_slash: bool = True
    allow_encoded_hash: bool = True
    allow_encoded_null_character: bool = True
    allow_encoded_percent: bool = True
    allow_encoded_question_mark: bool = True
    allow_encoded_semicolon: bool = True
    allow_encoded_slash: bool = True


@dataclass(frozen=True, slots=True)
class RedirectEntryPoint:
    """`entryPoints.http.redirections.entryPoint`."""

    permanent: bool = True
    priority: int = 9223372036854775806
    scheme: str = "https"
    to: str = ""


@dataclass(frozen=True, slots=True)
class Redirections:
    """`entryPoints.http.redirections`."""

    entry_point: RedirectEntryPoint | None = None


@dataclass(frozen=True, slots=True)
class EntryPointTLS:
    """`entryPoints.http.tls`."""

    cert_resolver: str = ""
    domains: tuple[Domain, ...] = ()
    options: str = ""


@dataclass(frozen=True, slots=True)
class EntryPointHTTP:
    """`entryPoints.http`."""

    encoded_characters: EncodedCharacters | None = None
    encode_query_semicolons: bool = False
    max_header_bytes: int = 1048576
    middlewares: tuple[str, ...] = ()
    redirections: Redirections | None = None
    sanitize_path: bool = True
    tls: EntryPointTLS | None = option(None, may_be_empty=True)
    underscore_headers_strategy: str = "keep"


@dataclass(frozen=True, slots=True)
class HTTP2:
    """`entryPoints.http2`."""

    max_concurrent_streams: int = 250
    max_decoder_header_table_size: int = 4096
    max_encoder_header_table_size: int = 4096


@dataclass(frozen=True, slots=True)
class HTTP3:
    """`entryPoints.http3`."""

    advertised_port: int = 0


@dataclass(frozen=True, slots=True)
class EntryPointObservability:
    """`entryPoints.observability`."""

    access_logs: bool = True
    metrics: bool = True
    trace_verbosity: str = "minimal"
    tracing: bool = True


@dataclass(frozen=True, slots=True)
class EntryPointProxyProtocol:
    """`entryPoints.proxyProtocol`."""

    insecure: bool = False
    trusted_ips: tuple[str, ...] = option((), key="trustedIPs")


@dataclass(frozen=True, slots=True)
class LifeCycle:
    """`entryPoints.transport.lifeCycle`."""

    grace_time_out: Duration = Duration.of("10s")
    request_accept_grace_timeout: Duration = Duration.of("0s")


@dataclass(frozen=True, slots=True)
class RespondingTimeouts:
    """`entryPoints.transport.respondingTimeouts`."""

    idle_timeout: Duration = Duration.of("180s")
    read_timeout: Duration = Duration.of("60s")
    write_timeout: Duration = Duration.of("0s")


@dataclass(frozen=True, slots=True)
class EntryPointTransport:
    """`entryPoints.transport`."""

    keep_alive_max_requests: int = 0
    keep_alive_max_time: Duration = Duration.of("0s")
    life_cycle: LifeCycle = present(LifeCycle)
    responding_timeouts: RespondingTimeouts = present(RespondingTimeouts)


@dataclass(frozen=True, slots=True)
class EntryPointUDP:
    """`entryPoints.udp`."""

    timeout: Duration = Duration.of("3s")


@dataclass(frozen=True, slots=True)
class EntryPoint:
    """`entryPoints`."""

    address: str = ""
    allow_acme_by_pass: bool = option(False, key="allowACMEByPass")
    as_default: bool = False
    forwarded_headers: ForwardedHeaders = present(ForwardedHeaders)
    http: EntryPointHTTP = present(EntryPointHTTP)
    http2: HTTP2 = present(HTTP2)
    http3: HTTP3 | None = option(None, may_be_empty=True)
    observability: EntryPointObservability | None = None
    proxy_protocol: EntryPointProxyProtocol | None = option(None, may_be_empty=True)
    reuse_port: bool = False
    transport: EntryPointTransport = present(EntryPointTransport)
    udp: EntryPointUDP = present(EntryPointUDP)
