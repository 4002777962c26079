"""The part of a plan that is about UDP becomes DatagramHandlers."""

from __future__ import annotations

from collections.abc import Iterator

from trafficcop.config.scalars import Duration
from trafficcop.config.stream import UDPService
from trafficcop.http.addresses import address_range
from trafficcop.http.datagrams import DatagramHandler
from trafficcop.plan.datagrams import UDPMiddlewarePlan, UDPRouterPlan, UDPServicePlan
from trafficcop.plan.messages import PlanPart
from trafficcop.router.udp import DatagramEntry, UDPRouter
from trafficcop.store.interface import NANOSECONDS, Rate, Store
from trafficcop.udp.balancer import ServerOfService, Share, UDPBalancer
from trafficcop.udp.middleware import AllowList, RateLimit
from trafficcop.udp.servers import Servers
from trafficcop.worker.linked import Linked

_STEP = 32  # so many routers are a few tenths of a millisecond of work


class UDPLinker:
    """Takes the parts of a plan one by one; `index` makes the routers of the entry points."""

    def __init__(self, servers: Servers, store: Store, linked: Linked) -> None:
        self._servers = servers
        self._store = store
        self._linked = linked
        self._services: dict[str, UDPServicePlan] = {}
        self._middlewares: dict[str, UDPMiddlewarePlan] = {}
        self._balancers: dict[str, UDPBalancer] = {}
        self._limited = 0
        self._entries: dict[str, list[DatagramEntry]] = {}

    def link(self, part: PlanPart) -> Iterator[None]:
        for middleware in part.udp_middlewares:
            self._middlewares[middleware.name] = middleware
        for service in part.udp_services:
            self._services[service.name] = service
        for number, router in enumerate(part.udp_routers):
            if number % _STEP == _STEP - 1:
                yield
            entry = DatagramEntry(router, self._link_router(router))
            self._entries.setdefault(router.entry_point, []).append(entry)

    def index(self) -> None:
        for name, entries in self._entries.items():
            self._linked.datagrams[name] = UDPRouter(entries)

    def _link_router(self, router: UDPRouterPlan) -> DatagramHandler:
        handler: DatagramHandler = self._balancer(router.service)
        for name in reversed(router.middlewares):
            handler = self._link_middleware(self._middlewares[name], handler)
        return handler

    def _link_middleware(self, plan: UDPMiddlewarePlan, next: DatagramHandler) -> DatagramHandler:
        options = plan.middleware
        if options.ip_allow_list is not None:
            return AllowList([address_range(text) for text in options.ip_allow_list.source_range], next)
        if options.rate_limit is None:
            raise ValueError(f"UDP middleware {plan.name} has no type this version knows")
        if options.rate_limit.average <= 0:
            return next
        # Every worker links the same parts in the same order, so they agree on the scope.
        self._limited += 1
        scope = f"udp {self._linked.version} {self._limited} {plan.name}"
        rate = rate_of(options.rate_limit.average, options.rate_limit.burst, options.rate_limit.period)
        return RateLimit(self._store.buckets(scope, rate), next)

    def _balancer(self, name: str) -> UDPBalancer:
        balancer = self._balancers.get(name)
        if balancer is None:
            balancer = self._balancers[name] = self._link_service(name, self._services[name].service)
            self._linked.checked["udp", name] = balancer
        return balancer

    def _link_service(self, name: str, service: UDPService) -> UDPBalancer:
        if service.load_balancer is not None:
            shares = []
            for server in service.load_balancer.servers:
                self._linked.datagram_servers.add(server.address)
                choice = ServerOfService(name, self._servers.get(server.address))
                shares.append(Share(server.weight, choice))
            return UDPBalancer(name, shares, service.load_balancer.strategy)
        if service.weighted is None:
            raise ValueError(f"UDP service {name} has no type this version knows")
        return UDPBalancer(name, [Share(one.weight, self._balancer(one.name)) for one in service.weighted.services])


def rate_of(average: int, burst: int, period: Duration) -> Rate:
    """A datagram is passed on at once or never, so nothing may be waited for."""
    rate = average * NANOSECONDS / (period or NANOSECONDS)
    return Rate(rate, max(burst, 1), 0, 2 if rate >= 1 else 1 + int(1 / rate))
