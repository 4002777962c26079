"""The dynamic configuration: what a provider hands over."""

from __future__ import annotations

from collections.abc import Mapping

from trafficcop.config.lazy import dataclass
from trafficcop.config.middlewares import Middleware
from trafficcop.config.own import RouterTimeouts
from trafficcop.config.own_balancing import ConsistentHash, OutlierDetection, StickyClientIP, StickyHeader
from trafficcop.config.scalars import Duration, FileOrContent
from trafficcop.config.schema import mapping, option
from trafficcop.config.shared import HealthCheck, WeightedService
from trafficcop.config.stream import TCPConfiguration, UDPConfiguration
from trafficcop.config.tls import Certificate, Domain, Spiffe, TLSConfiguration


@dataclass(frozen=True, slots=True)
class RouterObservability:
    """`http.routers.observability`."""

    access_logs: bool | None = None
    metrics: bool | None = None
    trace_verbosity: str = "minimal"
    tracing: bool | None = None


@dataclass(frozen=True, slots=True)
class RouterTLS:
    """`http.routers.tls`."""

    cert_resolver: str = ""
    domains: tuple[Domain, ...] = ()
    options: str = ""


@dataclass(frozen=True, slots=True)
class Router:
    """`http.routers`."""

    entry_points: tuple[str, ...] = ()
    middlewares: tuple[str, ...] = ()
    observability: RouterObservability | None = None
    parent_refs: tuple[str, ...] = option((), not_in_labels=True)
    priority: int = 0
    responding_timeouts: RouterTimeouts | None = None  # ours
    rule: str = ""
    rule_syntax: str = option("", deprecated="write the rule in the v3 syntax")
    service: str = ""
    tls: RouterTLS | None = option(None, may_be_empty=True)


@dataclass(frozen=True, slots=True)
class ForwardingTimeouts:
    """`http.serversTransports.forwardingTimeouts`."""

    dial_timeout: Duration = Duration.of("30s")
    idle_conn_timeout: Duration = Duration.of("90s")
    ping_timeout: Duration = Duration.of("15s")
    read_idle_timeout: Duration = Duration.of("0s")
    response_header_timeout: Duration = Duration.of("0s")


@dataclass(frozen=True, slots=True)
class ServersTransport:
    """`http.serversTransports`."""

    certificates: tuple[Certificate, ...] = ()
    cipher_suites: tuple[str, ...] = ()
    disable_http2: bool = option(False, key="disableHTTP2")
    forwarding_timeouts: ForwardingTimeouts | None = None
    insecure_skip_verify: bool = False
    max_idle_conns_per_host: int = 0
    max_version: str = ""
    min_version: str = ""
    peer_cert_uri: str = option("", key="peerCertURI")
    root_cas: tuple[FileOrContent, ...] = option((), key="rootCAs")
    server_name: str = ""
    spiffe: Spiffe | None = option(None, may_be_empty=True)


@dataclass(frozen=True, slots=True)
class FailoverErrors:
    """`http.services.failover.errors`."""

    max_request_body_bytes: int = -1
    status: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Failover:
    """`http.services.failover`."""

    errors: FailoverErrors | None = None
    fallback: str = ""
    health_check: HealthCheck | None = option(None, may_be_empty=True)
    service: str = ""


@dataclass(frozen=True, slots=True)
class HighestRandomWeight:
    """`http.services.highestRandomWeight`."""

    health_check: HealthCheck | None = option(None, may_be_empty=True)
    services: tuple[WeightedService, ...] = ()


@dataclass(frozen=True, slots=True)
class ServerHealthCheck:
    """`http.services.loadBalancer.healthCheck`."""

    follow_redirects: bool = True
    headers: Mapping[str, str] = mapping()
    healthy_threshold: int | None = None  # ours; 1
    hostname: str = ""
    interval: Duration = Duration.of("30s")
    method: str = ""
    mode: str = "http"
    path: str = ""
    port: int = 0
    scheme: str = ""
    status: int = 0
    timeout: Duration = Duration.of("5s")
    unhealthy_interval: Duration | None = None
    unhealthy_threshold: int | None = None  # ours; 1


@dataclass(frozen=True, slots=True)
class PassiveHealthCheck:
    """`http.services.loadBalancer.passiveHealthCheck`."""

    failure_window: Duration = Duration.of("10s")
    max_failed_attempts: int = 1


@dataclass(frozen=True, slots=True)
class ResponseForwarding:
    """`http.services.loadBalancer.responseForwarding`."""

    flush_interval: Duration = Duration.of("100ms")


@dataclass(frozen=True, slots=True)
class LabelServer:
    """`http.services.loadBalancer.server`."""

    port: str = option("", labels_only=True)
    preserve_path: bool = option(False, labels_only=True)
    scheme: str = option("http", labels_only=True)
    url: str = option("", labels_only=True)
    weight: int | None = option(None, labels_only=True)  # 1


@dataclass(frozen=True, slots=True)
class Server:
    """`http.services.loadBalancer.servers`."""

    fenced: bool = False
    preserve_path: bool = False
    url: str = ""
    weight: int | None = None  # 1


@dataclass(frozen=True, slots=True)
class Cookie:
    """`http.services.loadBalancer.sticky.cookie`."""

    domain: str = ""
    http_only: bool = False
    max_age: int = 0
    name: str = ""
    path: str = "/"
    same_site: str = ""
    secure: bool = False


@dataclass(frozen=True, slots=True)
class Sticky:
    """`http.services.loadBalancer.sticky`."""

    cookie: Cookie | None = option(None, may_be_empty=True)
    client_ip: StickyClientIP | None = option(None, key="clientIP", may_be_empty=True)  # ours
    header: StickyHeader | None = None  # ours


@dataclass(frozen=True, slots=True)
class LoadBalancer:
    """`http.services.loadBalancer`."""

    consistent_hash: ConsistentHash | None = option(None, may_be_empty=True)  # ours
    health_check: ServerHealthCheck | None = None
    outlier_detection: OutlierDetection | None = option(None, may_be_empty=True)  # ours
    pass_host_header: bool = True
    passive_health_check: PassiveHealthCheck | None = None
    response_forwarding: ResponseForwarding | None = None
    retry_for: Duration = Duration.of("0s")  # ours
    server: LabelServer | None = None
    servers: tuple[Server, ...] = ()
    servers_transport: str = ""
    slow_start: Duration = Duration.of("0s")  # ours
    sticky: Sticky | None = option(None, may_be_empty=True)
    strategy: str = "wrr"


@dataclass(frozen=True, slots=True)
class Mirror:
    """`http.services.mirroring.mirrors`."""

    name: str = ""
    percent: int = 0


@dataclass(frozen=True, slots=True)
class Mirroring:
    """`http.services.mirroring`."""

    health_check: HealthCheck | None = option(None, may_be_empty=True)
    max_body_size: int = -1
    mirror_body: bool = True
    mirrors: tuple[Mirror, ...] = ()
    service: str = ""


@dataclass(frozen=True, slots=True)
class Weighted:
    """`http.services.weighted`."""

    health_check: HealthCheck | None = option(None, may_be_empty=True)
    services: tuple[WeightedService, ...] = ()
    sticky: Sticky | None = None


@dataclass(frozen=True, slots=True)
class Service:
    """`http.services`."""

    failover: Failover | None = option(None, not_in_labels=True)
    highest_random_weight: HighestRandomWeight | None = option(None, not_in_labels=True)
    load_balancer: LoadBalancer | None = None
    middlewares: tuple[str, ...] = ()
    mirroring: Mirroring | None = option(None, not_in_labels=True)
    weighted: Weighted | None = option(None, not_in_labels=True)


@dataclass(frozen=True, slots=True)
class HTTPConfiguration:
    """`http`."""

    middlewares: Mapping[str, Middleware] = mapping()
    routers: Mapping[str, Router] = mapping()
    servers_transports: Mapping[str, ServersTransport] = mapping()
    services: Mapping[str, Service] = mapping()


@dataclass(frozen=True, slots=True)
class DynamicConfiguration:
    """The whole tree."""

    http: HTTPConfiguration | None = None
    tcp: TCPConfiguration | None = None
    tls: TLSConfiguration | None = None
    udp: UDPConfiguration | None = None
