"""UDP objects: what can be checked before they serve, and the plans of those that can (`pkg/server/router/udp`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from trafficcop.config.datagrams import UDPMiddleware
from trafficcop.config.lazy import dataclass
from trafficcop.config.stream import UDPLoadBalancer, UDPRouter, UDPService
from trafficcop.control.checks.terms import timing_mistakes
from trafficcop.control.entry_point_models import EntryPoints
from trafficcop.control.internal import MAX_USER_PRIORITY
from trafficcop.control.ledger import Entry, Ledger
from trafficcop.control.names import provider_of, qualify, qualify_all
from trafficcop.control.rule_book import RuleBook
from trafficcop.control.streams import StreamServices, bound, has_port
from trafficcop.http.addresses import address_range
from trafficcop.plan.datagrams import UDPMiddlewarePlan, UDPRouterPlan, UDPServicePlan
from trafficcop.rules.ast import Node
from trafficcop.rules.errors import RuleError

UDP_ROUTERS = ("udp", "routers")
UDP_SERVICES = ("udp", "services")
UDP_MIDDLEWARES = ("udp", "middlewares")

STRATEGIES = ("", "wrr", "hrw", "consistentHash")
_CATCH_ALL = -1  # the priority of routers for every client: below every rule
_LONGEST = 65507  # bytes of a datagram over IPv4


class UDPRouterEntry(Entry[UDPRouter]):
    """A UDP router while it is checked. `rule` is None when every client is meant."""

    __slots__ = ("middlewares", "priority", "rule", "using")

    def __init__(self, name: str, config: UDPRouter) -> None:
        super().__init__(UDP_ROUTERS, name, config)
        self.middlewares = qualify_all(config.middlewares, provider_of(name))
        self.priority = config.priority
        self.rule: Node | None = None
        self.using: list[str] = []


@dataclass(frozen=True, slots=True)
class UDPObjects:
    """Everything of UDP, by qualified name."""

    routers: Mapping[str, UDPRouterEntry]
    services: Mapping[str, Entry[UDPService]]
    middlewares: Mapping[str, Entry[UDPMiddleware]]


@dataclass(frozen=True, slots=True)
class UDPPlans:
    """The part of a Plan that is about UDP."""

    routers: tuple[UDPRouterPlan, ...]
    services: tuple[UDPServicePlan, ...]
    middlewares: tuple[UDPMiddlewarePlan, ...]


def compile_udp(objects: UDPObjects, entry_points: EntryPoints, rules: RuleBook, ledger: Ledger) -> UDPPlans:
    """Check everything; the plans of the routers that can serve, and of what they use."""
    for service in objects.services.values():
        if service.config.load_balancer is not None and not service.is_disabled:
            _check_options(service, service.config.load_balancer, ledger)
    for middleware in objects.middlewares.values():
        if not middleware.is_disabled:
            _check_middleware(middleware, ledger)
    services = StreamServices(objects.services, {}, ledger, "udp")
    for router in objects.routers.values():
        if not router.is_disabled:
            _check_router(router, entry_points, services, objects.middlewares, rules, ledger)
    good = [router for router in objects.routers.values() if not router.is_disabled]
    _tell_of_rivals(good, ledger)
    return _plans(good, objects)


# === checks ===


def _check_router(
    entry: UDPRouterEntry,
    entry_points: EntryPoints,
    services: StreamServices,
    middlewares: Mapping[str, Entry[UDPMiddleware]],
    rules: RuleBook,
    ledger: Ledger,
) -> None:
    wanted = entry.config.entry_points or tuple(sorted(entry_points.udp))
    entry.using = bound(entry, wanted, entry_points.udp, entry_points.tcp, ledger)
    if entry.config.service:
        services.check_named(entry, entry.config.service)
    else:
        ledger.fail(entry, "the service is missing on the udp router")
    _check_rule(entry, rules, ledger)
    for index, name in enumerate(entry.middlewares):
        found = middlewares.get(name)
        if found is None:
            text = f'middleware "{name}" does not exist'
            entry.blame(text)
            ledger.tell(entry, text + ledger.suggest(name, middlewares), "middlewares", index)
        elif found.is_disabled:
            entry.blame(", ".join(found.errors))


def _check_rule(entry: UDPRouterEntry, rules: RuleBook, ledger: Ledger) -> None:
    """Traefik's routers have no rule: one without takes every client, as `*` does."""
    rule = entry.config.rule
    if entry.priority > MAX_USER_PRIORITY:
        text = f"the router priority {entry.priority} exceeds the max user-defined priority {MAX_USER_PRIORITY}"
        ledger.fail(entry, text, "priority")
    if rule.strip() in ("", "*"):
        entry.priority = entry.priority or _CATCH_ALL
        return
    entry.priority = entry.priority or len(rule.encode("utf-8", "surrogatepass"))
    try:
        entry.rule = rules.parse(rule, "udp", "v3")
    except RuleError as error:
        entry.blame(f"error while parsing rule {rule}: {error.message}")
        ledger.tell_inside(entry, error.message, "rule", rule, error.column if error.line == 1 else 0)


def _check_options(entry: Entry[UDPService], balancer: UDPLoadBalancer, ledger: Ledger) -> None:
    if balancer.strategy not in STRATEGIES:
        text = f'unsupported load-balancer strategy "{balancer.strategy}"'
        ledger.fail(entry, text, "loadBalancer", "strategy")
    for index, server in enumerate(balancer.servers):
        if server.weight < 0:
            text = f"the weight {server.weight} is negative"
            ledger.fail(entry, text, "loadBalancer", "servers", index, "weight")
    check = balancer.health_check
    if check is None:
        return
    for key, given in (("payload", check.payload), ("expect", check.expect)):
        if len(given) > _LONGEST or any(ord(character) > 255 for character in given):
            text = f"{key} must be {_LONGEST} bytes at most, each character one byte (U+0000 to U+00FF)"
            ledger.fail(entry, text, "loadBalancer", "healthCheck", key)
    if not 0 <= check.port <= 65535:
        ledger.fail(entry, f"{check.port} is not a port", "loadBalancer", "healthCheck", "port")
    for key, mistake in timing_mistakes(check):
        ledger.tell(entry, mistake, "loadBalancer", "healthCheck", key)


def _check_middleware(entry: Entry[UDPMiddleware], ledger: Ledger) -> None:
    config = entry.config
    if (config.ip_allow_list is None) == (config.rate_limit is None):
        what = "invalid middleware type or middleware does not exist"
        if config.rate_limit is not None:
            what = "a middleware has one type: make two of it"
        ledger.fail(entry, f'invalid middleware "{entry.name}" configuration: {what}')
    if config.ip_allow_list is not None:
        _check_ranges(entry, config.ip_allow_list.source_range, ledger)
    if config.rate_limit is not None:
        for key in ("average", "burst", "period"):
            if getattr(config.rate_limit, key) < 0:
                ledger.fail(entry, f"negative value not valid for {key}", "rateLimit", key)


def _check_ranges(entry: Entry[UDPMiddleware], ranges: tuple[str, ...], ledger: Ledger) -> None:
    if not ranges:
        ledger.fail(entry, "sourceRange is empty, IPAllowLister not created")
    for index, text in enumerate(ranges):
        try:
            address_range(text)
        except ValueError as error:
            ledger.fail(entry, f"cannot parse CIDRs: {error}", "ipAllowList", "sourceRange", index)


def _tell_of_rivals(routers: Iterable[UDPRouterEntry], ledger: Ledger) -> None:
    """Of several routers for every client on one entry point, only one is ever used."""
    best: dict[str, UDPRouterEntry] = {}
    for router in sorted(routers, key=lambda router: (router.priority, router.name), reverse=True):
        if router.rule is None:
            for name in router.using:
                winner = best.setdefault(name, router)
                if winner is not router:
                    text = f"never used on the entry point {name}: {winner.name} takes every datagram there"
                    ledger.tell(router, text, is_warning=True)


# === plans ===


def _plans(routers: list[UDPRouterEntry], objects: UDPObjects) -> UDPPlans:
    used: dict[str, UDPServicePlan] = {}
    planned: list[UDPRouterPlan] = []
    for router in routers:
        service = qualify(router.config.service, provider_of(router.name))
        used.update((plan.name, plan) for plan in _service_plans(service, objects.services, used))
        for name in router.using:
            plan = UDPRouterPlan(router.name, name, router.rule, router.priority, router.middlewares, service)
            planned.append(plan)
    names = dict.fromkeys(name for router in routers for name in router.middlewares)
    middlewares = tuple(UDPMiddlewarePlan(name, objects.middlewares[name].config) for name in names)
    return UDPPlans(tuple(planned), tuple(used.values()), middlewares)


def _service_plans(
    name: str, services: Mapping[str, Entry[UDPService]], known: Mapping[str, UDPServicePlan]
) -> Iterator[UDPServicePlan]:
    """The service and those it is made of, children first."""
    if name in known:
        return
    config = services[name].config
    if config.weighted is not None:
        provider = provider_of(name)
        children = [replace(child, name=qualify(child.name, provider)) for child in config.weighted.services]
        for child in children:
            yield from _service_plans(child.name, services, known)
        config = replace(config, weighted=replace(config.weighted, services=tuple(children)))
    elif config.load_balancer is not None:
        servers = tuple(server for server in config.load_balancer.servers if has_port(server.address))
        config = replace(config, load_balancer=replace(config.load_balancer, servers=servers))
    yield UDPServicePlan(name, config)
