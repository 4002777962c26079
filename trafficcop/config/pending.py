"""The options that are read and checked but do not act yet: one table, which shrinks as the work goes on.

A line is the path of an option or of a whole section (`*` stands for any name, `[]` for the items of a list) and what
it is for. Delete the line when the option acts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from trafficcop.config.document import STATIC, Path
from trafficcop.config.dynamic import DynamicConfiguration
from trafficcop.config.sections import path_text
from trafficcop.config.shape import options_by_key
from trafficcop.config.static import StaticConfiguration
from trafficcop.errors import NOWHERE, Issue, Position

PENDING_STATIC: dict[str, str] = {
    "accessLog.dualOutput": "export of access logs",
    "accessLog.otlp": "export of access logs",
    "certificatesResolvers.*": "certificates from an authority",
    "entryPoints.*.http.tls.certResolver": "certificates from an authority",
    "entryPoints.*.http.tls.domains": "certificates from an authority",
    "entryPoints.*.http3": "HTTP/3",
    "entryPoints.*.observability.traceVerbosity": "tracing",
    "entryPoints.*.observability.tracing": "tracing",
    "experimental.abortOnPluginFailure": "plugins",
    "experimental.fastProxy": "another client for servers; there is only one here",
    "experimental.knative": "Knative",
    "experimental.localPlugins": "plugins",
    "experimental.otlplogs": "export of logs",
    "experimental.plugins": "plugins",
    "global.notAppendXForwardedFor": "X-Forwarded-For left as it came, for every entry point",
    "global.sendAnonymousUsage": "usage figures; nothing is ever sent",
    "hostResolver": "resolving of CNAMEs",
    "log.otlp": "export of logs",
    "metrics.otlp": "push to an OpenTelemetry collector",
    "providers.consul": "the Consul provider",
    "providers.consulCatalog": "the Consul Catalog provider",
    "providers.docker": "the Docker provider",
    "providers.ecs": "the ECS provider",
    "providers.etcd": "the etcd provider",
    "providers.knative": "the Knative provider",
    "providers.kubernetesCRD": "the Kubernetes CRD provider",
    "providers.kubernetesGateway": "the Kubernetes Gateway provider",
    "providers.kubernetesIngress": "the Kubernetes Ingress provider",
    "providers.kubernetesIngressNGINX": "the Kubernetes Ingress NGINX provider",
    "providers.nomad": "the Nomad provider",
    "providers.plugin": "providers from plugins",
    "providers.redis": "the Redis provider",
    "providers.swarm": "the Swarm provider",
    "providers.zooKeeper": "the ZooKeeper provider",
    "serversTransport.spiffe": "TLS to servers with SPIFFE",
    "spiffe": "SPIFFE",
    "tcpServersTransport.tls.spiffe": "TLS to servers with SPIFFE",
    "tracing": "tracing",
}

PENDING_DYNAMIC: dict[str, str] = {
    "http.middlewares.*.plugin": "the plugin",
    "http.routers.*.observability.traceVerbosity": "tracing",
    "http.routers.*.observability.tracing": "tracing",
    "http.routers.*.tls.certResolver": "certificates from an authority",
    "http.routers.*.tls.domains": "certificates from an authority",
    "http.serversTransports.*.spiffe": "TLS to servers with SPIFFE",
    "tcp.routers.*.tls.certResolver": "certificates from an authority",
    "tcp.routers.*.tls.domains": "certificates from an authority",
    "tcp.serversTransports.*.tls.spiffe": "TLS to servers with SPIFFE",
    "tls.stores.*.defaultGeneratedCert": "certificates from an authority; a self-signed one is served",
}


Where = Callable[[str, Path], Position]  # of a provider (or STATIC) and an option: its place


def _nowhere(provider: str, path: Path) -> Position:
    return NOWHERE


def pending_warnings(
    static: StaticConfiguration, dynamic: Mapping[str, DynamicConfiguration], where: Where = _nowhere
) -> tuple[Issue, ...]:
    """One warning for each line of the table that is in use: its first use, and how many more there are.

    `dynamic`: the configurations by provider.
    """
    found = _warnings(PENDING_STATIC, {STATIC: static}, StaticConfiguration(), where)
    return (*found, *_warnings(PENDING_DYNAMIC, dynamic, DynamicConfiguration(), where))


def _warnings(table: dict[str, str], roots: Mapping[str, object], defaults: object, where: Where) -> Iterator[Issue]:
    tree = _tree(table)
    uses: dict[str, list[tuple[str, Path]]] = {}
    for provider, root in roots.items():
        found: dict[str, list[Path]] = {}
        _collect(tree, root, defaults, (), found)
        for pattern, paths in found.items():
            uses.setdefault(pattern, []).extend((provider, path) for path in paths)
    for pattern, places in uses.items():
        provider, path = places[0]
        more = f" (and {len(places) - 1} more)" if len(places) > 1 else ""
        text = f"does not act yet: {table[pattern]}{more}"
        yield Issue(text, path_text(path), where(provider, path), is_warning=True)


@dataclass(slots=True)
class _Branch:
    """The lines that begin alike: only what they name is looked at, so 10,000 routers cost next to nothing."""

    pattern: str = ""
    below: dict[str, _Branch] = field(default_factory=dict)


def _tree(table: dict[str, str]) -> _Branch:
    root = _Branch()
    for pattern in table:
        branch = root
        for step in pattern.split("."):
            branch = branch.below.setdefault(step, _Branch())
        branch.pattern = pattern
    return root


def _collect(
    branch: _Branch, value: Any, default: Any, path: tuple[str | int, ...], uses: dict[str, list[Path]]
) -> None:
    if branch.pattern:
        if value != default:
            uses.setdefault(branch.pattern, []).append(path)
    elif value is None:
        return
    elif "*" in branch.below:
        for name, item in value.items():
            _collect(branch.below["*"], item, None, (*path, name), uses)
    elif "[]" in branch.below:
        for index, item in enumerate(value):
            _collect(branch.below["[]"], item, None, (*path, index), uses)
    else:
        options = options_by_key(type(value))
        for key, below in branch.below.items():
            option = options[key.lower()]
            _collect(below, getattr(value, option.name), option.make_default(), (*path, option.key), uses)
