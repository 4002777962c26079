"""The exporters of metrics, put together: `/metrics` on a Unix socket, and those that push."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path

from trafficcop.config.address import parse_address
from trafficcop.config.dynamic import LoadBalancer
from trafficcop.config.observability import Metrics, Prometheus
from trafficcop.control.channel import Channel
from trafficcop.control.figures.counts import CountsBook
from trafficcop.control.figures.expiry import expiries
from trafficcop.control.launch import Launch
from trafficcop.control.state import State
from trafficcop.plan.report import Report
from trafficcop.telemetry.exposition_text import CONTENT_TYPE
from trafficcop.telemetry.metrics import Counting, bounds_of, counting_of, levels_of
from trafficcop.telemetry.prometheus import Exposition
from trafficcop.telemetry.snapshot import Facts, Snapshot

# Whoever does not come for so long is not waited for before the series of former objects are dropped.
_SCRAPE_SECONDS = 600.0


class MetricsExport:
    """Everything that leaves the control process as metrics."""

    def __init__(self, launch: Launch, state: State, channel: Channel, directory: Path) -> None:
        static = launch.static
        self._launch = launch
        self._state = state
        self._directory = directory
        self._entry_points = tuple(
            name for name, given in static.entry_points.items() if parse_address(given.address).protocol == "tcp"
        )
        self._scraped = time.monotonic()
        self._book = CountsBook(directory / "counts", channel.ask)
        channel.counts = self._book

    @classmethod
    def of(cls, launch: Launch, state: State, channel: Channel, directory: Path) -> MetricsExport | None:
        """None when nobody wants metrics."""
        return None if counting_of(launch.static.metrics) is None else cls(launch, state, channel, directory)

    def note_reload(self) -> None:
        """A configuration was put in force."""
        self._book.note_reload()

    def start(self, stop: asyncio.Event) -> list[asyncio.Task[None]]:
        """The tasks that serve and push until `stop`."""
        metrics = self._launch.static.metrics
        counting = counting_of(metrics)
        if metrics is None or counting is None:
            return []
        tasks = [asyncio.create_task(self._follow(), name="counts")]
        tasks += self._push(metrics, counting)
        if metrics.prometheus is not None:
            tasks.append(asyncio.create_task(self._serve(metrics.prometheus, counting, stop), name="prometheus"))
        return tasks

    def close(self) -> None:
        self._book.close()

    def _push(self, metrics: Metrics, counting: Counting) -> list[asyncio.Task[None]]:
        if metrics.statsd is None and metrics.datadog is None and metrics.influxdb2 is None:
            return []
        # Imported here: a web client is of no use to an instance that tells nobody.
        from trafficcop.control.figures.pushing import pushers_of, start_all

        pushers = pushers_of(metrics, self._launch.environ)
        return start_all(pushers, self._snapshot, counting, is_new=not self._book.is_resumed)

    async def _follow(self) -> None:
        while True:
            await self._book.follow()
            if time.monotonic() - self._scraped > _SCRAPE_SECONDS:
                self._book.forget(self._state.report)

    async def _serve(self, options: Prometheus, counting: Counting, stop: asyncio.Event) -> None:
        # Imported here: the libraries of a server are of no use to an instance that nobody asks.
        from trafficcop.admin.metrics import create_metrics_app
        from trafficcop.admin.server import serve

        exposition = Exposition(counting, levels_of(options), bounds_of(options), has_seed_names=options.seed_names)

        async def render() -> str:
            text = exposition.text(await self._snapshot())
            self._scraped = time.monotonic()
            self._book.forget(self._state.report)
            return text

        await serve(create_metrics_app(render, CONTENT_TYPE), str(self._directory / "metrics.sock"), stop)

    async def _snapshot(self) -> Snapshot:
        await self._book.refresh()
        return Snapshot(self._book.totals, self._facts())

    def _facts(self) -> Facts:
        report = self._state.report
        return Facts(
            reloads=self._book.reloads,
            last_reload=self._book.last_reload,
            certificates=expiries(report.certificates),
            servers=dict(_servers(report, is_checked=True)),
            unchecked=tuple(key for key, _ in _servers(report, is_checked=False)),
            entry_points=self._entry_points,
            pids=self._pids(),
        )

    def _pids(self) -> tuple[int, ...]:
        own, workers = os.getpid(), [worker.pid for worker in self._state.workers]
        if own in workers:  # one process plays all roles
            return (own,)
        return (os.getppid(), own, *workers)


def _servers(report: Report, *, is_checked: bool) -> Iterator[tuple[tuple[str, str], bool]]:
    """Servers whose health is checked, or those whose is not, by service and URL, and whether they are up."""
    for name, info in report.services.items():
        balancer = info.service.load_balancer
        if not isinstance(balancer, LoadBalancer):
            continue
        if (balancer.health_check is not None or balancer.passive_health_check is not None) is not is_checked:
            continue
        for url, status in info.server_status.items():
            yield (name, url), status == "UP"
