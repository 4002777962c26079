"""What becomes of servers by themselves: they fail and are ejected, they come back, they regain their weight.

Nothing here has a timer. Whoever is about to choose a server looks for news first, and that is two comparisons.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from time import monotonic_ns
from typing import Final, Protocol

from trafficcop.config.dynamic import PassiveHealthCheck
from trafficcop.config.own_balancing import OutlierDetection
from trafficcop.errors import ProxyError
from trafficcop.http.answer import Answer
from trafficcop.http.messages import Handler, Request, Response
from trafficcop.service.servers import STEPS, Server
from trafficcop.store.interface import Standing

NEVER: Final = 1 << 62


class Affected(Protocol):
    """The balancer of the servers."""

    def revise(self) -> None:
        """Servers have changed."""


class Conditions:
    """The conditions of the servers of one service."""

    __slots__ = ("_affected", "_next", "_servers", "_slow_start", "_standing")

    def __init__(self, servers: Sequence[Server], standing: Standing, slow_start: int = 0) -> None:
        self._servers = servers
        self._standing = standing
        self._slow_start = slow_start
        self._affected: Affected | None = None
        self._next = NEVER

    def attach(self, affected: Affected) -> None:
        """Tell this balancer of changes, and see how things are now."""
        self._affected = affected
        self._update(monotonic_ns())

    def look(self) -> None:
        """See whether anything has changed."""
        if self._standing.has_news() or (self._next != NEVER and monotonic_ns() >= self._next):
            self._update(monotonic_ns())

    def came_back(self, servers: Sequence[Server]) -> None:
        """Those who were told that a server is up again tell us."""
        if self._slow_start and servers:
            now = monotonic_ns()
            for server in servers:
                server.back_at = now
            self._update(now)

    def _update(self, now: int) -> None:
        self._standing.note_news()
        self._next = NEVER
        for index, server in enumerate(self._servers):
            until = self._standing.until(index)
            server.is_ejected = until > now
            if server.is_ejected:
                self._next = min(self._next, until)
            elif self._slow_start:
                server.back_at = max(server.back_at, until)
                self._ramp(server, now)
        if self._affected is not None:
            self._affected.revise()

    def _ramp(self, server: Server, now: int) -> None:
        """The weight grows in steps, from a tenth."""
        step = (now - server.back_at) * STEPS // self._slow_start + 1 if server.back_at else STEPS
        server.share = min(step, STEPS) / STEPS
        if step < STEPS:
            self._next = min(self._next, server.back_at + self._slow_start * step // STEPS)

    def detach(self) -> None:
        """Nobody chooses among these servers any more."""
        self._affected = None


# === answers ===


class Judge:
    """What the answers of servers mean for them. `is_checked`: active checks take back whom a passive one ejected.

    Of options that make no sense the nearest that do (`pkg/healthcheck`).
    """

    __slots__ = ("_attempts", "_count", "_ejection", "_errors", "_is_checked", "_most", "_standing", "_window")

    def __init__(
        self,
        standing: Standing,
        count: int,
        passive: PassiveHealthCheck | None,
        outlier: OutlierDetection | None,
        *,
        is_checked: bool = False,
    ) -> None:
        self._standing = standing
        self._count = count
        self._is_checked = is_checked
        self._attempts = self._window = self._errors = self._ejection = self._most = 0
        if passive is not None:
            self._attempts = max(passive.max_failed_attempts, 1)
            self._window = max(passive.failure_window, 0)
        if outlier is not None:
            self._errors = outlier.consecutive_errors
            self._ejection = outlier.ejection_time
            # One at least, or else a service with few servers would gain nothing.
            self._most = max(count * outlier.max_ejected_percent // 100, 1)

    def watch(self, servers: Sequence[Server]) -> None:
        for index, server in enumerate(servers):
            server.handler = _Judged(server.handler, self, index)

    def succeeded(self, index: int) -> None:
        self._standing.succeed(index)

    def failed(self, index: int, asked_at: int) -> None:
        standing, now = self._standing, monotonic_ns()
        if asked_at < standing.until(index):
            return  # it was ejected then, and has been taken back since for good reason
        streak = standing.fail(index, now)
        if self._attempts and standing.has_failed(index, self._attempts, now - self._window):
            standing.eject(index, now, NEVER if self._is_checked else now + self._window, self._count)
        elif self._errors and streak >= self._errors:
            standing.eject(index, now, now + self._ejection, self._most)


class _Judged:
    """A server whose answers count: no answer and statuses from 500 on against it, others for it."""

    __slots__ = ("_handler", "_index", "_judge")

    def __init__(self, handler: Handler, judge: Judge, index: int) -> None:
        self._handler = handler
        self._judge = judge
        self._index = index

    def __call__(self, request: Request) -> Awaitable[Response]:
        asked_at = monotonic_ns()
        try:
            coming = self._handler(request)
        except ProxyError as error:
            self._count_error(error, asked_at)
            raise
        if isinstance(coming, Answer):
            coming.watch(self, request, asked_at)
            return coming
        return self._awaited(coming)

    async def _awaited(self, coming: Awaitable[Response]) -> Response:
        asked_at = monotonic_ns()
        try:
            response = await coming
        except ProxyError as error:
            self._count_error(error, asked_at)
            raise
        self._count(response, asked_at)
        return response

    def on_settled(self, answer: Answer) -> None:
        if answer.response is not None:
            self._count(answer.response, answer.started)
        elif isinstance(answer.error, ProxyError):
            self._count_error(answer.error, answer.started)

    def _count(self, response: Response, asked_at: int) -> None:
        if response.status >= 500:
            self._judge.failed(self._index, asked_at)
        else:
            self._judge.succeeded(self._index)

    def _count_error(self, error: ProxyError, asked_at: int) -> None:
        if error.status >= 500:  # or else the client is to blame
            self._judge.failed(self._index, asked_at)
