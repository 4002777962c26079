"""The routers of a plan by the hosts they want, so that few of ten thousand need be asked about one request."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from trafficcop.control.explain.rules import wanted_hosts
from trafficcop.control.names import is_internal
from trafficcop.http.messages import Request
from trafficcop.plan.model import Plan, RouterPlan
from trafficcop.rules.matchers import HTTPMatcher, link_http
from trafficcop.tls.table import HostTable


class _Group:
    """Routers that are asked about the same requests, but for the host."""

    __slots__ = ("any_host", "by_host", "size")

    def __init__(self) -> None:
        self.by_host: dict[str, list[RouterPlan]] = {}
        self.any_host: list[RouterPlan] = []
        self.size = 0

    def add(self, router: RouterPlan) -> None:
        self.size += 1
        wanted = wanted_hosts(router.rule)
        if wanted is None:
            self.any_host.append(router)
            return
        for host in wanted:
            self.by_host.setdefault(host, []).append(router)

    def find(self, hosts: Collection[str]) -> list[RouterPlan]:
        """Those whose rules name one of the hosts or none, each once."""
        found = {router.name: router for host in hosts for router in self.by_host.get(host, ())}
        return [*found.values(), *self.any_host]


class PlanIndex:
    """Made once for a plan, and as far as somebody asks."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._groups: dict[tuple[str, bool], _Group] = {}
        self._tables: dict[str, HostTable] = {}
        self._matchers: dict[int, HTTPMatcher] = {}  # of routers of the plan, by `id`
        for router in plan.routers:
            key = (router.entry_point, router.is_tls)
            group = self._groups.get(key)
            if group is None:
                group = self._groups[key] = _Group()
            group.add(router)

    def find(self, entry_point: str, hosts: Collection[str], *, is_tls: bool) -> tuple[list[RouterPlan], int]:
        """The routers of an entry point that may want one of the hosts, and how many others there are."""
        group = self._groups.get((entry_point, is_tls))
        if group is None:
            return [], 0
        found = group.find(hosts)
        return found, group.size - len(found)

    def beside(self, entry_point: str, hosts: Collection[str], *, is_tls: bool) -> Iterator[RouterPlan]:
        """Those of other entry points, and of this one with TLS instead of without, or the other way round."""
        for key, group in self._groups.items():
            if key != (entry_point, is_tls):
                yield from group.find(hosts)

    def holds(self, router: RouterPlan, request: Request) -> bool:
        """Whether the rule of a router of this plan holds. It is linked once: expressions take long to compile."""
        matcher = self._matchers.get(id(router))
        if matcher is None:
            matcher = self._matchers[id(router)] = link_http(router.rule, router.syntax)
        return matcher(request)

    def hosts(self) -> Iterator[str]:
        """Every host that a rule names."""
        for group in self._groups.values():
            yield from group.by_host

    def names_one(self, entry_point: str, hosts: Collection[str], *, is_tls: bool) -> bool:
        """Whether a rule names one of the hosts."""
        group = self._groups.get((entry_point, is_tls))
        return group is not None and any(host in group.by_host for host in hosts)

    def speaks(self, entry_point: str, *, is_tls: bool) -> bool:
        """Whether there are routers of users for HTTPS, or for plain HTTP."""
        group = self._groups.get((entry_point, is_tls))
        return group is not None and (bool(group.by_host) or not all(is_internal(one.name) for one in group.any_host))

    def streams(self, entry_point: str, *, is_tls: bool) -> bool:
        """Whether there are TCP routers with TLS, or without."""
        return any(one.entry_point == entry_point and one.is_tls == is_tls for one in self.plan.tcp_routers)

    def has_https(self, entry_point: str) -> bool:
        return (entry_point, True) in self._groups

    def table(self, entry_point: str) -> HostTable:
        """The TLS options of server names, filled in the order of `worker/link_tls.py`."""
        table = self._tables.get(entry_point)
        if table is None:
            table = self._tables[entry_point] = HostTable()
            for domain, options in self.plan.tls.hosts.get(entry_point, {}).items():
                table.add((domain,), options)
            for router in self.plan.routers:
                if router.entry_point == entry_point and router.is_tls:
                    table.add(router.domains, router.tls_options)
        return table
