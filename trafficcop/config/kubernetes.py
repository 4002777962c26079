"""The Kubernetes family of providers: the static options."""

from __future__ import annotations

from trafficcop.config.lazy import dataclass
from trafficcop.config.scalars import Duration, FileOrContent
from trafficcop.config.schema import option, present


@dataclass(frozen=True, slots=True)
class ServiceRef:
    """`providers.knative.privateService`."""

    name: str = ""
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class KnativeProvider:
    """`providers.knative`."""

    cert_auth_file_path: str = ""
    endpoint: str = ""
    label_selector: str = ""
    namespaces: tuple[str, ...] = ()
    private_entrypoints: tuple[str, ...] = ()
    private_service: ServiceRef = present(ServiceRef)
    public_entrypoints: tuple[str, ...] = ()
    public_service: ServiceRef = present(ServiceRef)
    throttle_duration: Duration = Duration.of("0s")
    token: str = option("", secret=True)


@dataclass(frozen=True, slots=True)
class KubernetesCRDProvider:
    """`providers.kubernetesCRD`."""

    allow_cross_namespace: bool = False
    allow_empty_services: bool = False
    allow_external_name_services: bool = False
    cert_auth_file_path: str = ""
    cross_provider_namespaces: tuple[str, ...] = ()
    disable_cluster_scope_resources: bool = False
    endpoint: str = ""
    ingress_class: str = ""
    label_selector: str = ""
    namespaces: tuple[str, ...] = ()
    native_lb_by_default: bool = option(False, key="nativeLBByDefault")
    throttle_duration: Duration = Duration.of("0s")
    token: FileOrContent = option(FileOrContent(""), secret=True)


@dataclass(frozen=True, slots=True)
class StatusAddress:
    """`providers.kubernetesGateway.statusAddress`."""

    hostname: str = ""
    ip: str = ""
    service: ServiceRef | None = None


@dataclass(frozen=True, slots=True)
class KubernetesGatewayProvider:
    """`providers.kubernetesGateway`."""

    burst: int = 100
    cert_auth_file_path: str = ""
    cross_provider_namespaces: tuple[str, ...] = ()
    endpoint: str = ""
    experimental_channel: bool = False
    label_selector: str = ""
    namespaces: tuple[str, ...] = ()
    native_lb_by_default: bool = option(False, key="nativeLBByDefault")
    qps: int = 50
    status_address: StatusAddress | None = None
    throttle_duration: Duration = Duration.of("0s")
    token: FileOrContent = option(FileOrContent(""), secret=True)


@dataclass(frozen=True, slots=True)
class IngressEndpoint:
    """`providers.kubernetesIngress.ingressEndpoint`."""

    hostname: str = ""
    ip: str = ""
    published_service: str = ""


@dataclass(frozen=True, slots=True)
class KubernetesIngressProvider:
    """`providers.kubernetesIngress`."""

    allow_empty_services: bool = False
    allow_external_name_services: bool = False
    cert_auth_file_path: str = ""
    cross_provider_namespaces: tuple[str, ...] = ()
    disable_cluster_scope_resources: bool = False
    disable_ingress_class_lookup: bool = option(False, deprecated="use disableClusterScopeResources")
    endpoint: str = ""
    ingress_class: str = ""
    ingress_endpoint: IngressEndpoint | None = None
    label_selector: str = ""
    namespaces: tuple[str, ...] = ()
    native_lb_by_default: bool = option(False, key="nativeLBByDefault")
    strict_prefix_matching: bool = False
    throttle_duration: Duration = Duration.of("0s")
    token: FileOrContent = option(FileOrContent(""), secret=True)


@dataclass(frozen=True, slots=True)
class IPAllowListStrategy:
    """`providers.kubernetesIngressNGINX.ipAllowListStrategy`."""

    depth: int = 0
    excluded_ips: tuple[str, ...] = option((), key="excludedIPs")
    ipv6_subnet: int = 0


@dataclass(frozen=True, slots=True)
class KubernetesIngressNGINXProvider:
    """`providers.kubernetesIngressNGINX`."""

    allow_cross_namespace_resources: bool = False
    allow_snippet_annotations: bool = False
    cert_auth_file_path: str = ""
    client_body_buffer_size: int = 16384
    controller_class: str = "k8s.io/ingress-nginx"
    custom_http_errors: tuple[str, ...] = option((), key="customHTTPErrors")
    default_backend_service: str = ""
    disable_svc_external_name: bool = False
    endpoint: str = ""
    global_allowed_response_headers: tuple[str, ...] = ()
    global_auth_url: str = option("", key="globalAuthURL")
    http_entry_point: str = ""
    https_entry_point: str = ""
    ingress_class: str = "nginx"
    ingress_class_by_name: bool = False
    ip_allow_list_strategy: IPAllowListStrategy | None = None
    proxy_body_size: int = 1048576
    proxy_buffering: bool = False
    proxy_buffer_size: int = 8192
    proxy_buffers_number: int = 4
    proxy_connect_timeout: int = 60
    proxy_next_upstream: str = "error timeout"
    proxy_next_upstream_timeout: int = 0
    proxy_next_upstream_tries: int = 3
    proxy_read_timeout: int = 60
    proxy_request_buffering: bool = False
    proxy_send_timeout: int = 60
    publish_service: str = ""
    publish_status_address: tuple[str, ...] = ()
    strict_validate_path_type: bool = True
    throttle_duration: Duration = Duration.of("0s")
    token: FileOrContent = option(FileOrContent(""), secret=True)
    upstream_keepalive_timeout: int = 60
    watch_ingress_without_class: bool = False
    watch_namespace: str = ""
    watch_namespace_selector: str = ""
