"""The static configuration: what is read once, at start."""

from __future__ import annotations

from collections.abc import Mapping

from trafficcop.config.acme import CertificatesResolver
from trafficcop.config.entry_points import EntryPoint
from trafficcop.config.lazy import dataclass
from trafficcop.config.observability import AccessLog, Log, Metrics, Tracing
from trafficcop.config.providers import Providers
from trafficcop.config.scalars import Duration, FileOrContent
from trafficcop.config.schema import mapping, option, present
from trafficcop.config.tls import Spiffe


@dataclass(frozen=True, slots=True)
class API:
    """`api`."""

    base_path: str = "/"
    dashboard: bool = True
    dashboard_name: str = ""
    debug: bool = False
    disable_dashboard_ad: bool = False
    insecure: bool = False


@dataclass(frozen=True, slots=True)
class Core:
    """`core`."""

    default_rule_syntax: str = option("v3", deprecated="write rules in the v3 syntax")


@dataclass(frozen=True, slots=True)
class FastProxy:
    """`experimental.fastProxy`."""

    debug: bool = False


@dataclass(frozen=True, slots=True)
class PluginSettings:
    """`experimental.localPlugins.settings`."""

    envs: tuple[str, ...] = ()
    mounts: tuple[str, ...] = ()
    use_unsafe: bool = False


@dataclass(frozen=True, slots=True)
class LocalPlugin:
    """`experimental.localPlugins`."""

    module_name: str = ""
    settings: PluginSettings | None = None


@dataclass(frozen=True, slots=True)
class Plugin:
    """`experimental.plugins`."""

    hash: str = ""
    module_name: str = ""
    settings: PluginSettings | None = None
    version: str = ""


@dataclass(frozen=True, slots=True)
class Experimental:
    """`experimental`."""

    abort_on_plugin_failure: bool = False
    fast_proxy: FastProxy | None = option(None, may_be_empty=True)
    knative: bool = False
    kubernetes_gateway: bool = option(False, deprecated="no effect, remove it: providers.kubernetesGateway is enough")
    kubernetes_ingress_nginx: bool = option(
        False,
        key="kubernetesIngressNGINX",
        deprecated="no effect, remove it: providers.kubernetesIngressNGINX is enough",
    )
    local_plugins: Mapping[str, LocalPlugin] = mapping()
    otlplogs: bool = False
    plugins: Mapping[str, Plugin] = mapping()


@dataclass(frozen=True, slots=True)
class Global:
    """`global`."""

    check_new_version: bool = True
    not_append_x_forwarded_for: bool = False
    send_anonymous_usage: bool = False


@dataclass(frozen=True, slots=True)
class HostResolver:
    """`hostResolver`."""

    cname_flattening: bool = False
    resolv_config: str = "/etc/resolv.conf"
    resolv_depth: int = 5


@dataclass(frozen=True, slots=True)
class OCSP:
    """`ocsp`."""

    responder_overrides: Mapping[str, str] = mapping()


@dataclass(frozen=True, slots=True)
class Ping:
    """`ping`."""

    entry_point: str = "traefik"
    manual_routing: bool = False
    terminating_status_code: int = 503


@dataclass(frozen=True, slots=True)
class ForwardingTimeouts:
    """`serversTransport.forwardingTimeouts`."""

    dial_timeout: Duration = Duration.of("30s")
    idle_conn_timeout: Duration = Duration.of("90s")
    response_header_timeout: Duration = Duration.of("0s")


@dataclass(frozen=True, slots=True)
class ServersTransport:
    """`serversTransport`."""

    forwarding_timeouts: ForwardingTimeouts | None = None
    insecure_skip_verify: bool = False
    max_idle_conns_per_host: int = 200
    root_cas: tuple[FileOrContent, ...] = option((), key="rootCAs")
    spiffe: Spiffe | None = option(None, may_be_empty=True)


@dataclass(frozen=True, slots=True)
class SpiffeClient:
    """`spiffe`."""

    workload_api_addr: str = option("", key="workloadAPIAddr")


@dataclass(frozen=True, slots=True)
class TCPTransportTLS:
    """`tcpServersTransport.tls`."""

    insecure_skip_verify: bool = False
    root_cas: tuple[FileOrContent, ...] = option((), key="rootCAs")
    spiffe: Spiffe | None = option(None, may_be_empty=True)


@dataclass(frozen=True, slots=True)
class TCPServersTransport:
    """`tcpServersTransport`."""

    dial_keep_alive: Duration = Duration.of("15s")
    dial_timeout: Duration = Duration.of("30s")
    termination_delay: Duration = Duration.of("0s")
    tls: TCPTransportTLS | None = option(None, may_be_empty=True)


@dataclass(frozen=True, slots=True)
class StaticConfiguration:
    """The whole tree."""

    access_log: AccessLog | None = option(None, may_be_empty=True)
    api: API | None = option(None, may_be_empty=True)
    certificates_resolvers: Mapping[str, CertificatesResolver] = mapping()
    core: Core | None = None
    entry_points: Mapping[str, EntryPoint] = mapping()
    experimental: Experimental | None = None
    global_: Global = present(Global)
    host_resolver: HostResolver | None = option(None, may_be_empty=True)
    log: Log | None = option(None, may_be_empty=True)
    metrics: Metrics | None = None
    ocsp: OCSP | None = option(None, may_be_empty=True)
    ping: Ping | None = option(None, may_be_empty=True)
    providers: Providers = present(Providers)
    servers_transport: ServersTransport = present(ServersTransport)
    spiffe: SpiffeClient | None = None
    tcp_servers_transport: TCPServersTransport = present(TCPServersTransport)
    tracing: Tracing | None = option(None, may_be_empty=True)
    # Ours, not Traefik's: None = as many as the CPUs this process may use, 0 = all roles in one process.
    workers: int | None = None
