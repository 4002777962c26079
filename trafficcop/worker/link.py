"""A Plan becomes Handlers: routers with their middlewares, balancers and forwarders, put together once per reload."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from trafficcop.config.dynamic import LoadBalancer as LoadBalancerOptions
from trafficcop.config.dynamic import Server as ServerOptions
from trafficcop.config.dynamic import Service
from trafficcop.config.middlewares import EncodedCharacters, Middleware
from trafficcop.config.static import StaticConfiguration
from trafficcop.errors import Kind, ProxyError
from trafficcop.http.messages import Handler, Ready, Request, Response, Route, Target, text_response
from trafficcop.middleware import MIDDLEWARES
from trafficcop.middleware.context import MiddlewareContext, check_fetchable
from trafficcop.plan.messages import PlanPart
from trafficcop.plan.model import MiddlewarePlan, RouterPlan, ServicePlan
from trafficcop.proxy.forward import Forward, Unforwardable
from trafficcop.proxy.observed import Observed
from trafficcop.proxy.origin import Limits, Origin
from trafficcop.proxy.pool import Pool, Pools
from trafficcop.router.http import ChildRouter, HTTPRouter, RouteEntry, route_of
from trafficcop.router.round_trip import RoundTrip
from trafficcop.service.algorithms import Server
from trafficcop.service.internal import NoopHandler, PingHandler
from trafficcop.service.load_balancer import LoadBalancer
from trafficcop.service.weighted import Child, highest_random_weight, weighted
from trafficcop.store.interface import Store
from trafficcop.store.local import LOCAL

API_SOCKET = "api.sock"
_LINKED_PER_STEP = 8  # so many routers with their services are a few tenths of a millisecond of work
_STEP = 32  # so many objects are freed in a few tenths of a millisecond
_API_SERVICES = ("api@internal", "dashboard@internal", "rest@internal", "prometheus@internal")


class Linked:
    """The handlers of one plan, by entry point, and the balancers that health deltas are for."""

    __slots__ = ("_services", "balancers", "handlers", "pools", "version")

    def __init__(self) -> None:
        self.version = 0
        self.handlers: dict[str, Handler] = {}
        self.balancers: dict[str, LoadBalancer] = {}
        self.pools: set[Pool] = set()
        self._services: list[Handler] = []

    def keep(self, services: list[Handler]) -> None:
        """What `retire` is to free piece by piece besides the routers."""
        self._services = services

    def retire(self) -> Iterator[None]:
        """Free what nobody uses any more in short steps: all at once would stop the requests of the next plan."""
        pieces: list[object] = [*self._services, *self.balancers.values()]
        for balancer in self.balancers.values():
            if balancer.watchers:  # parents, who know their children: nobody would free such a circle
                balancer.watchers.clear()
        for router in self.handlers.values():
            if isinstance(router, HTTPRouter):
                pieces += router.dismantle()
        self.handlers, self.balancers, self._services = {}, {}, []
        return free(pieces)


def free(pieces: list[object]) -> Iterator[None]:
    """Forget the pieces in short steps; they are taken out of the list."""
    while pieces:
        del pieces[-_STEP:]
        yield


class Linker:
    """Takes the parts of a plan one by one: `link` each, then `index`, then `clear_up`, in steps that are all short."""

    def __init__(
        self,
        static: StaticConfiguration,
        pools: Pools,
        ping: PingHandler,
        runtime_dir: Path | None,
        store: Store = LOCAL,
    ) -> None:
        self._static = static
        self._pools = pools
        self._runtime_dir = runtime_dir
        access = static.access_log
        self._has_origin_headers = access is not None and access.format == "json"
        self._store = store
        self._uses: Counter[str] = Counter()  # of each middleware
        self.linked = Linked()
        self._services: dict[str, ServicePlan] = {}
        self._middlewares: dict[str, MiddlewarePlan] = {}
        self._limits: dict[str, Limits] = {}
        self._handlers: dict[str, Handler] = {"noop@internal": NoopHandler(), "ping@internal": ping}
        self._routes: dict[str, list[RouteEntry]] = {name: [] for name in static.entry_points}

    def add(self, part: PlanPart) -> None:
        """Link a part, at once."""
        for _ in self.link(part):
            pass

    def link(self, part: PlanPart) -> Iterator[None]:
        """Objects must come before those that refer to them: transports, middlewares, services, routers."""
        self.linked.version = part.version
        for name, transport in part.transports.items():
            self._limits[name] = Limits.of(transport)
        for middleware in part.middlewares:
            self._middlewares[middleware.name] = middleware
        for service in part.services:
            self._services[service.name] = service
        for number, router in enumerate(part.routers):
            if number % _LINKED_PER_STEP == 0:
                yield
            if not router.is_tls:
                entry = RouteEntry(router, self._link_router(router))
                self._routes.setdefault(router.entry_point, []).append(entry)

    def finish(self) -> Linked:
        """The whole plan, at once."""
        for _ in self.index():
            pass
        return self.linked

    def index(self) -> Iterator[None]:
        """After the last part: make the routers, in short steps. Then `linked` is what was made."""
        for name, entries in self._routes.items():
            router = HTTPRouter()
            yield from router.index(entries)
            self.linked.handlers[name] = router
        self.linked.keep(list(self._handlers.values()))

    def clear_up(self) -> Iterator[None]:
        """Free what was only needed to link, in short steps."""
        pieces: list[object] = [*self._services.values(), *self._middlewares.values()]
        for entries in self._routes.values():
            pieces += entries
        self._services, self._middlewares, self._routes, self._handlers = {}, {}, {}, {}
        yield from free(pieces)

    # === routers ===

    def _link_router(self, router: RouterPlan, parent: Route | None = None) -> Handler:
        if router.children:
            route = route_of(router, parent)
            entries = [RouteEntry(child, self._link_router(child, route)) for child in router.children]
            handler: Handler = ChildRouter(entries, route)
        else:
            handler = self.service(router.service)
        for name in reversed(router.middlewares):
            handler = self.middleware(name, handler)
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
            handler = self._build("encoded_characters", config, f"{router.name}-encoded-characters", handler)
        return RoundTrip(router.round_trip, handler) if router.round_trip else handler

    # === middlewares ===

    def middleware(self, name: str, next: Handler) -> Handler:
        """The middleware in front of `next`. KeyError when the plan lacks it: a bug of the compiler."""
        middleware: Middleware = self._middlewares[name].middleware
        for key in MIDDLEWARES:
            config = getattr(middleware, key)
            if config is not None:
                return self._build(key, config, name, next)
        raise ValueError(f"middleware {name} has no type this version knows")

    def _build(self, key: str, config: object, name: str, next: Handler) -> Handler:
        # Every worker links the same parts in the same order, so they agree on the scope.
        self._uses[name] += 1
        scope = f"{self.linked.version} {self._uses[name]} {name}"
        context = MiddlewareContext(name, self.service, self.middleware, self._store, self._fetch, scope)
        return MIDDLEWARES[key](config, context, next)

    def _fetch(self, url: str, timeout: float) -> Handler:
        check_fetchable(url)
        pool = self._pools.get(Origin.of(url), Limits(dial_timeout=timeout, response_header_timeout=timeout))
        self.linked.pools.add(pool)
        return Forward(pool, Target("", url))

    # === services ===

    def service(self, name: str) -> Handler:
        """The handler of a service, its own middlewares in front; linked once."""
        handler = self._handlers.get(name)
        if handler is None:
            handler = self._handlers[name] = self._link_service(name)
        return handler

    def _link_service(self, name: str) -> Handler:
        if name in _API_SERVICES:
            return self._link_control()
        service = self._services[name].service
        handler: Handler
        if service.load_balancer is not None:
            handler = self._link_load_balancer(name, service.load_balancer)
        elif service.weighted is not None:
            handler = self._link_weighted(name, service)
        elif service.highest_random_weight is not None:
            options = service.highest_random_weight
            children = [
                self._child(child.name, child.weight, options.health_check is not None) for child in options.services
            ]
            handler = highest_random_weight(name, children)
        else:
            raise ValueError(f"service {name} has no type this version knows")
        if isinstance(handler, LoadBalancer):
            self.linked.balancers[name] = handler
        for middleware in reversed(service.middlewares):
            handler = self.middleware(middleware, handler)
        return handler

    def _link_weighted(self, name: str, service: Service) -> LoadBalancer:
        options = service.weighted
        if options is None:
            raise ValueError(f"service {name} is not weighted")
        children = [
            self._child(child.name, child.weight, options.health_check is not None) for child in options.services
        ]
        return weighted(name, children, options.sticky)

    def _child(self, name: str, weight: int, follows_health: bool) -> Child:
        handler = self.service(name)
        return Child(name, weight, handler, self.linked.balancers.get(name) if follows_health else None)

    def _link_load_balancer(self, name: str, options: LoadBalancerOptions) -> LoadBalancer:
        limits = self._limits[options.servers_transport or "default@internal"]
        servers = [
            Server(server.url, server.weight, self._link_server(name, options, server, limits), server.fenced)
            for server in options.servers
        ]
        return LoadBalancer(name, servers, options.strategy or "wrr", options.sticky)

    def _link_server(
        self, service: str, options: LoadBalancerOptions, server: ServerOptions, limits: Limits
    ) -> Handler:
        handler = self._link_forward(service, options, server, limits)
        return handler if self._static.access_log is None else Observed(handler, has_headers=self._has_origin_headers)

    def _link_forward(
        self, service: str, options: LoadBalancerOptions, server: ServerOptions, limits: Limits
    ) -> Handler:
        target = Target(service, server.url)
        parts = urlsplit(server.url)
        if parts.scheme.lower() != "http":
            return Unforwardable(target, parts.scheme)
        pool = self._pools.get(Origin.of(server.url), limits)
        self.linked.pools.add(pool)
        host = None if options.pass_host_header else parts.netloc.rpartition("@")[2].encode()
        return Forward(pool, target, host, parts.path.encode() if server.preserve_path else b"")

    def _link_control(self) -> Handler:
        """The API and its kin live in the control process: forward to its Unix socket."""
        if self._runtime_dir is None:
            return _unavailable
        origin = Origin("http", "localhost", 80, str(self._runtime_dir / API_SOCKET))
        pool = self._pools.get(origin, Limits())
        self.linked.pools.add(pool)
        return ControlForward(Forward(pool, Target("api@internal", "")))


class ControlForward:
    """The control process as a server: while it restarts the answer is 503, and no server is to blame in the log."""

    __slots__ = ("_forward",)

    def __init__(self, forward: Handler) -> None:
        self._forward = forward

    async def __call__(self, request: Request) -> Response:
        try:
            response = await self._forward(request)
        except ProxyError as error:
            if error.kind is Kind.UNREACHABLE:
                return text_response(503, b"the control process is restarting")
            raise
        request.server = None
        return response


def _unavailable(request: Request) -> Ready:
    return Ready(text_response(503, b"there is no control process"))


def not_found(request: Request) -> Ready:
    """What every entry point answers before the first plan."""
    return Ready(text_response(404, b"404 page not found"))
