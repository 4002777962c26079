"""The TCP part of a plan becomes handlers: services, the middlewares in front of them, and the routers that choose."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator

from trafficcop.config.stream import TCPLoadBalancer, TCPWeighted
from trafficcop.http.streams import ClientStream, StreamHandler
from trafficcop.plan.messages import PlanPart
from trafficcop.plan.streams import TCPMiddlewarePlan, TCPRouterPlan, TCPServicePlan, TCPTransportPlan
from trafficcop.router.tcp import TCPRouter
from trafficcop.rules.tcp_matchers import TCPFacts
from trafficcop.server.entry_routes import StreamMatch
from trafficcop.store.interface import Store
from trafficcop.tcp.addresses import parse_address
from trafficcop.tcp.load_balancer import Follower, LoadBalancer, Member, Rotation, Weighted
from trafficcop.tcp.middleware import InFlightConn, IPAllowList
from trafficcop.tcp.server import Server
from trafficcop.tcp.terms import Relays, terms_of
from trafficcop.telemetry.log import get_logger
from trafficcop.worker.linked import Linked

_log = get_logger(__name__)

_DEFAULT = "default@internal"
_LINKED_PER_STEP = 16


class EntryStreams:
    """The TCP routers of one entry point: those without TLS, and those with."""

    __slots__ = ("_plain", "_secure", "is_immediate")

    def __init__(self, plain: TCPRouter[StreamHandler], secure: TCPRouter[StreamMatch], *, has_https: bool) -> None:
        self._plain = plain
        self._secure = secure
        # Traefik `pkg/server/router/tcp/router.go`: nothing here needs a byte of the client, which may be waiting for
        # the server to speak first.
        self.is_immediate = len(plain) > 0 and not len(secure) and not has_https

    def match_plain(self, facts: TCPFacts) -> StreamHandler | None:
        return self._plain.find(facts)

    def match_tls(self, facts: TCPFacts) -> StreamMatch | None:
        return self._secure.find(facts)


class TCPLinker:
    """Takes the TCP parts of one plan; `index` makes the routers when all are there."""

    def __init__(self, relays: Relays, store: Store, linked: Linked) -> None:
        self._relays = relays
        self._store = store
        self._linked = linked
        self._transports: dict[str, TCPTransportPlan] = {}
        self._middlewares: dict[str, TCPMiddlewarePlan] = {}
        self._services: dict[str, TCPServicePlan] = {}
        self._handlers: dict[str, StreamHandler] = {}
        self._rotations: dict[str, Rotation[Server] | Rotation[StreamHandler]] = {}
        self._uses: Counter[str] = Counter()  # of each middleware
        self._plain: dict[str, list[tuple[TCPRouterPlan, StreamHandler]]] = {}
        self._secure: dict[str, list[tuple[TCPRouterPlan, StreamMatch]]] = {}

    def link(self, part: PlanPart) -> Iterator[None]:
        """Take a part, in short steps."""
        for transport in part.tcp_transports:
            self._transports[transport.name] = transport
        for middleware in part.tcp_middlewares:
            self._middlewares[middleware.name] = middleware
        for service in part.tcp_services:
            self._services[service.name] = service
        for number, router in enumerate(part.tcp_routers):
            if number % _LINKED_PER_STEP == 0:
                yield
            self._link_router(router)

    def index(self, name: str, *, has_https: bool) -> Generator[None, None, EntryStreams | None]:
        """Make the routers of an entry point, None if it has none."""
        plain: TCPRouter[StreamHandler] = TCPRouter()
        secure: TCPRouter[StreamMatch] = TCPRouter()
        yield from plain.index(self._plain.get(name, []))
        yield from secure.index(self._secure.get(name, []))
        return EntryStreams(plain, secure, has_https=has_https) if len(plain) or len(secure) else None

    def clear(self) -> list[object]:
        """What was only needed to link."""
        pieces: list[object] = [*self._services.values(), *self._middlewares.values(), *self._handlers.values()]
        self._services, self._middlewares, self._handlers, self._rotations = {}, {}, {}, {}
        for plain in self._plain.values():
            pieces += plain
        for secure in self._secure.values():
            pieces += secure
        self._plain, self._secure = {}, {}
        return pieces

    # === routers ===

    def _link_router(self, router: TCPRouterPlan) -> None:
        handler = self._service(router.service) if router.service else refuse
        for name in reversed(router.middlewares if router.service else ()):
            handler = self._middleware(name, handler)
        if not router.is_tls:
            self._plain.setdefault(router.entry_point, []).append((router, handler))
            return
        match = StreamMatch(
            handler,
            is_catch_all=router.is_catch_all,
            is_passthrough=router.is_passthrough,
            tls_options=router.tls_options,
        )
        self._secure.setdefault(router.entry_point, []).append((router, match))

    # === middlewares ===

    def _middleware(self, name: str, next: StreamHandler) -> StreamHandler:
        """With several types in one middleware the last counts (`pkg/server/middleware/tcp/middlewares.go`)."""
        config = self._middlewares[name].middleware
        ranges = config.ip_allow_list or config.ip_white_list
        if ranges is not None:
            return IPAllowList(ranges.source_range, next)
        if config.in_flight_conn is None:
            raise ValueError(f"TCP middleware {name} has no type this version knows")
        # Every worker links the same parts in the same order, so they agree on the scope.
        self._uses[name] += 1
        scope = f"tcp {self._linked.version} {self._uses[name]} {name}"
        return InFlightConn(config.in_flight_conn.amount, self._store.counts(scope), next)

    # === services ===

    def _service(self, name: str) -> StreamHandler:
        handler = self._handlers.get(name)
        if handler is None:
            handler = self._handlers[name] = self._link_service(name)
        return handler

    def _link_service(self, name: str) -> StreamHandler:
        service = self._services[name].service
        if service.weighted is not None:
            return self._link_weighted(name, service.weighted)
        if service.load_balancer is None:
            raise ValueError(f"TCP service {name} has no type this version knows")
        balancer = LoadBalancer(Rotation(self._servers(name, service.load_balancer)))
        self._rotations[name] = balancer.rotation
        self._linked.checked["tcp", name] = balancer
        self._linked.watched_streams.append(balancer.rotation)
        return balancer

    def _link_weighted(self, name: str, options: TCPWeighted) -> StreamHandler:
        members = [Member(child.name, child.weight, self._service(child.name)) for child in options.services]
        weighted = Weighted(Rotation(members))
        self._rotations[name] = weighted.rotation
        self._linked.watched_streams.append(weighted.rotation)
        if options.health_check is not None:
            for child in options.services:
                self._rotations[child.name].watchers.append(Follower(weighted.rotation, child.name))
        return weighted

    def _servers(self, name: str, options: TCPLoadBalancer) -> list[Member[Server]]:
        terms = terms_of(options, self._transports[options.servers_transport or _DEFAULT])
        members = []
        for config in options.servers:
            try:
                address = parse_address(config.address)
            except ValueError as error:
                _log.error("A server of %s is left out: %s", name, error)
                continue
            server = Server(address, terms, self._relays, is_tls=config.tls)
            members.append(Member(config.address, 1 if config.weight is None else config.weight, server))
        return members


def refuse(stream: ClientStream) -> None:
    """What a router leads to that may not serve."""
    stream.refuse()
