"""A service with servers: one of them is chosen for each request."""

from __future__ import annotations

import functools
import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final

from trafficcop.config.dynamic import Sticky as StickyConfiguration
from trafficcop.errors import ProxyError
from trafficcop.http.answer import Change, changed
from trafficcop.http.failure import failure_response
from trafficcop.http.messages import Ready, Request, Response, text_response
from trafficcop.service.algorithms import Algorithm
from trafficcop.service.conditions import Conditions
from trafficcop.service.counting import Counted
from trafficcop.service.servers import Server
from trafficcop.service.sticky import Affinity, StickyCookie
from trafficcop.service.strategies import STRATEGIES, Beginning
from trafficcop.service.untried import untried

__all__ = ["LoadBalancer", "Server"]

_NONE: Final[set[str]] = set()
_UNKNOWN: Final[tuple[Server | None, bool]] = (None, False)


class LoadBalancer:
    """Chooses a server and hands the request to it. Also the shape of services whose servers are other services.

    `watchers` are told when the last server goes down and when the first comes back. `looks` find out whether that has
    happened by itself. `beginning` says how an algorithm
    begins. ValueError for an unknown strategy.
    """

    __slots__ = (
        "_affinity",
        "_algorithm",
        "_choose",
        "_conditions",
        "_cookie",
        "_counted",
        "_is_counting",
        "_is_plain",
        "_is_sticky",
        "_is_timing",
        "_servers",
        "_was_up",
        "looks",
        "name",
        "watchers",
    )

    def __init__(
        self,
        name: str,
        servers: Sequence[Server],
        strategy: str = "wrr",
        sticky: StickyConfiguration | None = None,
        beginning: Beginning | None = None,
        conditions: Conditions | None = None,
    ) -> None:
        self.name = name
        self.watchers: list[Callable[[bool], None]] = []
        found = STRATEGIES.get(strategy)
        if found is None:
            raise ValueError(f'unsupported load-balancer strategy "{strategy}"')
        if beginning is None:
            chance = shared_chance()
            beginning = Beginning(chance, chance.random())
        self._algorithm: Algorithm = found.make(servers, beginning)
        self._choose = self._algorithm.choose
        self._is_counting = found.is_counting
        self._is_timing = found.is_timing
        # A server without weight takes no part, except where weights do not count.
        self._servers = [server for server in servers if server.weight > 0 or not found.is_weighted]
        self._counted: dict[Server, Counted] = {}
        if found.is_counting:
            self._counted = {server: Counted(server, is_timing=found.is_timing) for server in self._servers}
        self._cookie: StickyCookie | None = None
        self._affinity: Affinity | None = None
        self._is_sticky = False
        if sticky is not None:
            self._stick(sticky, strategy)
        self._conditions = conditions
        self.looks: list[Callable[[], None]] = []
        self._was_up = self._has_up()
        if conditions is not None:
            self.looks.append(conditions.look)
            conditions.attach(self)
        self._is_plain = not (self._is_sticky or self._is_counting or self.looks)

    def _stick(self, sticky: StickyConfiguration, strategy: str) -> None:
        if sticky.cookie is not None and strategy != "hrw":
            self._cookie = StickyCookie(sticky.cookie, self.name, self._servers)
            self._is_sticky = True
        if sticky.header is not None or sticky.client_ip is not None:
            self._affinity = Affinity(sticky.header, sticky.client_ip, self._servers)
            self._is_sticky = True

    @property
    def servers(self) -> Sequence[Server]:
        return self._servers

    # === health ===

    @property
    def is_up(self) -> bool:
        self.look()
        return self._was_up

    def _has_up(self) -> bool:
        return any(server.is_up for server in self._servers)

    def look(self) -> None:
        """See whether servers have come back, or were ejected, since the last time."""
        for look in self.looks:
            look()

    def follow(self, looks: Sequence[Callable[[], None]]) -> None:
        """Look there, too, before a choice: whose looks these are tells us of its health."""
        self.looks += looks
        self._is_plain = self._is_plain and not self.looks

    def set_down(self, urls: Iterable[str]) -> None:
        """These servers are down, all others are up."""
        self.look()
        down = frozenset(urls)
        self._set([server for server in self._servers if server.is_down != (server.url in down)])

    def set_up(self, url: str, is_up: bool) -> None:
        """One server goes up or down."""
        self._set([server for server in self._servers if server.url == url and server.is_down == is_up])

    def _set(self, changed: list[Server]) -> None:
        for server in changed:
            server.is_down = not server.is_down
        if self._conditions is not None:
            self._conditions.came_back([server for server in changed if not server.is_down])
        self.revise()

    def revise(self) -> None:
        """Servers have changed: choose accordingly, and tell those who want to know."""
        self._algorithm.refresh()
        if self._affinity is not None:
            self._affinity.refresh()
        was_up, self._was_up = self._was_up, self._has_up()
        if self._was_up != was_up:
            for watcher in self.watchers:
                watcher(self._was_up)

    def retire(self) -> None:
        """No request will come any more: forget whom we know, and who know us, for nobody would free such a circle."""
        self.watchers.clear()
        if self._conditions is not None:
            self._conditions.detach()

    # === requests ===

    def __call__(self, request: Request) -> Awaitable[Response]:
        if self._is_plain:
            server = self._choose(request)
            if server is None:
                return Ready(no_server())
            if request.tried and server.url in request.tried:
                server = self._another(server, request.tried)
            return server.handler(request)
        for look in self.looks:
            look()
        if self._is_sticky:
            return self._serve_sticky(request)
        server = self._choose(request)
        if server is None:
            return Ready(no_server())
        if request.tried and server.url in request.tried:
            server = self._another(server, request.tried)
        return self._ask(server, request)

    def _ask(self, server: Server, request: Request) -> Awaitable[Response]:
        return self._counted[server](request) if self._is_counting else server.handler(request)

    def _another(self, chosen: Server, tried: set[str]) -> Server:
        """For another attempt a server that has not failed this request, if there is one."""
        index = untried(self._servers, tried)
        return chosen if index < 0 else self._servers[index]

    def _serve_sticky(self, request: Request) -> Awaitable[Response]:
        cookie, tried = self._cookie, request.tried or _NONE
        server, is_old = _UNKNOWN if cookie is None else cookie.find(request)
        is_kept = server is not None and server.is_up and server.url not in tried
        if not is_kept:
            server = None if self._affinity is None else self._affinity.find(request)
        if server is None or (not is_kept and server.url in tried):
            server = self._choose(request)
            if server is None:
                return Ready(no_server())
            if server.url in tried:
                server = self._another(server, tried)
        if cookie is not None and (is_old or not is_kept):
            return self._serve_marked(cookie.mark(server), server, request, is_kept)
        return self._ask_kept(server, request, is_kept)

    def _ask_kept(self, server: Server, request: Request, is_kept: bool) -> Awaitable[Response]:
        """Times of clients that stay where they are say nothing about a choice."""
        return server.handler(request) if self._is_timing and is_kept else self._ask(server, request)

    def _serve_marked(self, mark: Change, server: Server, request: Request, is_kept: bool) -> Awaitable[Response]:
        """With a Set-Cookie, even if it fails."""
        try:
            coming = self._ask_kept(server, request, is_kept)
        except ProxyError as error:
            coming = Ready(failure_response(error))
        return changed(mark, request, coming)


@functools.cache
def shared_chance() -> random.Random:
    """One for all: seeding it costs more than the rest of a balancer. Made in the process that uses it, not before."""
    return random.Random()  # noqa: S311 -- turns, not secrets


def no_server() -> Response:
    return text_response(503, b"no available server")
