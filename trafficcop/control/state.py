"""What control knows at this moment: the configuration in force and what became of it. The API reads it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from trafficcop.config.dynamic import DynamicConfiguration
from trafficcop.control.channel import WorkerState
from trafficcop.control.ejections import Ejections
from trafficcop.errors import Issue
from trafficcop.plan.messages import Health
from trafficcop.plan.model import Plan
from trafficcop.plan.report import Report, ServiceInfo


class State:
    """Written by the control process alone, one publication at a time; readers see the newest whole one."""

    def __init__(self, ejections: Ejections | None = None) -> None:
        self.started_at = time.time()
        self.plan = Plan()
        self._report = Report()
        self.ejections = ejections
        self.configurations: Mapping[str, DynamicConfiguration] = {}
        self.issues: Mapping[str, Sequence[Issue]] = {}
        self.workers: Sequence[WorkerState] = ()
        self._health: dict[tuple[str, str], Health] = {}

    @property
    def report(self) -> Report:
        return self._report if self.ejections is None else self.ejections.shown(self._report)

    @property
    def providers(self) -> Sequence[str]:
        return tuple(sorted(self.configurations))

    def publish(
        self,
        plan: Plan,
        report: Report,
        configurations: Mapping[str, DynamicConfiguration],
        issues: Mapping[str, Sequence[Issue]],
    ) -> None:
        """Put a new configuration in force."""
        self.plan = plan
        self._report = with_health(report, self._health.values())
        self.configurations = configurations
        self.issues = issues

    def note_health(self, health: Health) -> None:
        """Servers went down or came back."""
        if health.down:
            self._health[health.key] = health
        else:
            self._health.pop(health.key, None)
        self._report = with_health(self._report, (health,))


def with_health(report: Report, told: Iterable[Health]) -> Report:
    """The report with what the servers of some services are now."""
    sections = {"http": dict(report.services), "tcp": dict(report.tcp_services), "udp": dict(report.udp_services)}
    changed = False
    for health in told:
        infos = sections[health.protocol]
        info = infos.get(health.service)
        if info is not None and info.server_status:
            infos[health.service] = _judged(info, health)
            changed = True
    if not changed:
        return report
    return replace(report, services=sections["http"], tcp_services=sections["tcp"], udp_services=sections["udp"])


def _judged(info: ServiceInfo, health: Health) -> ServiceInfo:
    status = {server: "DOWN" if server in health.down else "UP" for server in info.server_status}
    return replace(info, server_status=status)
