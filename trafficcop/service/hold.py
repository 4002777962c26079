"""`loadBalancer.retryFor`: requests that find no server wait for one, instead of being answered with 503."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from trafficcop.http.drive import Wakeup
from trafficcop.http.messages import Request, Response

# Servers that were judged by their answers come back by the clock alone: somebody has to look.
_LOOK_SECONDS = 0.05


class Balancer(Protocol):
    """What is held for: a balancer."""

    @property
    def is_up(self) -> bool: ...
    @property
    def watchers(self) -> list[Callable[[bool], None]]: ...
    def __call__(self, request: Request) -> Awaitable[Response]: ...


class Hold:
    """Stands before a balancer. Whoever waits goes on as soon as a server is up, or when the time is over."""

    __slots__ = ("_balancer", "_is_replaced", "_look", "_seconds", "_successor", "_waiting")

    def __init__(self, balancer: Balancer, seconds: float) -> None:
        self._balancer = balancer
        self._seconds = seconds
        self._waiting: set[Wakeup] = set()
        self._look: asyncio.TimerHandle | None = None
        self._successor: Hold | None = None
        self._is_replaced = False
        balancer.watchers.append(self._on_change)

    def __call__(self, request: Request) -> Awaitable[Response]:
        return self._balancer(request) if self._balancer.is_up else self._serve(request)

    def replace(self, successor: Hold | None) -> None:
        """Another plan is in force: who waits here goes on there, or is answered when there is no such service."""
        self._is_replaced = True
        self._successor = successor
        self._release()

    async def _serve(self, request: Request) -> Response:
        end = asyncio.get_running_loop().time() + self._seconds
        hold = self
        while True:
            if hold._successor is not None:
                hold = hold._successor
            elif hold._is_replaced or hold._balancer.is_up or not await hold._wait(end):
                return await hold._balancer(request)

    async def _wait(self, end: float) -> bool:
        """Whether something has changed before the end."""
        loop = asyncio.get_running_loop()
        if loop.time() >= end:
            return False
        wakeup = Wakeup()
        timer = loop.call_at(end, wakeup.set)
        self._waiting.add(wakeup)
        self._look_again()
        try:
            await wakeup
        finally:
            timer.cancel()
            self._waiting.discard(wakeup)
        return True

    def _look_again(self) -> None:
        if self._look is None and self._waiting:
            self._look = asyncio.get_running_loop().call_later(_LOOK_SECONDS, self._on_look)

    def _on_look(self) -> None:
        self._look = None
        if self._balancer.is_up:  # whoever asks makes it look
            self._release()
        self._look_again()

    def _on_change(self, is_up: bool) -> None:
        if is_up:
            self._release()

    def _release(self) -> None:
        waiting, self._waiting = self._waiting, set()
        for wakeup in waiting:
            wakeup.set()
