"""What is wrong with a static configuration as a whole: everything that needs no socket to be known.

Traefik `pkg/config/static/static_config.go` (ValidateConfiguration) and `pkg/server/server_entrypoint_*.go`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from trafficcop.config.acme import ACME
from trafficcop.config.check_entry_points import check_entry_points
from trafficcop.config.document import Path
from trafficcop.config.effective import effective_static, modern_ca_server
from trafficcop.config.observability import LogOTLP, MetricsOTLP, TracingOTLP
from trafficcop.config.providers import Providers
from trafficcop.config.sections import path_text, suggestion
from trafficcop.config.static import StaticConfiguration
from trafficcop.errors import Issue, Position

# One finding: where, what, and whether it is only a warning.
Finding = tuple[Sequence[str | int], str, bool]

_BASE_PATH = re.compile(r"/[a-zA-Z0-9/_.:~-]*", re.ASCII)
LOG_LEVELS = ("trace", "debug", "info", "warn", "error", "fatal", "panic", "disabled")
_ACCESS_FORMATS = ("common", "genericCLF", "json")
_OLD_DNS_PROVIDERS = {
    "googledomains": "deprecated",
    "cloudxns": "deprecated",
    "brandit": "deprecated",
    "dnspod": "deprecated: use tencentcloud",
    "azure": "deprecated: use azuredns",
}


def check_static(static: StaticConfiguration, locate: Callable[[Path], Position]) -> tuple[Issue, ...]:
    """Every Issue, with the position of the option it is about (`locate` knows where options stand)."""
    return tuple(
        Issue(message, path_text(path), locate(path), is_warning) for path, message, is_warning in _findings(static)
    )


def _findings(static: StaticConfiguration) -> Iterator[Finding]:
    yield from check_entry_points(static.entry_points)
    yield from _references(static)
    yield from _resolvers(static)
    yield from _providers(static.providers, static)
    yield from _otlp(static)
    yield from _logs(static)
    if static.core and static.core.default_rule_syntax not in ("v2", "v3"):
        given = static.core.default_rule_syntax
        yield ("core", "defaultRuleSyntax"), f"unsupported rule syntax {given!r}: use v3 or v2", False
    if static.api and not _BASE_PATH.fullmatch(static.api.base_path):
        message = f"{static.api.base_path!r} is not an absolute URL path such as /traefik"
        yield ("api", "basePath"), message, False
    if static.ocsp:
        for responder, url in static.ocsp.responder_overrides.items():
            if not url:
                yield ("ocsp", "responderOverrides", responder), "the address cannot be empty", False
    if static.workers is not None and static.workers < 0:
        yield ("workers",), "the number of workers cannot be negative", False


def _logs(static: StaticConfiguration) -> Iterator[Finding]:
    """Words that Traefik replaces by others, with a line in the log."""
    level = static.log.level if static.log else ""
    if level and level.lower() not in LOG_LEVELS:
        yield ("log", "level"), f"unknown level {level!r}{suggestion(level, LOG_LEVELS)}; ERROR is used", True
    given = static.access_log.format if static.access_log else ""
    if given and given not in _ACCESS_FORMATS:
        message = f"unknown format {given!r}{suggestion(given, _ACCESS_FORMATS)}; common is used"
        yield ("accessLog", "format"), message, True


def _references(static: StaticConfiguration) -> Iterator[Finding]:
    """Entry points that other sections name: what would be there is nowhere, which keeps nothing else from working."""
    known = effective_static(static).entry_points
    named: list[tuple[tuple[str, ...], str]] = []
    if static.ping and not static.ping.manual_routing:
        named.append((("ping", "entryPoint"), static.ping.entry_point))
    prometheus = static.metrics.prometheus if static.metrics else None
    if prometheus and not prometheus.manual_routing:
        named.append((("metrics", "prometheus", "entryPoint"), prometheus.entry_point))
    for name, resolver in static.certificates_resolvers.items():
        challenge = resolver.acme.http_challenge if resolver.acme else None
        if challenge and challenge.entry_point:
            below = ("certificatesResolvers", name, "acme", "httpChallenge", "entryPoint")
            named.append((below, challenge.entry_point))
    for path, entry_point in named:
        if entry_point not in known:
            yield path, f"unknown entry point {entry_point!r}{suggestion(entry_point, known)}", True


def _resolvers(static: StaticConfiguration) -> Iterator[Finding]:
    for name, resolver in static.certificates_resolvers.items():
        path = ("certificatesResolvers", name)
        if resolver.acme and resolver.tailscale:
            yield path, "acme and tailscale are mutually exclusive", False
        if resolver.acme:
            for below, message, is_warning in _acme(resolver.acme):
                yield (*path, "acme", *below), message, is_warning
        elif not resolver.tailscale:
            yield path, "a certificates resolver needs acme or tailscale", True


def _acme(acme: ACME) -> Iterator[Finding]:
    if not acme.storage:
        yield ("storage",), "there is no place to store certificates", False
    if not (acme.dns_challenge or acme.http_challenge or acme.tls_challenge):
        yield (), "no challenge: add httpChallenge, tlsChallenge or dnsChallenge", True
    if acme.http_challenge and not acme.http_challenge.entry_point:
        yield ("httpChallenge", "entryPoint"), "the HTTP challenge needs an entry point", True
    modern = modern_ca_server(acme.ca_server)
    if acme.ca_server and modern != acme.ca_server:
        yield ("caServer",), f"this server speaks ACME v1, which is gone; {modern} is used", True
    challenge = acme.dns_challenge
    if challenge and challenge.provider in _OLD_DNS_PROVIDERS:
        yield ("dnsChallenge", "provider"), f"{challenge.provider}: {_OLD_DNS_PROVIDERS[challenge.provider]}", True


def _providers(providers: Providers, static: StaticConfiguration) -> Iterator[Finding]:
    known = Providers().precedence
    for index, name in enumerate(providers.precedence):
        if name.lower() not in known:
            yield ("providers", "precedence", index), f"unknown provider {name!r}{suggestion(name, known)}", False
    nginx = providers.kubernetes_ingress_nginx
    if nginx and nginx.watch_namespace and nginx.watch_namespace_selector:
        message = "watchNamespace and watchNamespaceSelector are mutually exclusive"
        yield ("providers", "kubernetesIngressNGINX", "watchNamespace"), message, False
    if providers.knative and not (static.experimental and static.experimental.knative):
        yield ("providers", "knative"), "needs `experimental.knative: true`", False
    if providers.file and not (providers.file.filename or providers.file.directory):
        yield ("providers", "file"), "needs filename or directory; it is skipped", True
    if providers.http and not providers.http.endpoint:
        yield ("providers", "http"), "needs an endpoint; it is skipped", True


def _otlp(static: StaticConfiguration) -> Iterator[Finding]:
    sections: list[tuple[tuple[str, ...], LogOTLP | TracingOTLP | MetricsOTLP | None]] = [
        (("log", "otlp"), static.log.otlp if static.log else None),
        (("accessLog", "otlp"), static.access_log.otlp if static.access_log else None),
        (("tracing", "otlp"), static.tracing.otlp if static.tracing else None),
        (("metrics", "otlp"), static.metrics.otlp if static.metrics else None),
    ]
    is_allowed = bool(static.experimental and static.experimental.otlplogs)
    for path, otlp in sections:
        if isinstance(otlp, LogOTLP) and not is_allowed:
            yield path, "needs `experimental.otlplogs: true`", False
        if otlp and otlp.grpc and otlp.grpc.tls and otlp.grpc.insecure:
            yield (*path, "grpc"), "tls and insecure are mutually exclusive", False
