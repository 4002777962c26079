"""Active health checks: servers are asked at intervals, once per instance, and the workers learn who is down.

A server starts as up and is asked for the first time after one interval, as in Traefik (`pkg/healthcheck`). Unlike
there each server has a schedule of its own, so that one that hangs keeps nobody waiting, and what is known of a server
outlives a reload.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from trafficcop.plan import messages
from trafficcop.plan.messages import Health
from trafficcop.plan.model import Plan
from trafficcop.telemetry.log import fields

logger = logging.getLogger(__name__)

# So many servers are asked at the same time; each takes a file descriptor while it is.
_AT_ONCE = 256


class CheckFailed(Exception):
    """A server that did not pass a check, and why."""


class Probe(Protocol):
    """One question to one server."""

    async def __call__(self) -> None:
        """Returns when the server is well; CheckFailed or OSError otherwise. It is cancelled when it takes too long."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How often a server is asked (seconds, from the start of one check to the start of the next), and how many
    answers in a row it takes to change one's mind."""

    interval: float = 30.0
    unhealthy_interval: float = 30.0
    timeout: float = 5.0
    healthy_threshold: int = 1
    unhealthy_threshold: int = 1


@dataclass(frozen=True, slots=True)
class Checks:
    """The checks of one service: a probe for each server, by the name under which the balancer knows it.

    `basis` is everything they depend on: as long as it compares equal, a reload changes nothing. `is_telling_passes`:
    the workers hear of every check that was passed, for they judge servers by their answers, too.
    """

    protocol: messages.Protocol
    service: str
    basis: object
    schedule: Schedule
    probes: Mapping[str, Probe]
    is_telling_passes: bool = False


Source = Callable[[Plan], Iterable[Checks]]


class HealthChecks:
    """Everything that is checked. `tell` is called whenever there is news for the workers and the API."""

    def __init__(self, tell: Callable[[Health], None], sources: Sequence[Source]) -> None:
        self._tell = tell
        self._sources = sources
        self._services: dict[tuple[str, str], _Service] = {}
        self._learned: dict[tuple[str, str], Health] = {}  # from workers, before the first plan
        self._is_planned = False
        self._slots = asyncio.Semaphore(_AT_ONCE)

    def update(self, plan: Plan) -> None:
        """Check what this plan wants checked. What is known of servers that it names still is told again."""
        before, self._services = self._services, {}
        for checks in (checks for source in self._sources for checks in source(plan)):
            key: tuple[str, str] = (checks.protocol, checks.service)
            known = before.pop(key, None)
            service = self._services[key] = _Service(checks, self._tell, self._slots) if known is None else known
            service.follow(checks)
        for key, service in before.items():
            service.stop()
            if service.has_down:
                self._tell(Health(key[1], frozenset(), service.protocol))
        self._is_planned = True
        learned, self._learned = self._learned, {}
        for health in learned.values():
            self._adopt(health)
        for service in self._services.values():
            if service.has_down:
                service.tell()

    def learn(self, health: Health) -> None:
        """What a worker was told by a control process before this one; for servers that were not asked since."""
        if not self._is_planned:
            self._learned[health.key] = health
        elif (service := self._adopt(health)) is not None:
            service.tell()

    def _adopt(self, health: Health) -> _Service | None:
        service = self._services.get(health.key)
        if service is None:
            self._tell(Health(health.service, frozenset(), health.protocol))
        else:
            service.adopt(health.down)
        return service

    async def close(self) -> None:
        """Returns when no check is under way any more."""
        tasks = [task for service in self._services.values() for task in service.stop()]
        await asyncio.gather(*tasks, return_exceptions=True)


class _Service:
    """The servers of one service, each asked by a task of its own."""

    def __init__(self, checks: Checks, tell: Callable[[Health], None], slots: asyncio.Semaphore) -> None:
        self._checks = checks
        self._publish = tell
        self._slots = slots
        self._servers: dict[str, _Server] = {}

    @property
    def protocol(self) -> messages.Protocol:
        return self._checks.protocol

    @property
    def has_down(self) -> bool:
        return any(not server.is_up for server in self._servers.values())

    def follow(self, checks: Checks) -> None:
        """Keep what is known of servers that are still there; ask those that are down at once if the question is
        another one now."""
        is_same = self._checks.basis == checks.basis and self._servers.keys() == checks.probes.keys()
        if is_same:
            return
        is_other = self._checks.basis != checks.basis
        self._checks = checks
        before, self._servers = self._servers, {}
        for url, probe in checks.probes.items():
            server = before.pop(url, None)
            if server is None:
                server = _Server(checks.schedule.interval)
                self._start(url, probe, server)
            elif is_other:
                server.cancel()
                server.pause = checks.schedule.interval if server.is_up else 0.0
                self._start(url, probe, server)
            self._servers[url] = server
        for server in before.values():
            server.cancel()
        if any(not server.is_up for server in before.values()):
            self.tell()

    def adopt(self, down: frozenset[str]) -> None:
        """The servers that were down are so until they pass, and are asked at once: nobody knows when they were."""
        for url, server in self._servers.items():
            if url in down and server.is_up and not server.was_asked:
                server.is_up = False
                server.cancel()
                server.pause = 0.0
                self._start(url, self._checks.probes[url], server)

    def tell(self) -> None:
        down = frozenset(url for url, server in self._servers.items() if not server.is_up)
        passes: dict[str, int] = {}
        if self._checks.is_telling_passes:
            passes = {url: server.passes for url, server in self._servers.items()}
        self._publish(Health(self._checks.service, down, self._checks.protocol, passes))

    def stop(self) -> list[asyncio.Task[None]]:
        """The tasks that are about to end."""
        tasks = [server.task for server in self._servers.values() if server.task is not None]
        for server in self._servers.values():
            server.cancel()
        return tasks

    def _start(self, url: str, probe: Probe, server: _Server) -> None:
        server.task = asyncio.create_task(self._watch(url, probe, server), name=f"health of {url}")

    async def _watch(self, url: str, probe: Probe, server: _Server) -> None:
        """Ask one server for ever."""
        now = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(server.pause)
            async with self._slots:
                start = now()
                failure = await self._ask(probe)
            schedule = self._checks.schedule
            if failure:
                logger.warning("Health check failed.", extra=self._fields(url, failure))
            if server.judge(not failure, schedule) or (self._checks.is_telling_passes and not failure):
                self.tell()
            interval = schedule.interval if server.is_up else schedule.unhealthy_interval
            server.pause = max(start + interval - now(), 0.0)

    def _fields(self, url: str, failure: str) -> dict[str, object]:
        """What the line in the log says besides; the words are Traefik's."""
        if self._checks.protocol == "http":
            return fields(serviceName=self._checks.service, targetURL=url, error=failure)
        return fields(serviceName=self._checks.service, targetAddress=url, error=failure)

    async def _ask(self, probe: Probe) -> str:
        """Why the server did not pass, "" when it did."""
        timeout = self._checks.schedule.timeout
        try:
            async with asyncio.timeout(timeout):
                await probe()
        except TimeoutError:
            return f"no answer within {timeout:g}s"
        except (CheckFailed, OSError) as error:
            return str(error) or type(error).__name__
        except Exception as error:  # a bug in a probe must not end the checks of a server
            logger.exception("A health check could not be made")
            return f"{type(error).__name__}: {error}"
        return ""


class _Server:
    """What is known of one server. `pause`: seconds until it is asked next."""

    __slots__ = ("_streak", "is_up", "passes", "pause", "task", "was_asked")

    def __init__(self, pause: float) -> None:
        self.is_up = True
        self.was_asked = False
        self.passes = 0
        self.pause = pause
        self.task: asyncio.Task[None] | None = None
        self._streak = 0  # of answers that contradict what we hold it to be

    def judge(self, has_passed: bool, schedule: Schedule) -> bool:
        """Take note of a check; whether the server went down or came back."""
        self.was_asked = True
        self.passes += has_passed
        if has_passed == self.is_up:
            self._streak = 0
            return False
        self._streak += 1
        if self._streak < (schedule.healthy_threshold if has_passed else schedule.unhealthy_threshold):
            return False
        self._streak = 0
        self.is_up = has_passed
        return True

    def cancel(self) -> None:
        if self.task is not None:
            self.task.cancel()
            self.task = None
