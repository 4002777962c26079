"""The static configuration as it acts: with the entry points and values that nobody wrote down.

Traefik `pkg/config/static/static_config.go`, SetEffectiveConfiguration. Doing it twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from trafficcop.config.acme import ACME, CertificatesResolver, DNSChallenge, Propagation
from trafficcop.config.entry_points import EntryPoint
from trafficcop.config.observability import Tracing
from trafficcop.config.providers import Providers
from trafficcop.config.scalars import Duration
from trafficcop.config.static import StaticConfiguration

INTERNAL = "traefik"
DEFAULT_CA_SERVER = "https://acme-v02.api.letsencrypt.org/directory"
_OLD_CA_SERVERS = {
    "https://acme-v01.api.letsencrypt.org": "https://acme-v02.api.letsencrypt.org",
    "https://acme-staging.api.letsencrypt.org": "https://acme-staging-v02.api.letsencrypt.org",
}


def effective_static(static: StaticConfiguration) -> StaticConfiguration:
    """`static` with its implied parts filled in."""
    return replace(
        static,
        entry_points=_entry_points(static),
        providers=_providers(static.providers),
        tracing=_tracing(static.tracing),
        certificates_resolvers={name: _resolver(item) for name, item in static.certificates_resolvers.items()},
    )


def _entry_points(static: StaticConfiguration) -> Mapping[str, EntryPoint]:
    entry_points = dict(static.entry_points) or {"http": EntryPoint(address=":80")}
    if needs_internal_entry_point(static) and INTERNAL not in entry_points:
        entry_points[INTERNAL] = EntryPoint(address=":8080")
    return entry_points


def needs_internal_entry_point(static: StaticConfiguration) -> bool:
    """Whether something is served on the entry point `traefik`, which exists then even if nobody declares it."""
    ping, rest = static.ping, static.providers.rest
    prometheus = static.metrics.prometheus if static.metrics else None
    return bool(
        (static.api and static.api.insecure)
        or (ping and not ping.manual_routing and ping.entry_point == INTERNAL)
        or (prometheus and not prometheus.manual_routing and prometheus.entry_point == INTERNAL)
        or (rest and rest.insecure)
    )


def _providers(providers: Providers) -> Providers:
    docker, swarm = providers.docker, providers.swarm
    zero = Duration(0)
    if docker and docker.http_client_timeout < 0:
        docker = replace(docker, http_client_timeout=zero)
    if swarm and swarm.http_client_timeout < 0:
        swarm = replace(swarm, http_client_timeout=zero)
    if swarm and swarm.refresh_seconds <= 0:
        swarm = replace(swarm, refresh_seconds=Duration.of("15s"))
    precedence = tuple(name.lower() for name in providers.precedence)
    return replace(providers, docker=docker, swarm=swarm, precedence=precedence)


def _tracing(tracing: Tracing | None) -> Tracing | None:
    if tracing and tracing.global_attributes and not tracing.resource_attributes:
        return replace(tracing, resource_attributes=tracing.global_attributes)
    return tracing


def _resolver(resolver: CertificatesResolver) -> CertificatesResolver:
    return replace(resolver, acme=_acme(resolver.acme)) if resolver.acme else resolver


def _acme(acme: ACME) -> ACME:
    challenge = _dns_challenge(acme.dns_challenge) if acme.dns_challenge else None
    return replace(acme, ca_server=modern_ca_server(acme.ca_server), dns_challenge=challenge)


def modern_ca_server(address: str) -> str:
    """The ACME directory meant by `address`: the first version of the protocol is gone, its addresses move on."""
    for old, new in _OLD_CA_SERVERS.items():
        if address.startswith(old):
            return new + address.removeprefix(old)
    return address or DEFAULT_CA_SERVER


def _dns_challenge(challenge: DNSChallenge) -> DNSChallenge:
    """The two old options of the propagation check act through the section that replaced them."""
    propagation = challenge.propagation
    if challenge.disable_propagation_check:
        propagation = replace(propagation or Propagation(), disable_checks=True)
    if challenge.delay_before_check > 0:
        propagation = replace(propagation or Propagation(), delay_before_checks=challenge.delay_before_check)
    return replace(challenge, propagation=propagation)
