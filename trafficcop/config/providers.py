"""Providers: the static options."""

from __future__ import annotations

from collections.abc import Mapping

from trafficcop.config.kubernetes import (
    KnativeProvider,
    KubernetesCRDProvider,
    KubernetesGatewayProvider,
    KubernetesIngressNGINXProvider,
    KubernetesIngressProvider,
)
from trafficcop.config.lazy import dataclass
from trafficcop.config.scalars import Duration
from trafficcop.config.schema import mapping, option, present
from trafficcop.config.tls import ClientTLS


@dataclass(frozen=True, slots=True)
class ConsulProvider:
    """`providers.consul`."""

    endpoints: tuple[str, ...] = ("127.0.0.1:8500",)
    namespaces: tuple[str, ...] = ()
    root_key: str = "traefik"
    tls: ClientTLS | None = None
    token: str = option("", secret=True)


@dataclass(frozen=True, slots=True)
class HTTPAuth:
    """`providers.consulCatalog.endpoint.httpAuth`."""

    password: str = option("", secret=True)
    username: str = ""


@dataclass(frozen=True, slots=True)
class ConsulCatalogEndpoint:
    """`providers.consulCatalog.endpoint`."""

    address: str = ""
    datacenter: str = ""
    endpoint_wait_time: Duration = Duration.of("0s")
    http_auth: HTTPAuth | None = None
    scheme: str = ""
    tls: ClientTLS | None = None
    token: str = option("", secret=True)


@dataclass(frozen=True, slots=True)
class ConsulCatalogProvider:
    """`providers.consulCatalog`."""

    cache: bool = False
    connect_aware: bool = False
    connect_by_default: bool = False
    constraints: str = ""
    default_rule: str = "Host(`{{ normalize .Name }}`)"
    endpoint: ConsulCatalogEndpoint = present(ConsulCatalogEndpoint)
    exposed_by_default: bool = True
    namespaces: tuple[str, ...] = ()
    prefix: str = "traefik"
    refresh_interval: Duration = Duration.of("15s")
    require_consistent: bool = False
    service_name: str = "traefik"
    stale: bool = False
    strict_checks: tuple[str, ...] = ("passing", "warning")
    watch: bool = False


@dataclass(frozen=True, slots=True)
class DockerProvider:
    """`providers.docker`."""

    allow_empty_services: bool = False
    constraints: str = ""
    default_rule: str = "Host(`{{ normalize .Name }}`)"
    endpoint: str = "unix:///var/run/docker.sock"
    exposed_by_default: bool = True
    http_client_timeout: Duration = Duration.of("0s")
    network: str = ""
    password: str = option("", secret=True)
    tls: ClientTLS | None = None
    use_bind_port_ip: bool = option(False, key="useBindPortIP")
    username: str = ""
    watch: bool = True


@dataclass(frozen=True, slots=True)
class ECSProvider:
    """`providers.ecs`."""

    access_key_id: str = option("", key="accessKeyID", secret=True)
    auto_discover_clusters: bool = False
    clusters: tuple[str, ...] = ("default",)
    constraints: str = ""
    default_rule: str = "Host(`{{ normalize .Name }}`)"
    ecs_anywhere: bool = False
    exposed_by_default: bool = True
    healthy_tasks_only: bool = False
    refresh_seconds: int = 15
    region: str = ""
    secret_access_key: str = option("", secret=True)


@dataclass(frozen=True, slots=True)
class EtcdProvider:
    """`providers.etcd`."""

    endpoints: tuple[str, ...] = ("127.0.0.1:2379",)
    password: str = option("", secret=True)
    root_key: str = "traefik"
    tls: ClientTLS | None = None
    username: str = ""


@dataclass(frozen=True, slots=True)
class FileProvider:
    """`providers.file`."""

    debug_log_generated_template: bool = False
    directory: str = ""
    filename: str = ""
    watch: bool = True


@dataclass(frozen=True, slots=True)
class HTTPProvider:
    """`providers.http`."""

    endpoint: str = ""
    headers: Mapping[str, str] = mapping()
    max_response_body_size: int = -1
    poll_interval: Duration = Duration.of("5s")
    poll_timeout: Duration = Duration.of("5s")
    tls: ClientTLS | None = None


@dataclass(frozen=True, slots=True)
class NomadEndpoint:
    """`providers.nomad.endpoint`."""

    address: str = "http://127.0.0.1:4646"
    endpoint_wait_time: Duration = Duration.of("0s")
    region: str = ""
    tls: ClientTLS | None = None
    token: str = option("", secret=True)


@dataclass(frozen=True, slots=True)
class NomadProvider:
    """`providers.nomad`."""

    allow_empty_services: bool = False
    constraints: str = ""
    default_rule: str = "Host(`{{ normalize .Name }}`)"
    endpoint: NomadEndpoint = present(NomadEndpoint)
    exposed_by_default: bool = True
    namespaces: tuple[str, ...] = ()
    prefix: str = "traefik"
    refresh_interval: Duration = Duration.of("15s")
    stale: bool = False
    throttle_duration: Duration = Duration.of("0s")
    watch: bool = False


@dataclass(frozen=True, slots=True)
class RedisSentinel:
    """`providers.redis.sentinel`."""

    latency_strategy: bool = False
    master_name: str = ""
    password: str = option("", secret=True)
    random_strategy: bool = False
    replica_strategy: bool = False
    use_disconnected_replicas: bool = False
    username: str = ""


@dataclass(frozen=True, slots=True)
class RedisProvider:
    """`providers.redis`."""

    db: int = 0
    endpoints: tuple[str, ...] = ("127.0.0.1:6379",)
    password: str = option("", secret=True)
    root_key: str = "traefik"
    sentinel: RedisSentinel | None = None
    tls: ClientTLS | None = None
    username: str = ""


@dataclass(frozen=True, slots=True)
class RESTProvider:
    """`providers.rest`."""

    insecure: bool = False


@dataclass(frozen=True, slots=True)
class SwarmProvider:
    """`providers.swarm`."""

    allow_empty_services: bool = False
    constraints: str = ""
    default_rule: str = "Host(`{{ normalize .Name }}`)"
    endpoint: str = "unix:///var/run/docker.sock"
    exposed_by_default: bool = True
    http_client_timeout: Duration = Duration.of("0s")
    network: str = ""
    password: str = option("", secret=True)
    refresh_seconds: Duration = Duration.of("15s")
    tls: ClientTLS | None = None
    use_bind_port_ip: bool = option(False, key="useBindPortIP")
    username: str = ""
    watch: bool = True


@dataclass(frozen=True, slots=True)
class ZooKeeperProvider:
    """`providers.zooKeeper`."""

    endpoints: tuple[str, ...] = ("127.0.0.1:2181",)
    password: str = option("", secret=True)
    root_key: str = "traefik"
    username: str = ""


@dataclass(frozen=True, slots=True)
class Providers:
    """`providers`."""

    consul: ConsulProvider | None = option(None, may_be_empty=True)
    consul_catalog: ConsulCatalogProvider | None = option(None, may_be_empty=True)
    docker: DockerProvider | None = option(None, may_be_empty=True)
    ecs: ECSProvider | None = option(None, may_be_empty=True)
    etcd: EtcdProvider | None = option(None, may_be_empty=True)
    file: FileProvider | None = None
    http: HTTPProvider | None = option(None, may_be_empty=True)
    knative: KnativeProvider | None = option(None, may_be_empty=True)
    kubernetes_crd: KubernetesCRDProvider | None = option(None, key="kubernetesCRD", may_be_empty=True)
    kubernetes_gateway: KubernetesGatewayProvider | None = option(None, may_be_empty=True)
    kubernetes_ingress: KubernetesIngressProvider | None = option(None, may_be_empty=True)
    kubernetes_ingress_nginx: KubernetesIngressNGINXProvider | None = option(
        None, key="kubernetesIngressNGINX", may_be_empty=True
    )
    nomad: NomadProvider | None = option(None, may_be_empty=True)
    plugin: Mapping[str, Mapping[str, object]] = mapping()
    precedence: tuple[str, ...] = (
        "kubernetesgateway",
        "kubernetescrd",
        "kubernetes",
        "kubernetesingressnginx",
        "swarm",
        "docker",
        "file",
        "redis",
        "knative",
        "consul",
        "consulcatalog",
        "nomad",
        "etcd",
        "ecs",
        "http",
        "zookeeper",
        "rest",
    )
    providers_throttle_duration: Duration = Duration.of("2s")
    redis: RedisProvider | None = option(None, may_be_empty=True)
    rest: RESTProvider | None = option(None, may_be_empty=True)
    swarm: SwarmProvider | None = option(None, may_be_empty=True)
    zoo_keeper: ZooKeeperProvider | None = option(None, may_be_empty=True)
