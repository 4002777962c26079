"""Services and middlewares of a plan become Handlers, each service once, however many routers name it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

from trafficcop.config.dynamic import HighestRandomWeight, Service, Weighted
from trafficcop.config.dynamic import LoadBalancer as LoadBalancerOptions
from trafficcop.config.dynamic import Server as ServerOptions
from trafficcop.config.observability import AccessLog
from trafficcop.config.static import StaticConfiguration
from trafficcop.errors import Kind, ProxyError
from trafficcop.http.messages import Handler, Ready, Request, Response, Target, text_response
from trafficcop.http.observed import Observed
from trafficcop.middleware import MIDDLEWARES, type_of
from trafficcop.middleware.context import MiddlewareContext, check_fetchable
from trafficcop.plan.messages import PlanPart
from trafficcop.plan.model import MiddlewarePlan, ServicePlan
from trafficcop.proxy.forward import Forward
from trafficcop.proxy.forwarders import forwarder
from trafficcop.proxy.origin import Limits, Origin
from trafficcop.proxy.pools import Pools
from trafficcop.service.failover import Failover
from trafficcop.service.hold import Hold
from trafficcop.service.internal import NoChallengeHandler, NoopHandler, PingHandler
from trafficcop.service.load_balancer import LoadBalancer
from trafficcop.service.servers import Server
from trafficcop.service.weighted import Child, highest_random_weight, weighted
from trafficcop.store.interface import Store
from trafficcop.tls.client import ServerTrust
from trafficcop.worker.link_balancer import BalancerLinker
from trafficcop.worker.link_meters import LinkMeters
from trafficcop.worker.link_pairs import link_failover, link_mirroring
from trafficcop.worker.linked import Linked

# Who answers for the internal services that live in the control process. Each has a socket of its own, for who may
# load the dashboard may not read the API by that, and who may read may not write.
_SOCKETS = {
    "api@internal": "api.sock",
    "dashboard@internal": "dashboard.sock",
    "rest@internal": "rest.sock",
    "prometheus@internal": "metrics.sock",
}


class ServiceLinker:
    """Takes transports, middlewares and services as they come, and links what a router asks for."""

    def __init__(
        self,
        static: StaticConfiguration,
        pools: Pools,
        ping: PingHandler,
        runtime_dir: Path | None,
        store: Store,
        linked: Linked,
        meters: LinkMeters,
        phase: float = 0.0,
    ) -> None:
        self._meters = meters
        self._pools = pools
        self._runtime_dir = runtime_dir
        access = static.access_log
        self._has_origins = access is not None and access.format == "json"  # no other has a field for them
        self._has_origin_headers = access is not None and _has_headers(access)
        self._store = store
        self._balancers = BalancerLinker(store, phase, linked)
        self._linked = linked
        self._uses: Counter[str] = Counter()  # of each middleware
        self._services: dict[str, ServicePlan] = {}
        self._middlewares: dict[str, MiddlewarePlan] = {}
        self._limits: dict[str, Limits] = {}
        self._handlers: dict[str, Handler] = {
            "acme-http@internal": NoChallengeHandler(),
            "noop@internal": NoopHandler(),
            "ping@internal": ping,
        }

    def take(self, part: PlanPart) -> None:
        """What stands in a part besides routers; nothing is linked yet."""
        for name, transport in part.transports.items():
            self._limits[name] = Limits.of(transport)
        for middleware in part.middlewares:
            self._middlewares[middleware.name] = middleware
        for service in part.services:
            self._services[service.name] = service

    def handlers(self) -> list[Handler]:
        """Every service linked so far."""
        return list(self._handlers.values())

    def clear(self) -> list[object]:
        """Forget what was only needed to link; the pieces are for the caller to free."""
        pieces: list[object] = [*self._services.values(), *self._middlewares.values()]
        self._services, self._middlewares, self._handlers = {}, {}, {}
        return pieces

    # === middlewares ===

    def middleware(self, name: str, next: Handler) -> Handler:
        """The middleware in front of `next`. KeyError when the plan lacks it: a bug of the compiler."""
        key, config = type_of(self._middlewares[name].middleware)
        return self.build(key, config, name, next)

    def build(self, key: str, config: object, name: str, next: Handler) -> Handler:
        """A middleware of the registry, by its field name in `config.middlewares.Middleware`."""
        # Every worker links the same parts in the same order, so they agree on the scope.
        self._uses[name] += 1
        scope = f"{self._linked.version} {self._uses[name]} {name}"
        context = MiddlewareContext(name, self.service, self.middleware, self._store, self._fetch, scope)
        return MIDDLEWARES[key](config, context, next)

    def _fetch(self, url: str, timeout: float, trust: ServerTrust) -> Handler:
        check_fetchable(url)
        limits = Limits(dial_timeout=timeout, response_header_timeout=timeout, trust=trust)
        return forwarder(self._pools, self._linked.pools, Target("", url), limits)

    # === services ===

    def service(self, name: str) -> Handler:
        """The handler of a service, its own middlewares in front; linked once."""
        handler = self._handlers.get(name)
        if handler is None:
            handler = self._handlers[name] = self._link_service(name)
        return handler

    def _link_service(self, name: str) -> Handler:
        if name in _SOCKETS:
            return self._link_control(_SOCKETS[name])
        service = self._services[name].service
        handler: Handler
        if service.load_balancer is not None:
            handler = self._link_load_balancer(name, service.load_balancer)
        elif service.weighted is not None:
            handler = self._link_weighted(name, service)
        elif service.highest_random_weight is not None:
            children = self._children(name, service.highest_random_weight)
            handler = highest_random_weight(name, children, self._balancers.beginning(name))
        elif service.failover is not None:
            handler = link_failover(service.failover, self.service, self._linked.watched)
        elif service.mirroring is not None:
            handler = link_mirroring(service.mirroring, self.service)
        else:
            raise ValueError(f"service {name} has no type this version knows")
        if isinstance(handler, LoadBalancer):
            self._linked.balancers[name] = handler
            self._linked.checked["http", name] = handler
        self._watch(name, service, handler)
        if (
            isinstance(handler, LoadBalancer)
            and service.load_balancer is not None
            and service.load_balancer.retry_for > 0
        ):
            handler = self._linked.holds[name] = Hold(handler, service.load_balancer.retry_for.seconds)
        for middleware in reversed(service.middlewares):
            handler = self.middleware(middleware, handler)
        return handler

    def _watch(self, name: str, service: Service, handler: Handler) -> None:
        """Services with a health check tell of it; that of a mirrored service is its main one's."""
        watched = self._linked.watched
        if service.mirroring is not None:
            main = service.mirroring.service
            if service.mirroring.health_check is not None and main in watched:
                watched[name] = watched[main]
        elif isinstance(handler, LoadBalancer | Failover) and has_health_check(service):
            watched[name] = handler

    def _link_weighted(self, name: str, service: Service) -> LoadBalancer:
        options = service.weighted
        if options is None:
            raise ValueError(f"service {name} is not weighted")
        return weighted(name, self._children(name, options), options.sticky, self._balancers.beginning(name))

    def _children(self, name: str, parent: Weighted | HighestRandomWeight) -> list[Child]:
        watched = {} if parent.health_check is None else self._linked.watched
        return [
            Child(written, child.weight, self.service(child.name), watched.get(child.name))
            for child, written in zip(parent.services, self._services[name].written, strict=True)
        ]

    def _link_load_balancer(self, name: str, options: LoadBalancerOptions) -> LoadBalancer:
        limits = self._limits[options.servers_transport or "default@internal"]
        servers = [
            Server(
                server.url,
                1 if server.weight is None else server.weight,
                self._link_server(name, options, server, limits),
                server.fenced,
            )
            for server in options.servers
        ]
        return self._balancers.link(name, options, servers)

    def _link_server(
        self, service: str, options: LoadBalancerOptions, server: ServerOptions, limits: Limits
    ) -> Handler:
        target = Target(service, server.url)
        parts = urlsplit(server.url)
        host = None if options.pass_host_header else parts.netloc.rpartition("@")[2].encode()
        prefix = parts.path.encode() if server.preserve_path else b""
        observed = self._observed(service, server.url)
        return forwarder(self._pools, self._linked.pools, target, limits, host, prefix, observed)

    def _observed(self, service: str, url: str) -> Observed | None:
        """How the exchanges of a server are looked at, if anybody wants to know."""
        meter = self._meters.service(service, url)
        if meter is None and not self._has_origins:
            return None
        return Observed(meter, has_origins=self._has_origins, has_headers=self._has_origin_headers)

    def _link_control(self, path: str) -> Handler:
        """The API and its kin live in the control process: forward to its Unix socket."""
        if self._runtime_dir is None:
            return _unavailable
        origin = Origin("http", "localhost", 80, str(self._runtime_dir / path))
        pool = self._pools.get(origin, Limits())
        self._linked.pools.add(pool)
        return ControlForward(Forward(pool, Target("api@internal", "")))


def has_health_check(service: Service) -> bool:
    """Whether a service knows of the health of its servers or children."""
    kinds = (service.load_balancer, service.weighted, service.highest_random_weight, service.failover)
    return any(kind is not None and kind.health_check is not None for kind in kinds)


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


def _has_headers(access: AccessLog) -> bool:
    """Whether the log shows fields of messages."""
    if access.format != "json":
        return False
    from trafficcop.telemetry.access_format import FieldModes

    return FieldModes(access.fields).has_headers


def _unavailable(request: Request) -> Ready:
    return Ready(text_response(503, b"there is no control process"))
