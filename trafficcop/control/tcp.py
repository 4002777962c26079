"""TCP objects that were checked become the TCP part of a Plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from trafficcop.config.stream import TCPMiddleware, TCPServersTransport, TCPService
from trafficcop.control.entry_point_models import EntryPoints
from trafficcop.control.ledger import Entry, Ledger
from trafficcop.control.names import Ranks, provider_of, qualify
from trafficcop.control.rule_book import RuleBook
from trafficcop.control.streams import (
    StreamRouter,
    StreamServices,
    check_tcp_routers,
    has_port,
    middleware_error,
    options_name,
)
from trafficcop.plan.streams import TCPMiddlewarePlan, TCPRouterPlan, TCPServicePlan
from trafficcop.rules.ast import Matcher, Node


@dataclass(frozen=True, slots=True)
class TCPObjects:
    """Every TCP object there is, good or broken, by qualified name."""

    routers: Mapping[str, StreamRouter]
    services: Mapping[str, Entry[TCPService]]
    middlewares: Mapping[str, Entry[TCPMiddleware]]
    transports: Mapping[str, TCPServersTransport]


@dataclass(frozen=True, slots=True)
class TCPPlans:
    """What workers need of them."""

    routers: tuple[TCPRouterPlan, ...]
    services: tuple[TCPServicePlan, ...]
    middlewares: tuple[TCPMiddlewarePlan, ...]


class TCPCompiler:
    """Checks the TCP objects of one configuration and puts their plans together."""

    def __init__(
        self, objects: TCPObjects, entry_points: EntryPoints, rules: RuleBook, ledger: Ledger, ranks: Ranks
    ) -> None:
        self._objects = objects
        self._entry_points = entry_points
        self._rules = rules
        self._ledger = ledger
        self._ranks = ranks

    def compile(self, tls_options: Mapping[str, str], *, has_spiffe: bool) -> TCPPlans:
        """`tls_options`: what is wrong with each, "" for good ones."""
        objects = self._objects
        services = StreamServices(objects.services, objects.transports, self._ledger, "tcp", has_spiffe=has_spiffe)
        check_tcp_routers(
            objects.routers,
            self._entry_points,
            services,
            objects.middlewares,
            tls_options,
            self._rules,
            self._ledger,
        )
        return TCPPlans(
            tuple(plan for entry in objects.routers.values() for plan in self._routers(entry)),
            tuple(_service(objects.services[name]) for name in services.usable()),
            tuple(
                TCPMiddlewarePlan(name, entry.config)
                for name, entry in objects.middlewares.items()
                if not entry.is_disabled and not middleware_error(entry)
            ),
        )

    def _routers(self, entry: StreamRouter) -> Iterator[TCPRouterPlan]:
        rule, config = entry.rule, entry.config
        if rule is None or (entry.is_disabled and not entry.is_closing):
            return
        tls = config.tls
        is_passthrough = tls is not None and tls.passthrough
        for name in entry.using:
            yield TCPRouterPlan(
                name=entry.name,
                entry_point=name,
                rule=rule,
                syntax=entry.syntax,
                priority=entry.priority,
                rank=self._ranks.of(entry.name),
                middlewares=entry.middlewares,
                service="" if entry.is_closing else qualify(config.service, provider_of(entry.name)),
                is_catch_all=is_catch_all(rule),
                is_tls=tls is not None,
                is_passthrough=is_passthrough,
                tls_options="" if tls is None or is_passthrough or entry.is_closing else options_name(entry),
            )


def is_catch_all(rule: Node) -> bool:
    """Whether a rule is HostSNI(`*`) and nothing else, negated or not (`pkg/muxer/tcp/mux.go`)."""
    return isinstance(rule, Matcher) and rule.name == "HostSNI" and rule.arguments == ("*",)


def _service(entry: Entry[TCPService]) -> TCPServicePlan:
    service, provider = entry.config, provider_of(entry.name)
    if service.weighted is not None:
        children = tuple(replace(child, name=qualify(child.name, provider)) for child in service.weighted.services)
        return TCPServicePlan(entry.name, replace(service, weighted=replace(service.weighted, services=children)))
    balancer = service.load_balancer
    if balancer is None:
        return TCPServicePlan(entry.name, service)
    transport = qualify(balancer.servers_transport, provider) if balancer.servers_transport else ""
    servers = tuple(server for server in balancer.servers if has_port(server.address))
    balancer = replace(balancer, servers=servers, servers_transport=transport)
    return TCPServicePlan(entry.name, replace(service, load_balancer=balancer))
