"""`/api/overview`: how many objects there are, how many are broken, and what is switched on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from trafficcop.admin.certificates import certificates
from trafficcop.admin.representations import Object
from trafficcop.config.observability import Metrics, Tracing
from trafficcop.config.providers import Providers
from trafficcop.config.static import StaticConfiguration
from trafficcop.plan.report import MiddlewareInfo, Report, RouterInfo, ServiceInfo

# Traefik shows the names of its structures, in this order (`pkg/config/static/static_config.go`).
_PROVIDERS = (
    ("docker", "Docker"),
    ("swarm", "Swarm"),
    ("file", "File"),
    ("kubernetes_ingress", "KubernetesIngress"),
    ("kubernetes_ingress_nginx", "KubernetesIngressNGINX"),
    ("kubernetes_crd", "KubernetesCRD"),
    ("kubernetes_gateway", "KubernetesGateway"),
    ("knative", "Knative"),
    ("rest", "Rest"),
    ("consul_catalog", "ConsulCatalog"),
    ("nomad", "Nomad"),
    ("ecs", "Ecs"),
    ("consul", "Consul"),
    ("etcd", "Etcd"),
    ("zoo_keeper", "ZooKeeper"),
    ("redis", "Redis"),
    ("http", "HTTP"),
)
_METRICS = (
    ("prometheus", "Prometheus"),
    ("datadog", "Datadog"),
    ("statsd", "StatsD"),
    ("influxdb2", "InfluxDB2"),
    ("otlp", "OTLP"),
)


def overview(report: Report, static: StaticConfiguration, providers: Sequence[str]) -> Object:
    """What `/api/overview` shows; `providers` are the names of those that are configured."""
    shown: Object = {
        "http": _sections(report.routers, report.services, report.middlewares),
        "tcp": _sections(report.tcp_routers, report.tcp_services, report.tcp_middlewares),
        "udp": _sections(report.udp_routers, report.udp_services, report.udp_middlewares or None),
        "certificates": _certificates(report),
        "features": {
            "tracing": _tracing(static.tracing),
            "metrics": _metrics(static.metrics),
            "accessLog": static.access_log is not None,
        },
    }
    if names := provider_names(static.providers, providers):
        shown["providers"] = names
    return shown


def _certificates(report: Report) -> Object:
    statuses = [shown["status"] for shown in certificates(report.certificates).values()]
    return {"total": len(statuses), "warnings": statuses.count("warning"), "errors": statuses.count("expired")}


def _sections(
    routers: Mapping[str, RouterInfo],
    services: Mapping[str, ServiceInfo],
    middlewares: Mapping[str, MiddlewareInfo] | None = None,
) -> Object:
    shown = {"routers": _section(routers.values()), "services": _section(services.values())}
    if middlewares is not None:
        shown["middlewares"] = _section(middlewares.values())
    return shown


def _section(infos: Iterable[RouterInfo] | Iterable[ServiceInfo] | Iterable[MiddlewareInfo]) -> dict[str, int]:
    statuses = [info.status for info in infos]
    return {
        "total": len(statuses),
        "warnings": statuses.count("warning"),
        "errors": statuses.count("disabled"),
    }


def _metrics(metrics: Metrics | None) -> str:
    return next((name for field, name in _METRICS if getattr(metrics, field, None) is not None), "")


def _tracing(tracing: Tracing | None) -> str:
    return "" if tracing is None else "OTLP"


def provider_names(configured: Providers, heard: Sequence[str]) -> list[str]:
    """The providers that are configured; dynamic sections in the static file make `file` one of them."""
    names = [
        name
        for field, name in _PROVIDERS
        if getattr(configured, field) is not None or (field == "file" and "file" in heard)
    ]
    return names + [f"plugin-{name}" for name in sorted(configured.plugin)]
