"""A configuration with something of every kind, and a client of its API."""

from dataclasses import dataclass, field

from tests.admin.asgi import Client
from trafficcop.admin.app import create_app
from trafficcop.config.dynamic import LoadBalancer, Router, RouterTLS, Server, Service, Weighted
from trafficcop.config.entry_points import EntryPoint
from trafficcop.config.middlewares import AddPrefix, BasicAuth, Middleware, RateLimit, RateLimitRedis
from trafficcop.config.shared import WeightedService
from trafficcop.config.static import API, StaticConfiguration
from trafficcop.config.stream import (
    InFlightConn,
    TCPLoadBalancer,
    TCPMiddleware,
    TCPRouter,
    TCPRouterTLS,
    TCPServer,
    TCPService,
    UDPLoadBalancer,
    UDPRouter,
    UDPServer,
    UDPService,
)
from trafficcop.errors import Issue
from trafficcop.plan.report import MiddlewareInfo, Report, RouterInfo, ServiceInfo


@dataclass
class Worker:
    index: int
    pid: int
    version: int
    refused: str = ""


@dataclass
class State:
    report: Report = field(default_factory=Report)
    providers: tuple[str, ...] = ()
    issues: dict[str, tuple[Issue, ...]] = field(default_factory=dict)
    started_at: float = 1_700_000_000.25
    workers: tuple[Worker, ...] = ()


REPORT = Report(
    routers={
        "web@file": RouterInfo(
            Router(
                rule="Host(`a.example.com`) && PathPrefix(`/<x>`)",
                service="app",
                entry_points=("web",),
                middlewares=("auth@file",),
                tls=RouterTLS(),
            ),
            using=("web",),
            priority=43,
        ),
        "broken@docker": RouterInfo(
            Router(rule="Host(", service="gone@file", entry_points=("web", "other"), priority=5),
            "disabled",
            ("cannot parse the rule",),
        ),
        "a/b@rest": RouterInfo(Router(rule="PathPrefix(`/b`)", service="two"), "warning", ("close call",), priority=16),
        "api@internal": RouterInfo(
            Router(rule="PathPrefix(`/api`)", service="api@internal", priority=9223372036854775806),
            using=("traefik",),
            priority=9223372036854775806,
        ),
    },
    services={
        "app@file": ServiceInfo(
            Service(load_balancer=LoadBalancer(servers=(Server(url="http://127.0.0.1:9000"), Server(url="http://b")))),
            used_by=("web@file",),
            server_status={"http://b": "DOWN", "http://127.0.0.1:9000": "UP"},
        ),
        "two@rest": ServiceInfo(Service(weighted=Weighted(services=(WeightedService("app@file", 0),))), "disabled"),
        "api@internal": ServiceInfo(Service()),
    },
    middlewares={
        "auth@file": MiddlewareInfo(
            Middleware(basic_auth=BasicAuth(users=("ann:$2y$05$hash",), remove_header=True)), used_by=("web@file",)
        ),
        "prefix@docker": MiddlewareInfo(
            Middleware(add_prefix=AddPrefix("/x")), "disabled", ("prefix cannot be empty",)
        ),
        "plug@file": MiddlewareInfo(Middleware(plugin={"Demo": {"key": "value"}})),
        "limit@file": MiddlewareInfo(Middleware(rate_limit=RateLimit(redis=RateLimitRedis(password="secret")))),
    },
    tcp_routers={
        "db@file": RouterInfo(
            TCPRouter(rule="HostSNI(`*`)", service="db", entry_points=("db",), tls=TCPRouterTLS()),
            using=("db",),
            priority=-1,
        )
    },
    tcp_services={
        "db@file": ServiceInfo(
            TCPService(load_balancer=TCPLoadBalancer(servers=(TCPServer("127.0.0.1:5432", tls=True),))),
            server_status={"127.0.0.1:5432": "UP"},
        )
    },
    tcp_middlewares={"few@file": MiddlewareInfo(TCPMiddleware(in_flight_conn=InFlightConn(3)))},
    udp_routers={"dns@file": RouterInfo(UDPRouter(entry_points=("dns",), service="dns"), using=("dns",))},
    udp_services={
        "dns@file": ServiceInfo(UDPService(load_balancer=UDPLoadBalancer(servers=(UDPServer("127.0.0.1:53"),))))
    },
)
STATIC = StaticConfiguration(
    api=API(), entry_points={"web": EntryPoint(address=":80"), "db": EntryPoint(address=":5432/tcp", as_default=True)}
)


def client(report=REPORT, static=STATIC, **state):
    return Client(create_app(State(report, **state), static))
