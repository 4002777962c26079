"""The API: shapes, lists, errors, paths. Configurations and answers are golden."""

import asyncio
import io
import json
import logging
import tarfile
from dataclasses import dataclass, field, replace

import pytest

from tests.admin.asgi import Client
from trafficcop.admin.app import create_app
from trafficcop.admin.server import serve
from trafficcop.admin.state_view import WorkerState
from trafficcop.config.dynamic import LoadBalancer, Router, RouterTLS, Server, Service, Weighted
from trafficcop.config.entry_points import EntryPoint
from trafficcop.config.middlewares import AddPrefix, BasicAuth, Middleware, RateLimit, RateLimitRedis
from trafficcop.config.observability import AccessLog, Log, Metrics, Prometheus, StatsD, Tracing
from trafficcop.config.providers import DockerProvider, Providers, RESTProvider
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
from trafficcop.errors import Issue, Position
from trafficcop.plan.report import MiddlewareInfo, Report, RouterInfo, ServiceInfo


@dataclass
class State:
    report: Report = field(default_factory=Report)
    providers: tuple[str, ...] = ()
    issues: dict[str, tuple[Issue, ...]] = field(default_factory=dict)
    started_at: float = 1_700_000_000.25
    workers: tuple[WorkerState, ...] = ()


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


WEB = {
    "entryPoints": ["web"],
    "middlewares": ["auth@file"],
    "priority": 43,
    "rule": "Host(`a.example.com`) && PathPrefix(`/<x>`)",
    "service": "app",
    "status": "enabled",
    "tls": {"options": "default"},
    "using": ["web"],
    "name": "web@file",
    "provider": "file",
    "priorityStr": "43",
}
APP = {
    "loadBalancer": {
        "passHostHeader": True,
        "responseForwarding": {"flushInterval": "100ms"},
        "servers": [{"url": "http://127.0.0.1:9000"}, {"url": "http://b"}],
        "strategy": "wrr",
    },
    "status": "enabled",
    "usedBy": ["web@file"],
    "serverStatus": {"http://127.0.0.1:9000": "UP", "http://b": "DOWN"},
    "name": "app@file",
    "provider": "file",
    "type": "loadbalancer",
}


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("http/routers/web@file", WEB),
        ("http/routers/web%40file", WEB),
        (
            "http/routers/a%2Fb@rest",
            {
                "priority": 16,
                "rule": "PathPrefix(`/b`)",
                "service": "two",
                "error": ["close call"],
                "status": "warning",
                "name": "a/b@rest",
                "provider": "rest",
                "priorityStr": "16",
            },
        ),
        (
            "http/routers/broken@docker",
            {
                "entryPoints": ["web", "other"],
                "priority": 5,
                "rule": "Host(",
                "service": "gone@file",
                "error": ["cannot parse the rule"],
                "status": "disabled",
                "name": "broken@docker",
                "provider": "docker",
                "priorityStr": "5",
            },
        ),
        ("http/services/app@file", APP),
        (
            "http/services/two@rest",
            {
                "weighted": {"services": [{"name": "app@file", "weight": 0}]},
                "status": "disabled",
                "name": "two@rest",
                "provider": "rest",
                "type": "weighted",
            },
        ),
        ("http/services/api@internal", {"status": "enabled", "name": "api@internal", "provider": "internal"}),
        (
            "http/middlewares/auth@file",
            {
                "basicAuth": {"removeHeader": True, "users": ["ann:$2y$05$hash"]},
                "status": "enabled",
                "usedBy": ["web@file"],
                "name": "auth@file",
                "provider": "file",
                "type": "basicauth",
            },
        ),
        (
            "http/middlewares/plug@file",
            {
                "plugin": {"Demo": {"key": "value"}},
                "status": "enabled",
                "name": "plug@file",
                "provider": "file",
                "type": "demo",
            },
        ),
        (
            "tcp/routers/db@file",
            {
                "entryPoints": ["db"],
                "priority": -1,
                "rule": "HostSNI(`*`)",
                "service": "db",
                "tls": {"passthrough": False},
                "status": "enabled",
                "using": ["db"],
                "name": "db@file",
                "provider": "file",
                "priorityStr": "-1",
            },
        ),
        (
            "tcp/services/db@file",
            {
                "loadBalancer": {"servers": [{"address": "127.0.0.1:5432", "tls": True}]},
                "status": "enabled",
                "serverStatus": {"127.0.0.1:5432": "UP"},
                "name": "db@file",
                "provider": "file",
                "type": "loadbalancer",
            },
        ),
        (
            "tcp/middlewares/few@file",
            {
                "inFlightConn": {"amount": 3},
                "status": "enabled",
                "name": "few@file",
                "provider": "file",
                "type": "inflightconn",
            },
        ),
        (
            "udp/routers/dns@file",
            {
                "entryPoints": ["dns"],
                "service": "dns",
                "status": "enabled",
                "using": ["dns"],
                "name": "dns@file",
                "provider": "file",
            },
        ),
        (
            "udp/services/dns@file",
            {
                "loadBalancer": {"servers": [{"address": "127.0.0.1:53"}]},
                "status": "enabled",
                "name": "dns@file",
                "provider": "file",
                "type": "loadbalancer",
            },
        ),
    ],
)
async def test_single_objects(path, answer):
    got = await client().get(f"/api/{path}")
    assert (got.status, got.headers["Content-Type"]) == (200, "application/json")
    assert got.json() == answer
    assert got.body.endswith(b"}\n")


async def test_html_is_escaped_and_secrets_are_masked():
    assert b"PathPrefix(`/\\u003cx\\u003e`)" in (await client().get("/api/http/routers/web@file")).body
    limit = (await client().get("/api/http/middlewares/limit@file")).json()
    assert limit["rateLimit"]["redis"]["password"] == "xxxx"


async def test_rawdata_has_no_names_within_and_every_section():
    raw = (await client().get("/api/rawdata")).json()
    own = {"name", "provider", "type", "priorityStr"}
    expected = {key: value for key, value in WEB.items() if key not in own} | {"tls": {}}
    assert raw["routers"]["web@file"] == expected
    assert raw["services"]["app@file"] == {key: value for key, value in APP.items() if key not in own}
    assert list(raw) == [
        *("routers", "middlewares", "services", "tcpRouters", "tcpMiddlewares", "tcpServices"),
        *("udpRouters", "udpServices"),
    ]
    assert list(raw["routers"]) == sorted(REPORT.routers)


async def test_rawdata_of_nothing():
    assert (await client(Report()).get("/api/rawdata")).body == b"{}\n"


async def test_rawdata_tells_what_is_wrong_with_a_configuration():
    issues = {
        "file": (
            Issue("unknown option", "http.routers.web.rul", Position("a.yml", 3, 7)),
            Issue("deprecated", is_warning=True),
        )
    }
    assert (await client(Report(), issues=issues).get("/api/rawdata")).json() == {
        "errors": [
            {
                "provider": "file",
                "file": "a.yml",
                "line": 3,
                "column": 7,
                "path": "http.routers.web.rul",
                "message": "unknown option",
                "severity": "error",
            },
            {"provider": "file", "message": "deprecated", "severity": "warning"},
        ]
    }


async def test_overview():
    static = replace(
        STATIC,
        access_log=AccessLog(),
        tracing=Tracing(),
        metrics=Metrics(statsd=StatsD(), prometheus=Prometheus()),
        providers=Providers(rest=RESTProvider(), docker=DockerProvider(), plugin={"demo": {}}),
    )
    assert (await client(static=static, providers=("file", "internal")).get("/api/overview")).json() == {
        "http": {
            "routers": {"total": 4, "warnings": 1, "errors": 1},
            "services": {"total": 3, "warnings": 0, "errors": 1},
            "middlewares": {"total": 4, "warnings": 0, "errors": 1},
        },
        "tcp": {
            "routers": {"total": 1, "warnings": 0, "errors": 0},
            "services": {"total": 1, "warnings": 0, "errors": 0},
            "middlewares": {"total": 1, "warnings": 0, "errors": 0},
        },
        "udp": {
            "routers": {"total": 1, "warnings": 0, "errors": 0},
            "services": {"total": 1, "warnings": 0, "errors": 0},
        },
        "certificates": {"total": 0, "warnings": 0, "errors": 0},
        "features": {"tracing": "OTLP", "metrics": "Prometheus", "accessLog": True},
        "providers": ["Docker", "File", "Rest", "plugin-demo"],
    }


async def test_overview_of_nothing():
    answer = (await client(Report()).get("/api/overview")).json()
    assert answer["features"] == {"tracing": "", "metrics": "", "accessLog": False}
    assert "providers" not in answer


@pytest.mark.parametrize(
    ("api", "more"),
    [
        (API(), {}),
        (API(disable_dashboard_ad=True, dashboard_name="mine"), {"disableDashboardAd": True, "dashboardName": "mine"}),
    ],
)
async def test_version(api, more):
    got = await client(static=replace(STATIC, api=api)).get("/api/version")
    assert got.headers["Content-Type"] == "application/json; charset=UTF-8"
    answer = got.json()
    assert answer.pop("Version")
    assert answer == {"Codename": "trafficcop", "startDate": "2023-11-14T22:13:20.250000Z"} | more


async def test_entry_points():
    got = await client().get("/api/entrypoints")
    assert [entry["name"] for entry in got.json()] == ["db", "web"]
    assert got.headers["X-Next-Page"] == "1"
    assert (await client().get("/api/entrypoints/db")).json() == {
        "address": ":5432/tcp",
        "asDefault": True,
        "forwardedHeaders": {},
        "http": {"maxHeaderBytes": 1048576, "sanitizePath": True, "underscoreHeadersStrategy": "keep"},
        "http2": {"maxConcurrentStreams": 250, "maxDecoderHeaderTableSize": 4096, "maxEncoderHeaderTableSize": 4096},
        "transport": {
            "lifeCycle": {"graceTimeOut": "10s"},
            "respondingTimeouts": {"idleTimeout": "3m0s", "readTimeout": "1m0s"},
        },
        "udp": {"timeout": "3s"},
        "name": "db",
    }


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("http/routers/x@file", 404, "router not found: x@file"),
        ("http/services/x", 404, "service not found: x"),
        ("http/middlewares/%3Cx%3E", 404, "middleware not found: <x>"),
        ("tcp/routers/x", 404, "router not found: x"),
        ("tcp/services/x", 404, "service not found: x"),
        ("tcp/middlewares/x", 404, "middleware not found: x"),
        ("udp/routers/x", 404, "router not found: x"),
        ("udp/services/x", 404, "service not found: x"),
        ("entrypoints/x", 404, "entry point not found: x"),
        ("certificates/x", 404, "certificate not found: x"),
        ("http/routers/a%zz", 400, 'unable to decode routerID "a%zz": invalid URL escape "%zz"'),
        ("http/services/a%2", 400, 'unable to decode serviceID "a%2": invalid URL escape "%2"'),
        ("http/routers?page=9", 400, "invalid request: page: 9, per_page: 100"),
        ("http/routers?page=0", 400, "invalid request: page: 0"),
        ("http/routers?page=-3", 400, "invalid request: page: -3"),
        ("http/routers?page=x", 400, "invalid request: page: 0"),
        ("http/services?per_page=0", 400, "invalid request: per_page: 0"),
        ("entrypoints?per_page=1&page=3", 400, "invalid request: page: 3, per_page: 1"),
        (f"http/routers?page={10**30}", 400, "invalid request: page: 9223372036854775807"),
    ],
)
async def test_errors(path, status, message):
    got = await client().get(f"/api/{path}")
    assert got.status == status
    assert got.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert got.json() == {"message": message}
    assert got.body.endswith(b"}\n")


ROUTERS = ["a/b@rest", "api@internal", "broken@docker", "web@file"]


@pytest.mark.parametrize(
    ("kind", "query", "names"),
    [
        ("http/routers", "", ROUTERS),
        ("http/routers", "page=1", ROUTERS),
        ("http/routers", "search=EXAMPLE", ["web@file"]),
        ("http/routers", "search=broken", ["broken@docker"]),
        ("http/routers", "status=Disabled", ["broken@docker"]),
        ("http/routers", "status=none", []),
        ("http/routers", "serviceName=app@file", ["web@file"]),
        ("http/routers", "serviceName=app", ["web@file"]),
        ("http/routers", "serviceName=gone@file", ["broken@docker"]),
        ("http/routers", "serviceName=gone", []),
        ("http/routers", "middlewareName=auth@file", ["web@file"]),
        ("http/routers", "middlewareName=auth", []),
        ("http/routers", "search=host&status=enabled", ["web@file"]),
        ("http/routers", "direction=desc", ROUTERS[::-1]),
        ("http/routers", "sortBy=unknown", ROUTERS),
        ("http/routers", "sortBy=priority", ["broken@docker", "a/b@rest", "web@file", "api@internal"]),
        ("http/routers", "sortBy=priority&direction=desc", ["api@internal", "web@file", "a/b@rest", "broken@docker"]),
        ("http/routers", "sortBy=provider", ["broken@docker", "web@file", "api@internal", "a/b@rest"]),
        ("http/routers", "sortBy=status", ["broken@docker", "api@internal", "web@file", "a/b@rest"]),
        ("http/routers", "sortBy=rule", ["broken@docker", "web@file", "api@internal", "a/b@rest"]),
        ("http/routers", "sortBy=service", ["api@internal", "web@file", "broken@docker", "a/b@rest"]),
        ("http/routers", "sortBy=entryPoints", ["a/b@rest", "api@internal", "web@file", "broken@docker"]),
        ("http/services", "", ["api@internal", "app@file", "two@rest"]),
        ("http/services", "sortBy=servers&direction=desc", ["app@file", "two@rest", "api@internal"]),
        ("http/services", "sortBy=type", ["api@internal", "app@file", "two@rest"]),
        ("http/services", "search=APP", ["app@file"]),
        ("http/services", "serviceName=zzz", ["api@internal", "app@file", "two@rest"]),
        ("http/middlewares", "sortBy=type", ["prefix@docker", "auth@file", "plug@file", "limit@file"]),
        ("http/middlewares", "status=disabled", ["prefix@docker"]),
        ("tcp/routers", "search=hostsni", ["db@file"]),
        ("tcp/services", "search=x", []),
        ("tcp/middlewares", "", ["few@file"]),
        ("udp/routers", "middlewareName=x&sortBy=priority", ["dns@file"]),
        ("udp/routers", "serviceName=other", []),
        ("udp/services", "sortBy=servers", ["dns@file"]),
        ("certificates", "", []),
    ],
)
async def test_lists(kind, query, names):
    got = await client().get(f"/api/{kind}?{query}")
    assert got.status == 200
    assert [item["name"] for item in got.json()] == names


@pytest.mark.parametrize(
    ("query", "names", "following"),
    [
        ("per_page=2", ROUTERS[:2], "2"),
        ("per_page=2&page=2", ROUTERS[2:], "1"),
        ("per_page=3&page=2", ROUTERS[3:], "1"),
        ("per_page=4", ROUTERS, "1"),
        ("per_page=1&page=3&page=1", ROUTERS[2:3], "4"),
    ],
)
async def test_pages(query, names, following):
    got = await client().get(f"/api/http/routers?{query}")
    assert [item["name"] for item in got.json()] == names
    assert got.headers["X-Next-Page"] == following


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("HEAD", "/api/rawdata", 405, ""),
        ("POST", "/api/http/routers", 405, ""),
        ("DELETE", "/api/http/routers/web@file", 405, ""),
        ("GET", "/api", 404, "404 page not found\n"),
        ("GET", "/api/", 404, "404 page not found\n"),
        ("GET", "/api/rawdata/", 404, "404 page not found\n"),
        ("GET", "/api/udp/middlewares", 404, "404 page not found\n"),
        ("GET", "/api/http/routers/a/b@rest", 404, "404 page not found\n"),
        ("GET", "/debug/vars", 404, "404 page not found\n"),
        ("GET", "/elsewhere", 404, "404 page not found\n"),
    ],
)
async def test_methods_and_unknown_paths(method, path, status, text):
    got = await client().get(path, method=method)
    assert (got.status, got.text) == (status, text)


async def test_base_path():
    there = client(static=replace(STATIC, api=API(base_path="/gate")))
    assert (await there.get("/gate/api/version")).status == 200
    assert (await there.get("/gate/dashboard/")).status == 200
    assert (await there.get("/api/version")).status == 404
    assert (await there.get("/gateway/api/version")).status == 404
    assert (await there.get("/gate")).headers["Location"] == "/gate/dashboard/"


async def test_debug_variables_only_when_asked_for():
    there = client(static=replace(STATIC, api=API(debug=True)), workers=(WorkerState(42, 3, is_ready=True),))
    answer = (await there.get("/debug/vars")).json()
    assert answer["workers"] == [{"pid": 42, "plan": 3, "isReady": True}]
    assert answer["memstats"]["maxResident"] > 0
    assert answer["cmdline"]


async def test_support_dump_tells_nothing_about_its_owner():
    static = replace(STATIC, log=Log(level="DEBUG", file_path="/srv/private.log"))
    got = await client(static=static).get("/api/support-dump")
    assert got.headers["Content-Type"] == "application/gzip"
    assert got.headers["Content-Disposition"] == "attachment; filename=support-dump.tar.gz"
    with tarfile.open(fileobj=io.BytesIO(got.body)) as tar:
        members = {entry.name: json.loads(tar.extractfile(entry).read()) for entry in tar.getmembers()}
    assert list(members) == ["version.json", "static-config.json", "runtime-config.json"]
    assert set(members["version.json"]) == {"version", "codename", "startDate"}
    assert members["static-config.json"]["log"] == {"level": "DEBUG", "format": "common", "filePath": "xxxx"}
    assert members["static-config.json"]["entryPoints"]["web"]["address"] == "xxxx"
    assert members["runtime-config.json"]["middlewares"]["auth@file"]["basicAuth"]["users"] == ["xxxx"]


# === dashboard ===


@pytest.mark.parametrize(
    ("prefix", "location"),
    [
        ("", "/dashboard/"),
        ("/gate", "/gate/dashboard/"),
        ("/gate/", "/gate/dashboard/"),
        ("https://example.com", "/dashboard/"),
        ("//example.com", "/dashboard/"),
        ("\\\\example.com", "/dashboard/"),
        ("http://[", "/dashboard/"),
    ],
)
async def test_redirect_to_the_dashboard(prefix, location):
    got = await client().get("/", headers=[("X-Forwarded-Prefix", prefix)])
    assert (got.status, got.headers["Location"]) == (302, location)


@pytest.mark.parametrize(
    ("name", "type_"),
    [
        ("", "text/html"),
        ("index.html", "text/html"),
        ("dashboard.js", "text/javascript"),
        ("dashboard.css", "text/css"),
    ],
)
async def test_dashboard_files(name, type_):
    got = await client().get(f"/dashboard/{name}")
    assert (got.status, got.headers["Content-Type"]) == (200, f"{type_}; charset=utf-8")
    assert got.headers["Content-Security-Policy"].startswith("default-src 'self';")
    assert got.body


@pytest.mark.parametrize("path", ["/dashboard/../app.py", "/dashboard/%2e%2e/app.py", "/dashboard/none.js"])
async def test_dashboard_has_no_other_files(path):
    assert (await client().get(path)).status == 404


async def test_no_dashboard_when_it_is_off():
    there = client(static=replace(STATIC, api=API(dashboard=False)))
    assert [(await there.get(path)).status for path in ("/", "/dashboard/", "/api/version")] == [404, 404, 200]


async def test_the_state_is_read_at_each_request():
    state = State()
    there = Client(create_app(state, STATIC))
    assert (await there.get("/api/http/routers")).json() == []
    state.report = REPORT
    assert len((await there.get("/api/http/routers")).json()) == 4


# === server ===


async def test_serves_on_a_unix_socket(tmp_path, caplog):
    path, stop = tmp_path / "api.sock", asyncio.Event()
    path.write_text("left by a process that was killed")
    with caplog.at_level(logging.INFO):
        serving = asyncio.create_task(serve(create_app(State(REPORT), STATIC), str(path), stop))
        await asyncio.sleep(0)  # the socket is there as soon as the task has begun
        assert path.stat().st_mode & 0o077 == 0
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(b"GET /api/http/routers/a%2Fb@rest HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        stop.set()
        await serving
    assert answer.startswith(b"HTTP/1.1 200")
    assert b'"name":"a/b@rest"' in answer
    assert not path.exists()
    assert not [record for record in caplog.records if record.name.startswith("hypercorn")]


async def test_socket_that_cannot_be_bound(tmp_path):
    with pytest.raises(OSError):
        await serve(create_app(State(), STATIC), str(tmp_path / "none" / "api.sock"), asyncio.Event())
