"""A Plan becomes Handlers: routers with their middlewares, balancers and forwarders, put together once per reload."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from trafficcop.config.middlewares import EncodedCharacters
from trafficcop.config.static import StaticConfiguration
from trafficcop.http.deadlines import Deadlines
from trafficcop.http.messages import Handler, Ready, Request, Route, text_response
from trafficcop.http.observed import Observed
from trafficcop.plan.messages import PlanPart
from trafficcop.plan.model import RouterPlan
from trafficcop.proxy.names import Names
from trafficcop.proxy.observed import ObservedHandler
from trafficcop.proxy.pools import Pools
from trafficcop.router.http import ChildRouter, HTTPRouter, RouteEntry, route_of
from trafficcop.router.round_trip import RoundTrip
from trafficcop.router.sni_check import SNICheck
from trafficcop.server.entry_routes import EntryRoutes
from trafficcop.service.internal import PingHandler
from trafficcop.store.interface import Store
from trafficcop.store.local import LOCAL
from trafficcop.tcp.terms import Relays
from trafficcop.telemetry.meters import Meters
from trafficcop.tls.contexts import Contexts
from trafficcop.udp.servers import Servers
from trafficcop.worker.link_meters import LinkMeters
from trafficcop.worker.link_services import ServiceLinker
from trafficcop.worker.link_tcp import TCPLinker
from trafficcop.worker.link_tls import TLSLinker
from trafficcop.worker.link_udp import UDPLinker
from trafficcop.worker.linked import Linked, free

_LINKED_PER_STEP = 8  # so many routers with their services are a few tenths of a millisecond of work


class Linker:
    """Takes the parts of a plan one by one: `link` each, then `index`, then `clear_up`, in steps that are all short."""

    def __init__(
        self,
        static: StaticConfiguration,
        pools: Pools,
        ping: PingHandler,
        runtime_dir: Path | None,
        store: Store = LOCAL,
        datagram_servers: Servers | None = None,
        contexts: Contexts | None = None,
        relays: Relays | None = None,
        phase: float = 0.0,
        meters: Meters | None = None,
    ) -> None:
        self.linked = Linked()
        self._streams = TCPLinker(relays or Relays(Names(Deadlines()).addresses), store, self.linked)
        self._datagrams = UDPLinker(datagram_servers or Servers(), store, self.linked)
        self._tls = TLSLinker(Contexts() if contexts is None else contexts)
        self._meters = LinkMeters(meters, self.linked)
        self._services = ServiceLinker(static, pools, ping, runtime_dir, store, self.linked, self._meters, phase)
        self._plain: dict[str, list[RouteEntry]] = {name: [] for name in static.entry_points}
        self._secure: dict[str, list[RouteEntry]] = {name: [] for name in static.entry_points}

    def add(self, part: PlanPart) -> None:
        """Link a part, at once."""
        for _ in self.link(part):
            pass

    def link(self, part: PlanPart) -> Iterator[None]:
        """Objects must come before those that refer to them: transports, middlewares, services, routers."""
        self.linked.version = part.version
        self._services.take(part)
        self._tls.take(part)
        yield from self._datagrams.link(part)
        yield from self._streams.link(part)
        for number, router in enumerate(part.routers):
            if number % _LINKED_PER_STEP == 0:
                yield
            routes = self._plain
            if router.is_tls:
                routes = self._secure
                self._tls.add_hosts(router)
            routes.setdefault(router.entry_point, []).append(self._link_root(router))

    def finish(self) -> Linked:
        """The whole plan, at once."""
        for _ in self.index():
            pass
        return self.linked

    def index(self) -> Iterator[None]:
        """After the last part: make the routers, in short steps. Then `linked` is what was made."""
        table = self._tls.table()
        for name in self._plain.keys() | self._secure.keys():
            plain, secure = HTTPRouter(), HTTPRouter()
            yield from plain.index(self._plain.get(name, []))
            yield from secure.index(self._secure.get(name, []))
            streams = yield from self._streams.index(name, has_https=bool(self._secure.get(name)))
            self.linked.routes[name] = EntryRoutes(plain, secure, streams, hosts=self._tls.hosts(name), tls=table)
        self._datagrams.index()
        self.linked.keep(self._services.handlers())

    def clear_up(self) -> Iterator[None]:
        """Free what was only needed to link, in short steps."""
        pieces = self._services.clear() + self._streams.clear()
        for routes in (self._plain, self._secure):
            for entries in routes.values():
                pieces += entries
        self._plain, self._secure = {}, {}
        yield from free(pieces)

    def _link_root(self, router: RouterPlan) -> RouteEntry:
        is_measured = self._meters.is_measured(router)
        meter = self._meters.router(router) if is_measured else None
        parent = route_of(router, None, meter, is_measured=is_measured) if router.children else None
        return RouteEntry(router, self._link_router(router, parent), meter, is_measured)

    def _link_child(self, router: RouterPlan, parent: Route) -> RouteEntry:
        handler = self._link_router(router, route_of(router, parent) if router.children else None)
        meter = self._meters.child_router(router) if parent.is_measured else None
        return RouteEntry(router, handler if meter is None else ObservedHandler(handler, Observed(meter)))

    def _link_router(self, router: RouterPlan, route: Route | None) -> Handler:
        """`route`: its own, if it has children."""
        if route is not None:
            entries = [self._link_child(child, route) for child in router.children]
            handler: Handler = ChildRouter(entries, route)
        else:
            handler = self._services.service(router.service)
        for name in reversed(router.middlewares):
            handler = self._services.middleware(name, handler)
        if router.is_tls:
            handler = SNICheck(router.tls_options, handler)
        if router.encoded_characters is not None:
            options = router.encoded_characters
            config = EncodedCharacters(
                allow_encoded_slash=options.allow_encoded_slash,
                allow_encoded_back_slash=options.allow_encoded_back_slash,
                allow_encoded_null_character=options.allow_encoded_null_character,
                allow_encoded_semicolon=options.allow_encoded_semicolon,
                allow_encoded_percent=options.allow_encoded_percent,
                allow_encoded_question_mark=options.allow_encoded_question_mark,
                allow_encoded_hash=options.allow_encoded_hash,
            )
            handler = self._services.build("encoded_characters", config, f"{router.name}-encoded-characters", handler)
        return RoundTrip(router.round_trip, handler) if router.round_trip else handler


def not_found(request: Request) -> Ready:
    """What every entry point answers before the first plan."""
    return Ready(text_response(404, b"404 page not found"))


NO_ROUTES = EntryRoutes(not_found, not_found)
