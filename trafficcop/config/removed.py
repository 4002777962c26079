"""Options of Traefik v2 that v3 refuses to start with, and what to use instead (Traefik `pkg/cli/deprecation.go`)."""

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
    "tracing.spanNameLimit": "removed: the names of spans have a fixed length",
    **{f"tracing.{backend}": _TRACING for backend in ("jaeger", "zipkin", "datadog", "instana", "haystack", "elastic")},
}  # fmt: skip
_BY_PATH = {path.lower(): advice for path, advice in REMOVED.items()}


def removal_advice(path: Iterable[str | int]) -> str:
    """What to say about an unknown option that once existed; empty when it never did."""
    return _BY_PATH.get(".".join(str(step).lower() for step in path), "")
