"""Options that Traefik had once, and what to use instead (Traefik `pkg/cli/deprecation.go`)."""

from __future__ import annotations

from collections.abc import Iterable

_CA_OPTIONAL = "removed: a client has no choice about the server's certificate; remove it"
_NAMESPACES = "removed: use `namespaces`"
_TRACING = "removed: use `tracing.otlp`, which every tracing backend understands"

REMOVED: dict[str, str] = {
    "pilot": "removed together with the service; remove the section",
    "experimental.http3": "removed: HTTP/3 is no experiment any more, `entryPoints.<name>.http3` switches it on",
    "providers.marathon": "removed: the provider does not exist any more",
    "providers.rancher": "removed: the provider does not exist any more",
    "providers.docker.swarmMode": "removed: use `providers.swarm`",
    **{
        f"providers.{provider}.tls.caOptional": _CA_OPTIONAL
        for provider in (
            "docker", "swarm", "consul", "etcd", "redis", "http", "consulCatalog.endpoint", "nomad.endpoint",
        )
    },
    **{f"providers.{provider}.namespace": _NAMESPACES for provider in ("consul", "consulCatalog", "nomad")},
    "hub": "removed: Traefik Hub is a product of its own; remove the section",
    "experimental.hub": "removed: Traefik Hub is a product of its own; remove it",
    "metrics.influxDB": "removed: use `metrics.influxDB2`",
    "providers.docker.swarmModeRefreshSeconds": "removed: use `providers.swarm.refreshSeconds`",
    "entryPoints.*.enableHTTP3": "removed: use `http3: {}`",
    "entryPoints.*.tls": "this belongs below `http`: `entryPoints.<name>.http.tls`",
    "entryPoints.*.redirect": "removed: use `entryPoints.<name>.http.redirections`",
    "entryPoints.*.whiteList": "removed: use the middleware ipAllowList",
    "entryPoints.*.auth": "removed: use the middlewares basicAuth, digestAuth or forwardAuth",
    "entryPoints.*.compress": "removed: use the middleware compress",
    "tracing.spanNameLimit": "removed: the names of spans have a fixed length",
    **{f"tracing.{backend}": _TRACING for backend in ("jaeger", "zipkin", "datadog", "instana", "haystack", "elastic")},
}  # fmt: skip
_BY_PATH = {path.lower(): advice for path, advice in REMOVED.items()}
# Sections of Traefik v1 at the top of a file, which v3 ignores like everything that is unknown there.
_OF_V1 = {
    "acme": "certificatesResolvers.<name>.acme",
    "backends": "http.services",
    "constraints": "providers.<name>.constraints",
    "consul": "providers.consul",
    "consulcatalog": "providers.consulCatalog",
    "debug": "log.level: DEBUG",
    "defaultentrypoints": "entryPoints.<name>.asDefault",
    "docker": "providers.docker",
    "etcd": "providers.etcd",
    "file": "providers.file",
    "frontends": "http.routers",
    "gracetimeout": "entryPoints.<name>.transport.lifeCycle",
    "insecureskipverify": "serversTransport.insecureSkipVerify",
    "kubernetes": "providers.kubernetesIngress",
    "lifecycle": "entryPoints.<name>.transport.lifeCycle",
    "loglevel": "log.level",
    "maxidleconnsperhost": "serversTransport.maxIdleConnsPerHost",
    "respondingtimeouts": "entryPoints.<name>.transport.respondingTimeouts",
    "retry": "the middleware retry",
    "rootcas": "serversTransport.rootCAs",
    "traefiklog": "log",
    "web": "api",
}


def removal_advice(path: Iterable[str | int]) -> str:
    """What to say about an unknown option that once existed; empty when it never did."""
    steps = [str(step).lower() for step in path]
    if len(steps) > 2 and steps[0] == "entrypoints":
        steps[1] = "*"
    return _BY_PATH.get(".".join(steps), "")


def advice_of_v1(key: str) -> str:
    """` (of Traefik v1: …)` for a key at the top of a file, or nothing."""
    place = _OF_V1.get(key.lower())
    return f" (an option of Traefik v1: use {place})" if place else ""
