"""`failover`: a main service, and another one for when it is down or answers badly."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from trafficcop.errors import ProxyError, Side
from trafficcop.http.failure import failure_response
from trafficcop.http.messages import Handler, Ready, Request, Response, text_response
from trafficcop.http.replay import Replay, discard

NO_STATUSES: Final[frozenset[int]] = frozenset()


class Failover:
    """The main service as long as it is up, else the fallback. `statuses`: answers of the main service for which the
    request goes to the fallback, too; then bodies of up to `limit` bytes (negative: any) are kept to be sent twice.

    `watchers` are told when both have gone down and when one is back; `looks` find out whether one has by itself.
    """

    __slots__ = ("_fallback", "_is_fallback_up", "_is_main_up", "_limit", "_main", "_statuses", "looks", "watchers")

    def __init__(
        self, main: Handler, fallback: Handler, statuses: frozenset[int] = NO_STATUSES, limit: int = -1
    ) -> None:
        self._main = main
        self._fallback = fallback
        self._statuses = statuses
        self._limit = limit
        self._is_main_up = True
        self._is_fallback_up = True
        self.watchers: list[Callable[[bool], None]] = []
        self.looks: list[Callable[[], None]] = []

    # === health ===

    @property
    def is_up(self) -> bool:
        return self._is_main_up or self._is_fallback_up

    def set_main_up(self, is_up: bool) -> None:
        was_up = self.is_up
        self._is_main_up = is_up
        self._tell(was_up)

    def set_fallback_up(self, is_up: bool) -> None:
        was_up = self.is_up
        self._is_fallback_up = is_up
        self._tell(was_up)

    def _tell(self, was_up: bool) -> None:
        is_up = self.is_up
        if is_up != was_up:
            for watcher in self.watchers:
                watcher(is_up)

    # === requests ===

    def __call__(self, request: Request) -> Awaitable[Response]:
        for look in self.looks:
            look()
        if not self._is_main_up:
            return self._serve_fallback(request)
        return self._serve_judged(request) if self._statuses else self._main(request)

    def _serve_fallback(self, request: Request) -> Awaitable[Response]:
        if self._is_fallback_up:
            return self._fallback(request)
        return Ready(text_response(503, b"Service Unavailable"))

    async def _serve_judged(self, request: Request) -> Response:
        replay = Replay(request)
        if not await replay.hold_body(self._limit):
            return text_response(413, b"Request body too large")
        try:
            response = await self._main(request)
        except ProxyError as error:
            if error.side is Side.DOWNSTREAM:
                raise
            response = failure_response(error)
        if response.tunnel is not None or response.status not in self._statuses:
            return response
        discard(response)
        replay.rewind()
        return await self._serve_fallback(request)
