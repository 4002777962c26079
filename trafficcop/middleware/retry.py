"""`retry`: another attempt when no server was reached, or when the answer has one of certain statuses."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from time import monotonic
from typing import Final

from trafficcop.config.middlewares import Retry as Configuration
from trafficcop.errors import ProxyError, Side
from trafficcop.http.failure import failure_response
from trafficcop.http.messages import Handler, Request, Response
from trafficcop.http.replay import Replay, discard
from trafficcop.http.status import status_set
from trafficcop.middleware.budget import budget_of
from trafficcop.middleware.context import MiddlewareContext

# Methods whose effect may differ when they come twice: no second attempt for the sake of a status.
_NOT_IDEMPOTENT: Final = frozenset((b"POST", b"PATCH", b"LOCK"))
_NONE: Final[frozenset[int]] = frozenset()
_LONGEST_INTERVAL: Final = 60.0
_LONGEST_TRYING: Final = 15 * 60.0

Chance = Callable[[], float]


class BackOff:
    """How long to wait before each attempt: from `initial` towards twice of it, half of it by chance either way."""

    __slots__ = ("_chance", "_initial", "_multiplier")

    def __init__(self, attempts: int, initial: float, chance: Chance = random.random) -> None:
        self._initial = initial
        self._multiplier = 2.0 ** (1.0 / (attempts - 1)) if attempts > 1 else 1.0
        self._chance = chance

    def seconds(self, attempt: int) -> float:
        """The pause after the nth attempt failed; 0 for none."""
        if self._initial <= 0:
            return 0.0
        interval = min(self._initial * self._multiplier ** (attempt - 1), max(_LONGEST_INTERVAL, self._initial))
        return interval * (0.5 + self._chance())


class Retry:
    __slots__ = ("_attempts", "_back_off", "_budget", "_config", "_non_idempotent", "_statuses", "_timeout", "next")

    def __init__(
        self, config: Configuration, statuses: frozenset[int], next: Handler, chance: Chance = random.random
    ) -> None:
        self._config = config
        self._attempts = config.attempts
        self._back_off = BackOff(config.attempts, config.initial_interval.seconds, chance)
        self._budget = budget_of(config.budget)
        self._non_idempotent = frozenset() if config.retry_non_idempotent_method else _NOT_IDEMPOTENT
        self._statuses = statuses
        self._timeout = config.timeout.seconds
        self.next = next

    async def __call__(self, request: Request) -> Response:
        statuses = self._statuses
        budget = self._budget
        if budget is not None:
            budget.earn()
        replay = Replay(request)
        if statuses and (
            request.method in self._non_idempotent or not await replay.hold_body(self._config.max_request_body_bytes)
        ):
            statuses = _NONE
        start = monotonic()
        attempt = 1
        while attempt < self._attempts:
            try:
                response = await self.next(request)
            except ProxyError as error:
                if error.side is Side.DOWNSTREAM:
                    raise
                response = failure_response(error)
            if not self._is_failed(response, statuses, start) or not replay.can_rewind:
                return response
            pause = self._back_off.seconds(attempt)
            if pause and monotonic() - start + pause > _LONGEST_TRYING:
                return response
            if budget is not None and not budget.spend():
                return response
            discard(response)
            if pause:
                await asyncio.sleep(pause)
            attempt += 1
            _note_failed(request)
            request.note("RetryAttempts", attempt - 1)
            replay.rewind()
        return await self.next(request)

    def _is_failed(self, response: Response, statuses: frozenset[int], start: float) -> bool:
        failure = response.failure
        is_network_error = (
            failure is not None and failure.is_retryable and not self._config.disable_retry_on_network_error
        )
        if response.tunnel is not None or not (is_network_error or response.status in statuses):
            return False
        return not self._timeout or monotonic() - start < self._timeout


def _note_failed(request: Request) -> None:
    """The next attempt is for another server, as long as there is one."""
    server = request.server
    if server is not None:
        if request.tried is None:
            request.tried = set()
        request.tried.add(server.url)


def build(config: Configuration, context: MiddlewareContext, next: Handler) -> Handler:
    if not config.status and config.disable_retry_on_network_error:
        raise ValueError("retry middleware requires at least HTTP status codes or retry on TCP")
    if config.attempts <= 0:
        raise ValueError(f"incorrect (or empty) value for attempt ({config.attempts})")
    try:
        statuses = status_set(config.status)
    except ValueError as error:
        raise ValueError(f"creating HTTP code ranges: {error}") from None
    retry = Retry(config, statuses, next)
    return next if config.attempts == 1 else retry
