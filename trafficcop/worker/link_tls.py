"""What a plan says about TLS becomes tables: options by server name, certificates by server name."""

from __future__ import annotations

from trafficcop.plan.messages import PlanPart
from trafficcop.plan.model import RouterPlan
from trafficcop.plan.tls import TLSPlan
from trafficcop.tls.contexts import Certificate, Contexts
from trafficcop.tls.table import HostTable, TLSTable


class TLSLinker:
    """Takes the parts of a plan one by one."""

    def __init__(self, contexts: Contexts) -> None:
        self._contexts = contexts
        self._certificates: list[Certificate] = []
        self._hosts: dict[str, HostTable] = {}
        self._plan = TLSPlan()

    def take(self, part: PlanPart) -> None:
        self._certificates += part.certificates
        if part.tls is not None:
            self._plan = part.tls
            for entry_point, hosts in part.tls.hosts.items():
                for domain, options in hosts.items():
                    self.hosts(entry_point).add((domain,), options)

    def hosts(self, entry_point: str) -> HostTable:
        """The options by server name of one entry point."""
        found = self._hosts.get(entry_point)
        if found is None:
            found = self._hosts[entry_point] = HostTable()
        return found

    def add_hosts(self, router: RouterPlan) -> None:
        self.hosts(router.entry_point).add(router.domains, router.tls_options)

    def table(self) -> TLSTable:
        """After the last part. The contexts that nobody asked for under the plan before are forgotten now."""
        self._contexts.turn()
        if self._hosts:
            # By TLS browsers speak HTTP/2. Imported with the first of them, it would keep all other requests waiting,
            # and might come from a newer version that is being installed.
            import trafficcop.server.h2  # noqa: F401
        return TLSTable(
            self._plan.options,
            self._certificates,
            self._plan.default,
            self._contexts,
            has_default=not self._plan.is_default_broken,
        )
