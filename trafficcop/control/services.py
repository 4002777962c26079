"""HTTP services checked as Traefik builds them: kinds, children, servers, transports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from trafficcop.config.dynamic import (
    Failover,
    HighestRandomWeight,
    LoadBalancer,
    Mirroring,
    ResponseForwarding,
    ServersTransport,
    Service,
    Weighted,
)
from trafficcop.config.shared import WeightedService
from trafficcop.config.static import StaticConfiguration
from trafficcop.control.balancing import check_balancing, sticky_mistakes
from trafficcop.control.checks.http import mistakes
from trafficcop.control.descent import Descent
from trafficcop.control.ledger import Entry, Ledger
from trafficcop.control.names import provider_of, qualify, qualify_all
from trafficcop.control.server_urls import url_error
from trafficcop.control.updaters import updater_error
from trafficcop.http.status import status_set
from trafficcop.plan.model import ServicePlan

KINDS = ("load_balancer", "weighted", "highest_random_weight", "mirroring", "failover")
MULTI = (
    "cannot create service: multi-types service not supported, "
    "consider declaring two different pieces of service instead"
)


def internal_services(static: StaticConfiguration) -> dict[str, str]:
    """Every internal service by name, with the error of one that is not enabled, "" otherwise."""
    api, metrics = static.api, static.metrics
    enabled = {
        "noop": True,
        "acme-http": any(
            resolver.acme is not None and resolver.acme.http_challenge is not None
            for resolver in static.certificates_resolvers.values()
        ),
        "api": api is not None,
        "dashboard": api is not None and api.dashboard,
        "rest": static.providers.rest is not None,
        "ping": static.ping is not None,
        "prometheus": metrics is not None and metrics.prometheus is not None,
    }
    called = {"acme-http": "HTTP challenge"}
    return {
        f"{name}@internal": "" if is_enabled else f"{called.get(name, name)} is not enabled"
        for name, is_enabled in enabled.items()
    }


def unchecked(entry: Entry[Service]) -> str:
    """No middleware is wrong, for those who do not check them."""
    return ""


class Services:
    """Checks services once each, on demand: a service is what its references make of it."""

    def __init__(
        self,
        entries: Mapping[str, Entry[Service]],
        transports: Mapping[str, ServersTransport],
        internal: Mapping[str, str],
        ledger: Ledger,
        stack: list[str],
    ) -> None:
        self.entries = entries
        self.plans: dict[str, ServicePlan] = {}
        self.check_middlewares: Callable[[Entry[Service]], str] = unchecked
        self._transports = transports
        self._internal = internal
        self._ledger = ledger
        self._descent: Descent[Service] = Descent("service", stack, ledger)

    def check(self, name: str) -> str:
        """Why the service (qualified) cannot be used; "" when it can. Its plan is then in `plans`."""
        result = self._descent.results.get(name)
        if result is not None:
            return result
        if name.endswith("@internal"):
            return self._internal.get(name, f"unknown internal service {name}")
        entry = self.entries.get(name)
        if entry is None:
            return f'the service "{name}" does not exist'
        return self._descent.follow(name, entry, self._check)

    def is_checked(self, name: str) -> bool:
        return name in self._descent.results

    def exists(self, name: str) -> bool:
        return name in self.entries or name in self._internal

    def missing(self, name: str, text: str) -> str:
        """The text for people about a reference to a service that does not exist."""
        return text + self._ledger.suggest(name, self.entries)

    def _check(self, entry: Entry[Service]) -> str:
        service = entry.config
        kinds = [kind for kind in KINDS if getattr(service, kind) is not None]
        if len(kinds) > 1:
            return self._ledger.fail(entry, MULTI)
        if not kinds:
            return self._ledger.fail(entry, f'the service "{entry.name}" does not have any type defined')
        error = self._check_kind(entry)
        if not error and service.middlewares:
            error = self.check_middlewares(entry)
        if error:
            entry.blame(error)
        else:
            self.plans[entry.name] = ServicePlan(entry.name, qualified(entry.name, service), _written(service))
        return error

    def _check_kind(self, entry: Entry[Service]) -> str:
        service = entry.config
        if service.load_balancer is not None:
            return self._check_load_balancer(entry, service.load_balancer)
        if service.weighted is not None:
            return self._check_weighted(entry, service.weighted)
        if service.highest_random_weight is not None:
            return self._check_highest_random_weight(entry, service.highest_random_weight)
        if service.mirroring is not None:
            return self._check_mirroring(entry, service.mirroring)
        assert service.failover is not None  # noqa: S101 - one of the five is set
        return self._check_failover(entry, service.failover)

    def _check_load_balancer(self, entry: Entry[Service], balancer: LoadBalancer) -> str:
        ledger = self._ledger
        first = check_balancing(entry, balancer, ledger)
        for index, server in enumerate(balancer.servers):
            error = url_error(server.url)
            if error:
                text = f"error parsing server URL {server.url}: {error}"
                first = first or text
                ledger.tell(entry, text, "loadBalancer", "servers", index, "url")
        if first:
            return first
        if balancer.health_check is not None:
            for option, mistake in mistakes(balancer.health_check):
                ledger.tell(entry, mistake, "loadBalancer", "healthCheck", option)
        self._tell_of_flushing(entry, balancer)
        return self._check_transport(entry, balancer) if balancer.servers_transport else ""

    def _check_transport(self, entry: Entry[Service], balancer: LoadBalancer) -> str:
        name = qualify(balancer.servers_transport, provider_of(entry.name))
        entry.config = replace(entry.config, load_balancer=replace(balancer, servers_transport=name))
        if name in self._transports:
            return ""
        text = f"servers transport not found {name}"
        near = self._ledger.suggest(name, self._transports)
        self._ledger.tell(entry, text + near, "loadBalancer", "serversTransport")
        if not balancer.servers:  # to Traefik it is a matter of each server
            entry.config = replace(entry.config, load_balancer=replace(balancer, servers_transport=""))
            return ""
        error = f"error building proxy for server URL {balancer.servers[0].url}: getting RoundTripper: {text}"
        entry.blame(error)
        return error

    def _tell_of_flushing(self, entry: Entry[Service], balancer: LoadBalancer) -> None:
        forwarding = balancer.response_forwarding
        if forwarding is not None and forwarding.flush_interval > 0 and forwarding != ResponseForwarding():
            text = "every piece of an answer is passed on as it comes: nothing is held back for so long"
            path = ("loadBalancer", "responseForwarding", "flushInterval")
            self._ledger.tell(entry, text, *path, is_warning=True)

    def _check_child(self, entry: Entry[Service], name: str, *option: str | int) -> str:
        """Check a service that another one refers to; a missing one is the mistake of the parent."""
        child = qualify(name, provider_of(entry.name))
        error = self.check(child)
        if error and not self.exists(child):
            self._ledger.tell(entry, self.missing(child, error), *option)
        return error

    def _check_weighted(self, entry: Entry[Service], weighted: Weighted) -> str:
        for text, option in sticky_mistakes(weighted.sticky):
            return self._ledger.fail(entry, text, "weighted", *option)
        for index, child in enumerate(weighted.services):
            error = self._check_child(entry, child.name, "weighted", "services", index, "name")
            if error:
                return f'building HTTP service "{child.name}": {error}'
            if weighted.health_check is not None:
                error = self._check_health(entry, child.name, "weighted", "healthCheck")
                if error:
                    return error
        return ""

    def _check_highest_random_weight(self, entry: Entry[Service], given: HighestRandomWeight) -> str:
        for index, child in enumerate(given.services):
            error = self._check_child(entry, child.name, "highestRandomWeight", "services", index, "name")
            if not error and given.health_check is not None:
                error = self._check_health(entry, child.name, "highestRandomWeight", "healthCheck")
            if error:
                return error
        return ""

    def _check_mirroring(self, entry: Entry[Service], mirroring: Mirroring) -> str:
        error = self._check_child(entry, mirroring.service, "mirroring", "service")
        if error:
            return error
        for index, mirror in enumerate(mirroring.mirrors):
            error = self._check_child(entry, mirror.name, "mirroring", "mirrors", index, "name")
            if error:
                return error
            if not 0 <= mirror.percent <= 100:
                text = "percent must be between 0 and 100"
                return self._ledger.fail(entry, text, "mirroring", "mirrors", index, "percent")
        return ""

    def _check_failover(self, entry: Entry[Service], failover: Failover) -> str:
        error = self._check_child(entry, failover.service, "failover", "service")
        if not error and failover.errors is not None and failover.errors.status:
            error = self._check_statuses(entry, failover.errors.status)
        elif not error:
            error = self._check_health(entry, failover.service, "failover", "service")
        if not error:
            error = self._check_child(entry, failover.fallback, "failover", "fallback")
        if not error and failover.health_check is not None:
            error = self._check_health(entry, failover.fallback, "failover", "healthCheck")
        return error

    def _check_statuses(self, entry: Entry[Service], statuses: tuple[str, ...]) -> str:
        try:
            status_set(statuses)
        except ValueError as error:
            text = f"error creating failover service {entry.name}: creating HTTP code ranges: {error}"
            return self._ledger.fail(entry, text, "failover", "errors", "status")
        return ""

    def _check_health(self, entry: Entry[Service], child: str, *option: str) -> str:
        """Whether a child can tell its parent that it went down."""
        error = updater_error(self.entries, entry.name, child)
        return self._ledger.fail(entry, error, *option) if error else ""


def qualified(name: str, service: Service) -> Service:
    """The service with everything it refers to under its full name."""
    provider = provider_of(name)
    balancer = service.load_balancer
    if balancer is not None:
        if balancer.servers_transport and "@" not in balancer.servers_transport:
            transport = qualify(balancer.servers_transport, provider)
            service = replace(service, load_balancer=replace(balancer, servers_transport=transport))
    else:
        service = _qualified_children(service, provider)
    if service.middlewares:
        service = replace(service, middlewares=qualify_all(service.middlewares, provider))
    return service


def _qualified_children(service: Service, provider: str) -> Service:
    if service.weighted is not None:
        return replace(
            service, weighted=replace(service.weighted, services=_children(service.weighted.services, provider))
        )
    if service.highest_random_weight is not None:
        given = service.highest_random_weight
        return replace(service, highest_random_weight=replace(given, services=_children(given.services, provider)))
    if service.mirroring is not None:
        mirrors = tuple(replace(mirror, name=qualify(mirror.name, provider)) for mirror in service.mirroring.mirrors)
        main = qualify(service.mirroring.service, provider)
        return replace(service, mirroring=replace(service.mirroring, service=main, mirrors=mirrors))
    if service.failover is not None:
        main, fallback = qualify_all((service.failover.service, service.failover.fallback), provider)
        return replace(service, failover=replace(service.failover, service=main, fallback=fallback))
    return service


def _written(service: Service) -> tuple[str, ...]:
    parent = service.weighted or service.highest_random_weight
    return () if parent is None else tuple(child.name for child in parent.services)


def _children(services: tuple[WeightedService, ...], provider: str) -> tuple[WeightedService, ...]:
    return tuple(replace(child, name=qualify(child.name, provider)) for child in services)
