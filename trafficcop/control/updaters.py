"""Whether a service can tell its parents that it went down: `healthCheck` must be given all the way down the tree."""

from __future__ import annotations

from collections.abc import Mapping

from trafficcop.config.dynamic import Mirroring, Service
from trafficcop.control.balancing import STRATEGIES
from trafficcop.control.ledger import Entry
from trafficcop.control.names import is_internal, provider_of, qualify


def updater_error(entries: Mapping[str, Entry[Service]], parent: str, child: str) -> str:
    """Why the health of a child (as `parent` writes it) cannot count for the parent, "" when it can."""
    name = qualify(child, provider_of(parent))
    found = entries.get(name)
    if found is None or is_internal(name):
        return f"child service {child} of {parent} not a healthcheck.StatusUpdater (http.HandlerFunc)"
    error = _registering(entries, name, found.config)
    return f"cannot register {child} as updater for {parent}: {error}" if error else ""


def _registering(entries: Mapping[str, Entry[Service]], name: str, service: Service) -> str:
    """The error of `RegisterStatusUpdater` of each kind (`pkg/server/service/loadbalancer`)."""
    kind = _without_health(service)
    if kind:
        return f"healthCheck not enabled in config for this {kind} service"
    if service.mirroring is not None:
        return _of_mirrored(entries, name, service.mirroring)
    return ""


def _of_mirrored(entries: Mapping[str, Entry[Service]], name: str, mirroring: Mirroring) -> str:
    main = qualify(mirroring.service, provider_of(name))
    found = entries.get(main)
    if found is None or is_internal(main):
        return "service of mirroring http.HandlerFunc not a healthcheck.StatusUpdater"
    error = _registering(entries, main, found.config)
    return f"cannot register service of mirroring as updater: {error}" if error else ""


def _without_health(service: Service) -> str:
    """The word for a service that has no health check, "" for one that has."""
    balancer = service.load_balancer
    if balancer is not None:
        return "" if balancer.health_check is not None else STRATEGIES.get(balancer.strategy, "WRR")
    for parent, word in (
        (service.weighted, "WRR"),
        (service.highest_random_weight, "HRW"),
        (service.mirroring, "mirroring"),
        (service.failover, "failover"),
    ):
        if parent is not None:
            return "" if parent.health_check is not None else word
    return ""
