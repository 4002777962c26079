"""What control knows at this moment: the configuration in force and what became of it. The API reads it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from trafficcop.config.dynamic import DynamicConfiguration
from trafficcop.control.channel import WorkerState
from trafficcop.errors import Issue
from trafficcop.plan.model import Plan
from trafficcop.plan.report import Report


class State:
    """Written by the control process alone, one publication at a time; readers see the newest whole one."""

    def __init__(self) -> None:
        self.started_at = time.time()
        self.plan = Plan()
        self.report = Report()
        self.configurations: Mapping[str, DynamicConfiguration] = {}
        self.issues: Mapping[str, Sequence[Issue]] = {}
        self.workers: Sequence[WorkerState] = ()

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
        self.report = report
        self.configurations = configurations
        self.issues = issues
