"""What control has to do with servers that workers have ejected for their answers: show them, and take them back."""

from __future__ import annotations

from dataclasses import replace
from time import monotonic_ns

from trafficcop.config.dynamic import Service
from trafficcop.plan.messages import Health
from trafficcop.plan.report import Report, ServiceInfo
from trafficcop.store.servers import ServerTable


class Ejections:
    """Reads the table that the workers write."""

    def __init__(self, table: ServerTable) -> None:
        self._table = table
        self._passes: dict[str, dict[str, int]] = {}  # by service and server
        self._seen: Report | None = None
        self._judged: list[str] = []

    def shown(self, report: Report) -> Report:
        """The report, with the servers as DOWN that are ejected just now."""
        if report is not self._seen:
            self._seen = report
            self._judged = [name for name, info in report.services.items() if info.server_status and _is_judged(info)]
        now = monotonic_ns()
        changed = {}
        for name in self._judged:
            info = report.services[name]
            status = {
                url: "DOWN" if self._table.until(name, url) > now else was for url, was in info.server_status.items()
            }
            if status != info.server_status:
                changed[name] = replace(info, server_status=status)
        return replace(report, services={**report.services, **changed}) if changed else report

    def seconds_left(self, service: str, url: str) -> float:
        """For how long a server stays ejected; 0 if it is not."""
        return max(self._table.until(service, url) - monotonic_ns(), 0) / 1e9

    def note_passes(self, health: Health) -> None:
        """Servers that have passed a check since we were told last are well, whatever they answered before."""
        if not health.passes:
            self._passes.pop(health.service, None)
            return
        before = self._passes.get(health.service, {})
        self._passes[health.service] = dict(health.passes)
        for url, count in health.passes.items():
            if count != before.get(url, 0) and url not in health.down:
                self._table.restore(health.service, url, monotonic_ns())


def _is_judged(info: ServiceInfo) -> bool:
    balancer = info.service.load_balancer if isinstance(info.service, Service) else None
    return balancer is not None and (
        balancer.passive_health_check is not None or balancer.outlier_detection is not None
    )
