"""The control process: providers in, plans out to the workers, and the API for whoever wants to look."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import uvloop

from trafficcop.config.document import STATIC
from trafficcop.config.dynamic import DynamicConfiguration
from trafficcop.control.channel import Channel
from trafficcop.control.checks.health import HealthChecks
from trafficcop.control.checks.http import http_checks
from trafficcop.control.checks.tcp import tcp_checks
from trafficcop.control.checks.udp import udp_checks
from trafficcop.control.compile import compile  # noqa: A004 - the verb of the house
from trafficcop.control.ejections import Ejections
from trafficcop.control.figures.export import MetricsExport
from trafficcop.control.file_places import FilePlaces
from trafficcop.control.given_files import GivenFiles
from trafficcop.control.launch import Launch
from trafficcop.control.names import qualify
from trafficcop.control.pairs import PairBook
from trafficcop.control.places import Places
from trafficcop.control.providers import Provider, build_providers
from trafficcop.control.rule_book import RuleBook
from trafficcop.control.stapling import Stapling
from trafficcop.control.startup import startup_warnings
from trafficcop.control.state import State
from trafficcop.control.watcher import Watcher
from trafficcop.errors import Issue
from trafficcop.plan.messages import Health
from trafficcop.providers.file import FileProvider
from trafficcop.providers.rest import RESTProvider
from trafficcop.store.servers import ServerTable
from trafficcop.telemetry import log
from trafficcop.tls.contexts import Certificate
from trafficcop.tls.generated import generate

logger = logging.getLogger(__name__)

# Compiling a large configuration takes a second of CPU. At this nice value a worker that wants the same CPU gets
# three quarters of it and runs first when it wakes, so that a reload does not show in the latency of requests.
NICE = 5
# Reading and compiling makes many objects and little garbage: looking at them seldom is enough.
_GC_THRESHOLDS = (5_000, 10, 10)
_RETRY_SECONDS = 1.0
_RETRY_LIMIT_SECONDS = 30.0
_LARGE = 256 * 1024  # bytes: a larger file is not parsed a second time to place a mistake


class Control:
    """The life of the control process: start the channel, follow the providers, publish what they say."""

    def __init__(
        self, launch: Launch, directory: Path, report_ready: Callable[[], None], servers: ServerTable | None = None
    ) -> None:
        self._ejections = None if servers is None else Ejections(servers)
        self.state = State(self._ejections)
        self._launch = launch
        self._directory = directory
        self._report_ready = report_ready
        self._health = HealthChecks(self._tell_health, (http_checks, tcp_checks, udp_checks))
        self._channel = Channel(directory / "control.sock", self._note_workers, self._health.learn)
        self._metrics = MetricsExport.of(launch, self.state, self._channel, directory)
        self._providers = build_providers(launch)
        required = "file" if any(isinstance(provider, FileProvider) for provider in self._providers) else ""
        self._watcher = Watcher(launch.static, self._publish, required=required)
        self._rules = RuleBook()  # what a reload does not change is not parsed again
        self._pairs = PairBook()
        self._files = GivenFiles(self._publish_again)
        ocsp = launch.static.ocsp
        self._stapling = None if ocsp is None else Stapling(ocsp.responder_overrides, self._channel.push_staple)
        self._generated: Certificate | None = None
        self._told: frozenset[Issue] = frozenset()
        self._stop = asyncio.Event()

    async def serve(self) -> None:
        """Serve until `stop`."""
        await self._channel.start()
        logger.info("Starting provider aggregator")
        tasks = self._rest()
        tasks += [asyncio.create_task(self._follow(provider)) for provider in self._providers]
        tasks.append(asyncio.create_task(self._watcher.run()))
        tasks.append(asyncio.create_task(self._files.run()))
        if self._stapling is not None:
            tasks.append(asyncio.create_task(self._stapling.run()))
        tasks += self._api()
        if self._metrics is not None:
            tasks += self._metrics.start(self._stop)
        self._report_ready()
        stopping = asyncio.create_task(self._stop.wait())
        try:
            done, _ = await asyncio.wait({stopping, *tasks}, return_when=asyncio.FIRST_COMPLETED)
            for task in done - {stopping}:
                task.result()
                raise RuntimeError(f"{task.get_name()} ended before its time")
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(stopping, *tasks, return_exceptions=True)
            await self._health.close()
            if self._metrics is not None:
                self._metrics.close()
            await self._channel.close()

    def stop(self) -> None:
        self._stop.set()

    def reload(self) -> None:
        """SIGHUP: providers that can read their source anew do so."""
        for provider in self._providers:
            if isinstance(provider, FileProvider):
                provider.reload()

    # === providers in, plans out ===

    async def _follow(self, provider: Provider) -> None:
        """Hand every message of a provider to the watcher; one that fails is started again, ever more slowly."""
        delay = _RETRY_SECONDS
        while True:
            logger.info("Starting provider %s", provider.name)
            try:
                async for message in provider.provide():
                    delay = _RETRY_SECONDS
                    self._watcher.accept(message)
            except Exception:
                logger.exception("Cannot start the provider %s; trying again in %.0f s", provider.name, delay)
            else:
                logger.error("The provider %s has ended; starting it again in %.0f s", provider.name, delay)
            await asyncio.sleep(delay)
            delay = min(2 * delay, _RETRY_LIMIT_SECONDS)

    def _publish(
        self, configurations: Mapping[str, DynamicConfiguration], issues: Mapping[str, Sequence[Issue]]
    ) -> None:
        """What was given may be the same as before: files that it names are read again."""
        told = [qualified(issue, provider) for provider, found in issues.items() for issue in found]
        static, before, places = self._launch.static, self.state.plan, self._places()
        compiled, report = compile(static, configurations, told, places, self._rules, self._pairs, self._generate)
        self._files.follow(self._pairs.files)
        if self._stapling is not None:
            self._stapling.follow((*compiled.certificates, *filter(None, (compiled.tls.default,))))
        plan = replace(compiled, version=before.version)
        is_news = not before.version or plan != before
        if is_news:
            plan = replace(compiled, version=before.version + 1)
        self._tell([*report.issues, *startup_warnings(static, configurations, places)])
        self.state.publish(plan, report, configurations, issues)
        if is_news:
            self._channel.push(plan)
            if self._metrics is not None:
                self._metrics.note_reload()
            self._health.update(plan)
            logger.info("Configuration %d has %d routers", plan.version, len(plan.routers))
        gc.enable()  # off until now: there was no garbage, but much to look at

    def _publish_again(self) -> None:
        self._publish(self.state.configurations, self.state.issues)

    def _generate(self) -> Certificate:
        """The certificate for names that have none, the same for as long as this process lives."""
        if self._generated is None:
            self._generated = generate()
        return self._generated

    def _places(self) -> Places:
        """Where mistakes stand in the files, read again only when there are any."""
        launch = self._launch
        one_file = launch.config_file or "" if launch.document is not None else ""
        return Places(
            {
                "file": FilePlaces(launch.static.providers.file, launch.environ, one_file, limit=_LARGE),
                STATIC: FilePlaces(None, launch.environ, launch.config_file or "", limit=_LARGE),
            }
        )

    def _tell(self, issues: Sequence[Issue]) -> None:
        """Log what was not wrong before: a reload of a thousand routers need not repeat a thousand old errors."""
        for issue in issues:
            if issue not in self._told:
                logger.log(logging.WARNING if issue.is_warning else logging.ERROR, "%s", issue)
        self._told = frozenset(issues)

    def _tell_health(self, health: Health) -> None:
        if self._ejections is not None:
            self._ejections.note_passes(health)
        self._channel.push_health(health)
        self.state.note_health(health)

    def _note_workers(self) -> None:
        self.state.workers = tuple(self._channel.workers[index] for index in sorted(self._channel.workers))

    # === the API ===

    def _api(self) -> list[asyncio.Task[None]]:
        api = self._launch.static.api
        if api is None:
            return []
        # Imported here: the libraries of the API are of no use to an instance without one.
        from trafficcop.admin.app import DashboardApp, create_app
        from trafficcop.admin.server import serve
        from trafficcop.control.explain.live import LiveExplain
        from trafficcop.control.profiles import Profiles

        explain = LiveExplain(self.state, self._launch.static)
        profiles = Profiles(self._channel.ask)
        self._channel.on_profile = profiles.note
        app = create_app(self.state, self._launch.static, explain, profiles)
        tasks = [asyncio.create_task(serve(app, str(self._directory / "api.sock"), self._stop), name="api")]
        if api.dashboard:
            served = serve(DashboardApp(api.base_path), str(self._directory / "dashboard.sock"), self._stop)
            tasks.append(asyncio.create_task(served, name="dashboard"))
        return tasks

    def _rest(self) -> list[asyncio.Task[None]]:
        """Takes configurations, on a socket of its own: who may read the API may not write."""
        providers = [provider for provider in self._providers if isinstance(provider, RESTProvider)]
        if not providers:
            return []
        from trafficcop.admin.rest import RESTApp
        from trafficcop.admin.server import serve

        providers[0].directory = self._directory
        app = RESTApp(providers[0].put)
        return [asyncio.create_task(serve(app, str(self._directory / "rest.sock"), self._stop), name="rest")]


def qualified(issue: Issue, provider: str) -> Issue:
    """The Issue with the name of its object as all others see it: a provider knows only its own."""
    if len(issue.owner) != 3:
        return issue
    protocol, kind, name = issue.owner
    return replace(issue, owner=(protocol, kind, qualify(name, provider)))


def run(launch: Launch, directory: Path, report_ready: Callable[[], None], servers: ServerTable) -> int:
    """The main function of the control process."""
    os.nice(NICE)
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
    log.start_rotating()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(launch, directory, report_ready, servers))
    return 0


async def _serve(launch: Launch, directory: Path, report_ready: Callable[[], None], servers: ServerTable) -> None:
    control = Control(launch, directory, report_ready, servers)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, control.stop)
    loop.add_signal_handler(signal.SIGHUP, control.reload)
    loop.add_signal_handler(signal.SIGUSR1, log.reopen)
    await control.serve()
