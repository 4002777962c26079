"""A service with servers: one of them is chosen for each request."""

from __future__ import annotations

import functools
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence

from trafficcop.config.dynamic import Sticky as StickyConfiguration
from trafficcop.errors import ProxyError
from trafficcop.http.failure import failure_response
from trafficcop.http.messages import Ready, Request, Response, text_response
from trafficcop.http.watched import watch
from trafficcop.service.algorithms import STRATEGIES, LeastTime, PowerOfTwo, Server
from trafficcop.service.sticky import Sticky
from trafficcop.service.untried import untried

__all__ = ["LoadBalancer", "Server"]


class LoadBalancer:
    """Chooses a server and hands the request to it. Also the shape of services whose servers are other services.

    `watchers` are told when the last server goes down and when the first comes back. `chance`, if given, makes the
    start repeatable. ValueError for an unknown strategy.
    """

    __slots__ = ("_algorithm", "_choose", "_is_counting", "_is_timing", "_servers", "_sticky", "name", "watchers")

    def __init__(
        self,
        name: str,
        servers: Sequence[Server],
        strategy: str = "wrr",
        sticky: StickyConfiguration | None = None,
        chance: random.Random | None = None,
    ) -> None:
        self.name = name
        self.watchers: list[Callable[[bool], None]] = []
        algorithm = STRATEGIES.get(strategy)
        if algorithm is None:
            raise ValueError(f'unsupported load-balancer strategy "{strategy}"')
        self._algorithm = algorithm(servers, chance or _shared_chance())
        self._choose = self._algorithm.choose
        self._is_counting = isinstance(self._algorithm, PowerOfTwo)
        self._is_timing = isinstance(self._algorithm, LeastTime)
        # A server without weight takes no part, except where weights do not count.
        self._servers = [server for server in servers if server.weight > 0 or self._is_counting]
        self._sticky: Sticky | None = None
        if sticky is not None and sticky.cookie is not None and strategy != "hrw":
            self._sticky = Sticky(sticky.cookie, name, self._servers)

    @property
    def servers(self) -> Sequence[Server]:
        return self._servers

    # === health ===

    @property
    def is_up(self) -> bool:
        return any(server.is_up for server in self._servers)

    def set_down(self, urls: Iterable[str]) -> None:
        """These servers are down, all others are up."""
        was_up = self.is_up
        down = frozenset(urls)
        for server in self._servers:
            server.is_up = server.url not in down
        self._tell(was_up)

    def set_up(self, url: str, is_up: bool) -> None:
        """One server goes up or down."""
        was_up = self.is_up
        for server in self._servers:
            if server.url == url:
                server.is_up = is_up
        self._tell(was_up)

    def _tell(self, was_up: bool) -> None:
        self._algorithm.refresh()
        is_up = self.is_up
        if is_up != was_up:
            for watcher in self.watchers:
                watcher(is_up)

    # === requests ===

    def __call__(self, request: Request) -> Awaitable[Response]:
        if self._sticky is not None:
            return self._serve_sticky(self._sticky, request)
        server = self._choose(request)
        if server is None:
            return Ready(no_server())
        if request.tried and server.url in request.tried:
            server = self._another(server, request.tried)
        if self._is_counting or self._is_timing:
            return self._serve_measured(server, request)
        return server.handler(request)

    def _another(self, chosen: Server, tried: set[str]) -> Server:
        """For another attempt a server that has not failed this request, if there is one."""
        index = untried(self._servers, tried)
        return chosen if index < 0 else self._servers[index]

    async def _serve_sticky(self, sticky: Sticky, request: Request) -> Response:
        server, is_old = sticky.find(request)
        is_kept = server is not None and server.is_up and not (request.tried and server.url in request.tried)
        if server is None or not is_kept:
            server = self._choose(request)
            if server is None:
                return no_server()
            if request.tried and server.url in request.tried:
                server = self._another(server, request.tried)
        try:
            if self._is_counting or (self._is_timing and not is_kept):
                response = await self._serve_measured(server, request)
            else:
                response = await server.handler(request)
        except ProxyError as error:
            response = failure_response(error)
        if is_old or not is_kept:
            response.headers.fields.insert(0, (b"Set-Cookie", sticky.line(server)))
        return response

    async def _serve_measured(self, server: Server, request: Request) -> Response:
        """The server's answer, counted as under way until its last byte is read."""
        server.in_flight += 1
        start = time.monotonic_ns()
        try:
            response = await server.handler(request)
        except BaseException:
            server.in_flight -= 1
            raise
        if self._is_timing:
            server.times.add((time.monotonic_ns() - start) // 1_000_000)
        watch(response, server.finish)
        return response


@functools.cache
def _shared_chance() -> random.Random:
    """One for all: seeding it costs more than the rest of a balancer. Made in the process that uses it, not before."""
    return random.Random()  # noqa: S311 -- turns, not secrets


def no_server() -> Response:
    return text_response(503, b"no available server")
