"""What the API needs to know of a running instance; the control process keeps it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from trafficcop.errors import Issue
from trafficcop.plan.report import Report


class WorkerView(Protocol):
    """A worker as control last heard of it. `version`: of the plan it serves; `refused`: why not of the newest."""

    @property
    def index(self) -> int: ...
    @property
    def pid(self) -> int: ...
    @property
    def version(self) -> int: ...
    @property
    def refused(self) -> str: ...


class StateView(Protocol):
    """Read at each request, so what it answers may change between two of them."""

    @property
    def report(self) -> Report:
        """What the compiler made of the configuration that is served."""

    @property
    def providers(self) -> Sequence[str]:
        """The providers that have handed over a configuration: `file`, `internal` …"""

    @property
    def issues(self) -> Mapping[str, Sequence[Issue]]:
        """What is wrong with the last message of each provider."""

    @property
    def started_at(self) -> float:
        """When the instance started, in seconds since the epoch."""

    @property
    def workers(self) -> Sequence[WorkerView]:
        """The data plane."""
