"""What a plan has become in this worker: the routes of each entry point, and what must be freed when it is replaced."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from trafficcop.http.datagrams import DatagramHandler
from trafficcop.http.messages import Handler
from trafficcop.proxy.pools import AnyPool
from trafficcop.router.http import HTTPRouter
from trafficcop.server.entry_routes import EntryRoutes
from trafficcop.service.hold import Hold
from trafficcop.service.load_balancer import LoadBalancer
from trafficcop.service.weighted import Watched
from trafficcop.telemetry.meters import Key

_STEP = 32  # so many objects are freed in a few tenths of a millisecond


class Checked(Protocol):
    """A balancer whose servers are checked from outside."""

    def set_down(self, urls: Iterable[str]) -> None:
        """These servers are down, all others are up."""


class HasWatchers(Protocol):
    """Something whose health others follow."""

    watchers: list[Callable[[bool], None]]


class Linked:
    """The routes of one plan, by entry point, and the balancers that health deltas are for.

    `checked`: whom to tell of the health of a service, by protocol ("http", "tcp", "udp") and name. `watched`: HTTP
    services that tell their parents of it, `watched_streams` TCP services. `holds`: where requests wait for servers,
    by service.
    """

    __slots__ = (
        "_services",
        "balancers",
        "checked",
        "datagram_servers",
        "datagrams",
        "holds",
        "meters",
        "pools",
        "routes",
        "version",
        "watched",
        "watched_streams",
    )

    def __init__(self) -> None:
        self.version = 0
        self.routes: dict[str, EntryRoutes] = {}
        self.balancers: dict[str, LoadBalancer] = {}
        self.checked: dict[tuple[str, str], Checked] = {}
        self.watched: dict[str, Watched] = {}
        self.watched_streams: list[HasWatchers] = []
        self.holds: dict[str, Hold] = {}
        self.pools: set[AnyPool] = set()
        self.datagrams: dict[str, DatagramHandler] = {}
        self.datagram_servers: set[str] = set()
        self.meters: set[Key] = set()
        self._services: list[Handler] = []

    def keep(self, services: list[Handler]) -> None:
        """What `retire` is to free piece by piece besides the routers."""
        self._services = services

    def succeed(self, before: Linked) -> None:
        """What waits in the plan before this one goes on in this."""
        for name, hold in before.holds.items():
            hold.replace(self.holds.get(name))

    def retire(self) -> Iterator[None]:
        """Free what nobody uses any more in short steps: all at once would stop the requests of the next plan."""
        pieces: list[object] = [*self._services, *self.balancers.values(), *self.watched.values()]
        watched: Watched
        for watched in self.watched.values():
            if watched.watchers:  # parents, who know their children: nobody would free such a circle
                watched.watchers.clear()
        for balancer in self.balancers.values():
            balancer.retire()
        for stream in self.watched_streams:
            stream.watchers.clear()
        for routes in self.routes.values():
            for router in (routes.http, routes.https):
                if isinstance(router, HTTPRouter):
                    pieces += router.dismantle()
        pieces += self.watched_streams
        self.routes, self.balancers, self.checked, self.watched, self._services = {}, {}, {}, {}, []
        self.watched_streams = []
        self.holds, self.datagrams = {}, {}
        return free(pieces)


def free(pieces: list[object]) -> Iterator[None]:
    """Forget the pieces in short steps; they are taken out of the list."""
    while pieces:
        del pieces[-_STEP:]
        yield
