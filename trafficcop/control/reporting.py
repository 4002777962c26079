"""The entries of a compilation → the Report that the API shows (`pkg/config/runtime`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from trafficcop.config.datagrams import UDPMiddleware
from trafficcop.config.dynamic import Router, RouterObservability, Service, Sticky
from trafficcop.config.middlewares import Middleware
from trafficcop.config.stream import TCPMiddleware, TCPService, UDPService
from trafficcop.control.books import Books
from trafficcop.control.ledger import Entry
from trafficcop.control.names import provider_of, qualify
from trafficcop.control.spread import RouterEntry, service_of
from trafficcop.control.streams import StreamRouter, has_port
from trafficcop.control.udp import UDPRouterEntry
from trafficcop.errors import Issue
from trafficcop.plan.model import Observability, Plan
from trafficcop.plan.report import MiddlewareInfo, Report, RouterInfo, ServiceInfo
from trafficcop.service.sticky import cookie_name

_UP = "UP"


def report(books: Books, issues: Iterable[Issue], plan: Plan) -> Report:
    """`plan` tells which services can be reached, by way of others, too."""
    _note_users(books)
    streams = {service.name for service in plan.tcp_services}
    datagrams = {service.name for service in plan.udp_services}
    observed: dict[Observability, RouterObservability] = {}
    return Report(
        routers={name: _router(entry, observed) for name, entry in books.routers.items()},
        services={name: _service(entry, name in plan.services) for name, entry in books.services.items()},
        middlewares={name: _middleware(entry) for name, entry in books.middlewares.items()},
        tcp_routers={name: _tcp_router(entry) for name, entry in books.tcp_routers.items()},
        tcp_services={name: _tcp_service(entry, name in streams) for name, entry in books.tcp_services.items()},
        tcp_middlewares={name: _middleware(entry) for name, entry in books.tcp_middlewares.items()},
        udp_routers={name: _udp_router(entry) for name, entry in books.udp_routers.items()},
        udp_services={name: _udp_service(entry, name in datagrams) for name, entry in books.udp_services.items()},
        udp_middlewares={name: _middleware(entry) for name, entry in books.udp_middlewares.items()},
        issues=tuple(dict.fromkeys(issues)),
    )


def _note_users(books: Books) -> None:
    """Which routers name a service or a middleware, good or not, in the order of their names."""
    for name, router in sorted(books.routers.items()):
        _note(books.services, service_of(router), name)
        for middleware in router.middlewares:
            _note(books.middlewares, middleware, name)
    for name, tcp in sorted(books.tcp_routers.items()):
        _note(books.tcp_services, qualify(tcp.config.service, provider_of(name)), name)
        for middleware in tcp.middlewares:
            _note(books.tcp_middlewares, middleware, name)
    for name, udp in sorted(books.udp_routers.items()):
        _note(books.udp_services, qualify(udp.config.service, provider_of(name)), name)
        for middleware in udp.middlewares:
            _note(books.udp_middlewares, middleware, name)


def _note(entries: Mapping[str, Entry[Any]], name: str, user: str) -> None:
    entry = entries.get(name)
    if entry is not None:
        entry.used_by.append(user)


def _router(entry: RouterEntry, observed: dict[Observability, RouterObservability]) -> RouterInfo:
    config = entry.config
    router = Router(
        entry_points=entry.entry_points,
        middlewares=entry.middlewares,
        observability=config.observability if entry.parents else _shown(entry.observability, observed),
        parent_refs=entry.parents,
        priority=entry.priority,
        rule=config.rule,
        rule_syntax=entry.syntax,
        service=config.service,
        tls=entry.tls,
    )
    return RouterInfo(router, entry.status, tuple(entry.errors), tuple(entry.using), entry.priority)


def _shown(given: Observability, observed: dict[Observability, RouterObservability]) -> RouterObservability:
    """The same few values for thousands of routers: made once each."""
    shown = observed.get(given)
    if shown is None:
        shown = RouterObservability(given.access_logs, given.metrics, given.trace_verbosity, given.tracing)
        observed[given] = shown
    return shown


def _service(entry: Entry[Service], is_served: bool) -> ServiceInfo:
    # As in Traefik: what nobody uses has no status, and its cookie no name of its own making.
    if not is_served and not entry.used_by:
        return _info(entry)
    config = _with_cookie_name(entry.name, entry.config)
    if not is_served:
        return ServiceInfo(config, entry.status, tuple(entry.errors), tuple(entry.used_by))
    # Servers are up until a check says otherwise.
    servers = () if config.load_balancer is None else config.load_balancer.servers
    status = {server.url: _UP for server in servers}
    return ServiceInfo(config, entry.status, tuple(entry.errors), tuple(entry.used_by), status)


def _with_cookie_name(name: str, service: Service) -> Service:
    """The service with the name that its cookie has when none was given (`pkg/server/cookie`)."""
    balancer, weighted = service.load_balancer, service.weighted
    if balancer is not None and balancer.sticky is not None:
        return replace(service, load_balancer=replace(balancer, sticky=_named(name, balancer.sticky)))
    if weighted is not None and weighted.sticky is not None:
        return replace(service, weighted=replace(weighted, sticky=_named(name, weighted.sticky)))
    return service


def _named(name: str, sticky: Sticky) -> Sticky:
    cookie = sticky.cookie
    return sticky if cookie is None else replace(sticky, cookie=replace(cookie, name=cookie_name(cookie.name, name)))


def _tcp_service(entry: Entry[TCPService], is_served: bool) -> ServiceInfo:
    balancer = entry.config.load_balancer
    if balancer is not None and balancer.servers_transport:
        transport = qualify(balancer.servers_transport, provider_of(entry.name))
        entry.config = replace(entry.config, load_balancer=replace(balancer, servers_transport=transport))
    if balancer is None or not is_served:
        return _info(entry)
    status = {server.address: _UP for server in balancer.servers if has_port(server.address)}
    return ServiceInfo(entry.config, entry.status, tuple(entry.errors), tuple(entry.used_by), status)


def _udp_service(entry: Entry[UDPService], is_served: bool) -> ServiceInfo:
    """Traefik knows no health of UDP servers: their status is shown where they are checked."""
    balancer = entry.config.load_balancer
    if balancer is None or balancer.health_check is None or not is_served:
        return _info(entry)
    status = {server.address: _UP for server in balancer.servers if has_port(server.address)}
    return ServiceInfo(entry.config, entry.status, tuple(entry.errors), tuple(entry.used_by), status)


def _info(entry: Entry[Service] | Entry[TCPService] | Entry[UDPService]) -> ServiceInfo:
    return ServiceInfo(entry.config, entry.status, tuple(entry.errors), tuple(entry.used_by))


def _middleware(entry: Entry[Middleware] | Entry[TCPMiddleware] | Entry[UDPMiddleware]) -> MiddlewareInfo:
    return MiddlewareInfo(entry.config, entry.status, tuple(entry.errors), tuple(entry.used_by))


def _tcp_router(entry: StreamRouter) -> RouterInfo:
    config = entry.config
    router = replace(config, entry_points=entry.entry_points, middlewares=entry.middlewares, priority=entry.priority)
    return RouterInfo(router, entry.status, tuple(entry.errors), tuple(entry.using), entry.priority)


def _udp_router(entry: UDPRouterEntry) -> RouterInfo:
    router = replace(entry.config, middlewares=entry.middlewares)
    return RouterInfo(router, entry.status, tuple(entry.errors), tuple(entry.using))
