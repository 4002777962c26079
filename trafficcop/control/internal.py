"""The provider `internal`: what follows from the static options (`pkg/provider/traefik/internal.go`)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from trafficcop.config.document import Path
from trafficcop.config.dynamic import (
    DynamicConfiguration,
    ForwardingTimeouts,
    HTTPConfiguration,
    Router,
    ServersTransport,
    Service,
)
from trafficcop.config.entry_points import EntryPoint
from trafficcop.config.middlewares import Middleware, RedirectRegex, RedirectScheme, StripPrefix
from trafficcop.config.sections import suggestion
from trafficcop.config.static import StaticConfiguration
from trafficcop.config.stream import TCPConfiguration, TCPServersTransport, TCPTransportTLS
from trafficcop.control.entry_point_models import INTERNAL_ENTRY_POINT, port_of
from trafficcop.control.names import normalise

MAX = 2**63 - 1
MAX_USER_PRIORITY = MAX - 1000
ACME_RULE = "PathPrefix(`/.well-known/acme-challenge/`)"
# The syntax of rules that are ours, whatever core.defaultRuleSyntax says.
OWN_SYNTAX = "default"

_DASHBOARD_REDIRECT = RedirectRegex(
    regex=r"^(http:\/\/(\[[\w:.]+\]|[\w\._-]+)(:\d+)?)\/$", replacement="${1}/dashboard/", permanent=True
)


# What is wrong with a static option: its keys, and what.
Mistake = tuple[Path, str]


@dataclass(slots=True)
class _Own:
    routers: dict[str, Router] = field(default_factory=dict)
    services: dict[str, Service] = field(default_factory=dict)
    middlewares: dict[str, Middleware] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)

    def route(self, name: str, rule: str, entry_points: tuple[str, ...], priority: int, service: str = "") -> None:
        self.routers[name] = Router(
            rule=rule,
            rule_syntax=OWN_SYNTAX,
            entry_points=entry_points,
            priority=priority,
            service=f"{service or name}@internal",
        )


def internal_configuration(static: StaticConfiguration) -> tuple[DynamicConfiguration, tuple[Mistake, ...]]:
    """The objects of the provider `internal`, and what is wrong with the options they follow from."""
    own = _Own(services={"noop": Service()})
    _add_api(own, static)
    _add_ping(own, static)
    _add_rest(own, static)
    _add_prometheus(own, static)
    _add_acme(own, static)
    for name, entry_point in static.entry_points.items():
        _add_redirection(own, static, name, entry_point)
    http = HTTPConfiguration(own.middlewares, own.routers, {"default": _transport(static)}, own.services)
    tcp = TCPConfiguration(servers_transports={"default": _tcp_transport(static)})
    return DynamicConfiguration(http=http, tcp=tcp), tuple(own.mistakes)


def _add_api(own: _Own, static: StaticConfiguration) -> None:
    api = static.api
    if api is None:
        return
    own.services["api"] = Service()
    if api.dashboard:
        own.services["dashboard"] = Service()
    if not api.insecure:
        return
    own.route("api", "PathPrefix(`/api`)", (INTERNAL_ENTRY_POINT,), MAX - 1)
    if api.debug:
        own.route("debug", "PathPrefix(`/debug`)", (INTERNAL_ENTRY_POINT,), MAX - 1, "api")
    if api.dashboard:
        own.routers["dashboard"] = Router(
            rule="PathPrefix(`/`)",
            rule_syntax=OWN_SYNTAX,
            entry_points=(INTERNAL_ENTRY_POINT,),
            priority=MAX - 2,
            middlewares=("dashboard_redirect@internal", "dashboard_stripprefix@internal"),
            service="dashboard@internal",
        )
        own.middlewares["dashboard_redirect"] = Middleware(redirect_regex=_DASHBOARD_REDIRECT)
        own.middlewares["dashboard_stripprefix"] = Middleware(
            strip_prefix=StripPrefix(prefixes=("/dashboard/", "/dashboard"))
        )


def _add_ping(own: _Own, static: StaticConfiguration) -> None:
    if static.ping is None:
        return
    own.services["ping"] = Service()
    if not static.ping.manual_routing:
        own.route("ping", "PathPrefix(`/ping`)", (static.ping.entry_point,), MAX)


def _add_rest(own: _Own, static: StaticConfiguration) -> None:
    rest = static.providers.rest
    if rest is None:
        return
    own.services["rest"] = Service()
    if rest.insecure:
        own.route("rest", "PathPrefix(`/api/providers`)", (INTERNAL_ENTRY_POINT,), MAX)


def _add_prometheus(own: _Own, static: StaticConfiguration) -> None:
    prometheus = static.metrics.prometheus if static.metrics is not None else None
    if prometheus is None:
        return
    own.services["prometheus"] = Service()
    if not prometheus.manual_routing:
        own.route("prometheus", "PathPrefix(`/metrics`)", (prometheus.entry_point,), MAX)


def _add_acme(own: _Own, static: StaticConfiguration) -> None:
    wanted: list[str] = []
    for resolver in static.certificates_resolvers.values():
        challenge = resolver.acme.http_challenge if resolver.acme is not None else None
        if challenge is not None and challenge.entry_point and challenge.entry_point not in wanted:
            wanted.append(challenge.entry_point)
    bypassed = tuple(
        name for name in wanted if name in static.entry_points and static.entry_points[name].allow_acme_by_pass
    )
    others = tuple(name for name in wanted if name not in bypassed)
    if others:
        own.route("acme-http", ACME_RULE, others, MAX)
    if bypassed:
        own.route("acme-http-bypass", ACME_RULE, bypassed, 0, "acme-http")
    if wanted:
        own.services["acme-http"] = Service()


def _add_redirection(own: _Own, static: StaticConfiguration, name: str, entry_point: EntryPoint) -> None:
    redirections = entry_point.http.redirections
    if redirections is None:
        return
    path = ("entryPoints", name, "http", "redirections", "entryPoint", "to")
    target = redirections.entry_point
    if target is None or not target.to:
        own.mistakes.append((path, "no target: there is no redirection"))
        return
    port = _redirect_port(static, target.to)
    if not port:
        near = suggestion(target.to, (known for known in static.entry_points if known != name))
        own.mistakes.append((path, f"unknown entry point {target.to!r}{near}: there is no redirection"))
        return
    rule = "HostRegexp(`^.+$`)"
    if entry_point.allow_acme_by_pass:
        rule += f" && !{ACME_RULE}"
    router = normalise(f"{name}-to-{target.to}")
    own.routers[router] = Router(
        rule=rule,
        rule_syntax=OWN_SYNTAX,
        entry_points=(name,),
        middlewares=(f"redirect-{router}",),
        service="noop@internal",
        priority=target.priority,
    )
    scheme = RedirectScheme(scheme=target.scheme, port=port, permanent=target.permanent)
    own.middlewares[f"redirect-{router}"] = Middleware(redirect_scheme=scheme)


def _redirect_port(static: StaticConfiguration, to: str) -> str:
    """Of `:port` or the name of an entry point; "" when there is none of that name."""
    if re.fullmatch(r":[0-9]+", to):
        return to[1:]
    target = static.entry_points.get(to)
    return "" if target is None else port_of(target)


def _transport(static: StaticConfiguration) -> ServersTransport:
    given = static.servers_transport
    timeouts = given.forwarding_timeouts
    return ServersTransport(
        insecure_skip_verify=given.insecure_skip_verify,
        root_cas=given.root_cas,
        max_idle_conns_per_host=given.max_idle_conns_per_host,
        spiffe=given.spiffe,
        forwarding_timeouts=None
        if timeouts is None
        else ForwardingTimeouts(
            dial_timeout=timeouts.dial_timeout,
            idle_conn_timeout=timeouts.idle_conn_timeout,
            response_header_timeout=timeouts.response_header_timeout,
        ),
    )


def _tcp_transport(static: StaticConfiguration) -> TCPServersTransport:
    given = static.tcp_servers_transport
    tls = given.tls
    return TCPServersTransport(
        dial_timeout=given.dial_timeout,
        dial_keep_alive=given.dial_keep_alive,
        termination_delay=given.termination_delay,
        tls=None
        if tls is None
        else TCPTransportTLS(insecure_skip_verify=tls.insecure_skip_verify, root_cas=tls.root_cas, spiffe=tls.spiffe),
    )
