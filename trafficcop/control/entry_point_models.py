"""What entry points give to the routers on them: default bindings, middlewares, TLS, observability."""

from __future__ import annotations

from collections.abc import Mapping

from trafficcop.config.dynamic import RouterTLS
from trafficcop.config.entry_points import EncodedCharacters, EntryPoint, EntryPointObservability
from trafficcop.config.lazy import dataclass
from trafficcop.config.static import StaticConfiguration

INTERNAL_ENTRY_POINT = "traefik"


@dataclass(frozen=True, slots=True)
class Model:
    """What every router on one entry point gets from it."""

    middlewares: tuple[str, ...] = ()
    tls: RouterTLS | None = None
    observability: EntryPointObservability | None = None
    encoded_characters: EncodedCharacters | None = None


@dataclass(frozen=True, slots=True)
class EntryPoints:
    """The entry points as the compiler sees them."""

    tcp: frozenset[str]
    udp: frozenset[str]
    defaults: tuple[str, ...]  # of routers that name none
    models: Mapping[str, Model]
    rule_syntax: str  # core.defaultRuleSyntax, "" when it is not set
    resolvers: frozenset[str]  # certificatesResolvers


def is_udp(entry_point: EntryPoint) -> bool:
    return entry_point.address.rpartition("/")[2].lower() == "udp" and "/" in entry_point.address


def port_of(entry_point: EntryPoint) -> str:
    """The port of an address `[host]:port[/protocol]`; ValueError when there is none."""
    _, colon, port = entry_point.address.partition("/")[0].rpartition(":")
    if not colon:
        raise ValueError(f"address {entry_point.address}: missing port in address")
    return port


def read_entry_points(static: StaticConfiguration) -> EntryPoints:
    """What the routers of a configuration have to know of the entry points of an instance."""
    tcp = {name: entry_point for name, entry_point in static.entry_points.items() if not is_udp(entry_point)}
    candidates = sorted(name for name in tcp if name != INTERNAL_ENTRY_POINT)
    if any(entry_point.as_default for entry_point in static.entry_points.values()):
        # Who flags none but the internal one has no defaults (Traefik `cmd/traefik/traefik.go`).
        candidates = [name for name in candidates if tcp[name].as_default]
    syntax = static.core.default_rule_syntax if static.core is not None else ""
    models = {name: _model(entry_point) for name, entry_point in tcp.items() if syntax or _has_model(entry_point)}
    udp = frozenset(static.entry_points) - frozenset(tcp)
    resolvers = frozenset(static.certificates_resolvers)
    return EntryPoints(frozenset(tcp), udp, tuple(candidates), models, syntax, resolvers)


def _has_model(entry_point: EntryPoint) -> bool:
    http = entry_point.http
    return bool(http.middlewares or http.tls or entry_point.observability or http.encoded_characters)


def _model(entry_point: EntryPoint) -> Model:
    http = entry_point.http
    tls = http.tls
    return Model(
        middlewares=http.middlewares,
        tls=RouterTLS(tls.cert_resolver, tls.domains, tls.options) if tls is not None else None,
        observability=entry_point.observability,
        encoded_characters=http.encoded_characters,
    )
