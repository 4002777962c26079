"""The API: the shapes of what it answers."""

from dataclasses import replace

import pytest

from tests.admin.sample import REPORT, STATIC, client
from trafficcop.config.observability import AccessLog, Metrics, Prometheus, StatsD, Tracing
from trafficcop.config.providers import DockerProvider, Providers, RESTProvider
from trafficcop.config.static import API
from trafficcop.errors import Issue, Position
from trafficcop.plan.report import Report

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
