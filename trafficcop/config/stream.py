"""The `tcp` and `udp` sections of the dynamic configuration."""

from __future__ import annotations

from collections.abc import Mapping

from trafficcop.config.datagrams import UDPMiddleware, UDPServerHealthCheck
from trafficcop.config.lazy import dataclass
from trafficcop.config.scalars import Duration, FileOrContent
from trafficcop.config.schema import mapping, option
from trafficcop.config.shared import HealthCheck, WeightedService
from trafficcop.config.tls import Certificate, Domain, Spiffe


@dataclass(frozen=True, slots=True)
class InFlightConn:
    """`tcp.middlewares.inFlightConn`."""

    amount: int = 0


@dataclass(frozen=True, slots=True)
class TCPIPAllowList:
    """`tcp.middlewares.ipAllowList`."""

    source_range: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TCPIPWhiteList:
    """`tcp.middlewares.ipWhiteList`."""

    source_range: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TCPMiddleware:
    """`tcp.middlewares`."""

    in_flight_conn: InFlightConn | None = None
    ip_allow_list: TCPIPAllowList | None = None
    ip_white_list: TCPIPWhiteList | None = option(None, deprecated="use ipAllowList")


@dataclass(frozen=True, slots=True)
class TCPRouterTLS:
    """`tcp.routers.tls`."""

    cert_resolver: str = ""
    domains: tuple[Domain, ...] = ()
    options: str = ""
    passthrough: bool = False


@dataclass(frozen=True, slots=True)
class TCPRouter:
    """`tcp.routers`."""

    entry_points: tuple[str, ...] = ()
    middlewares: tuple[str, ...] = ()
    priority: int = 0
    rule: str = ""
    rule_syntax: str = option("", deprecated="write the rule in the v3 syntax")
    service: str = ""
    tls: TCPRouterTLS | None = option(None, may_be_empty=True)


@dataclass(frozen=True, slots=True)
class ProxyProtocol:
    """`tcp.serversTransports.proxyProtocol`."""

    version: int = 2


@dataclass(frozen=True, slots=True)
class TCPTransportTLS:
    """`tcp.serversTransports.tls`."""

    certificates: tuple[Certificate, ...] = ()
    insecure_skip_verify: bool = False
    peer_cert_uri: str = option("", key="peerCertURI")
    root_cas: tuple[FileOrContent, ...] = option((), key="rootCAs")
    server_name: str = ""
    spiffe: Spiffe | None = option(None, may_be_empty=True)


@dataclass(frozen=True, slots=True)
class TCPServersTransport:
    """`tcp.serversTransports`."""

    dial_keep_alive: Duration = Duration.of("15s")
    dial_timeout: Duration = Duration.of("30s")
    proxy_protocol: ProxyProtocol | None = option(None, may_be_empty=True)
    termination_delay: Duration = Duration.of("100ms")
    tls: TCPTransportTLS | None = option(None, may_be_empty=True)


@dataclass(frozen=True, slots=True)
class TCPServerHealthCheck:
    """`tcp.services.loadBalancer.healthCheck`."""

    expect: str = ""
    interval: Duration = Duration.of("30s")
    port: int = 0
    send: str = ""
    timeout: Duration = Duration.of("5s")
    unhealthy_interval: Duration | None = None


@dataclass(frozen=True, slots=True)
class TCPLabelServer:
    """`tcp.services.loadBalancer.server`."""

    port: str = option("", labels_only=True)
    tls: bool = option(False, labels_only=True)


@dataclass(frozen=True, slots=True)
class TCPServer:
    """`tcp.services.loadBalancer.servers`."""

    address: str = option("", not_in_labels=True)
    tls: bool = False
    weight: int | None = option(None, not_in_labels=True)  # ours; 1


@dataclass(frozen=True, slots=True)
class TCPLoadBalancer:
    """`tcp.services.loadBalancer`."""

    health_check: TCPServerHealthCheck | None = option(None, may_be_empty=True)
    proxy_protocol: ProxyProtocol | None = option(None, may_be_empty=True, deprecated="use serversTransport")
    server: TCPLabelServer | None = None
    servers: tuple[TCPServer, ...] = ()
    servers_transport: str = ""
    termination_delay: int | None = option(None, deprecated="use serversTransport")


@dataclass(frozen=True, slots=True)
class TCPWeighted:
    """`tcp.services.weighted`."""

    health_check: HealthCheck | None = option(None, may_be_empty=True)
    services: tuple[WeightedService, ...] = ()


@dataclass(frozen=True, slots=True)
class TCPService:
    """`tcp.services`."""

    load_balancer: TCPLoadBalancer | None = None
    weighted: TCPWeighted | None = option(None, not_in_labels=True)


@dataclass(frozen=True, slots=True)
class TCPConfiguration:
    """`tcp`."""

    middlewares: Mapping[str, TCPMiddleware] = mapping()
    routers: Mapping[str, TCPRouter] = mapping()
    servers_transports: Mapping[str, TCPServersTransport] = mapping()
    services: Mapping[str, TCPService] = mapping()


@dataclass(frozen=True, slots=True)
class UDPRouter:
    """`udp.routers`. Traefik's has entry points and a service; one without a rule takes every datagram."""

    entry_points: tuple[str, ...] = ()
    middlewares: tuple[str, ...] = ()
    priority: int = 0
    rule: str = ""
    service: str = ""


@dataclass(frozen=True, slots=True)
class UDPLabelServer:
    """`udp.services.loadBalancer.server`."""

    port: str = option("", labels_only=True)


@dataclass(frozen=True, slots=True)
class UDPServer:
    """`udp.services.loadBalancer.servers`."""

    address: str = option("", not_in_labels=True)
    weight: int = 1


@dataclass(frozen=True, slots=True)
class UDPLoadBalancer:
    """`udp.services.loadBalancer`."""

    health_check: UDPServerHealthCheck | None = option(None, may_be_empty=True)
    server: UDPLabelServer | None = None
    servers: tuple[UDPServer, ...] = ()
    strategy: str = ""


@dataclass(frozen=True, slots=True)
class UDPWeighted:
    """`udp.services.weighted`."""

    services: tuple[WeightedService, ...] = ()


@dataclass(frozen=True, slots=True)
class UDPService:
    """`udp.services`."""

    load_balancer: UDPLoadBalancer | None = None
    weighted: UDPWeighted | None = option(None, not_in_labels=True)


@dataclass(frozen=True, slots=True)
class UDPConfiguration:
    """`udp`."""

    middlewares: Mapping[str, UDPMiddleware] = mapping()
    routers: Mapping[str, UDPRouter] = mapping()
    services: Mapping[str, UDPService] = mapping()
