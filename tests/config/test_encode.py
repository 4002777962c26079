"""Options as Traefik-shaped JSON: what is shown, left out, masked and escaped."""

import json
from dataclasses import is_dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trafficcop.config import dynamic, middlewares, stream, tls
from trafficcop.config.encode import encode, encode_anonymously, encode_for_log
from trafficcop.config.entry_points import EntryPointObservability
from trafficcop.config.json_text import to_json
from trafficcop.config.observability import InfluxDB2, Log, Metrics, Prometheus
from trafficcop.config.scalars import Duration, FileOrContent
from trafficcop.config.shared import HealthCheck, WeightedService
from trafficcop.config.static import API, Experimental, FastProxy, StaticConfiguration


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (dynamic.Router(), {}),
        (
            dynamic.Router(rule="Host(`a`)", priority=-1, tls=dynamic.RouterTLS()),
            {"priority": -1, "rule": "Host(`a`)", "tls": {}},
        ),
        (
            dynamic.Router(observability=dynamic.RouterObservability(access_logs=False)),
            {"observability": {"accessLogs": False, "traceVerbosity": "minimal"}},
        ),
        (
            dynamic.LoadBalancer(pass_host_header=False, strategy=""),
            {"passHostHeader": False, "responseForwarding": {"flushInterval": "100ms"}},
        ),
        (
            dynamic.LoadBalancer(
                response_forwarding=dynamic.ResponseForwarding(Duration(0)), server=dynamic.LabelServer()
            ),
            {"passHostHeader": True, "responseForwarding": {}, "strategy": "wrr"},
        ),
        (dynamic.Server(url="u"), {"url": "u"}),
        (dynamic.Server(url="u", weight=0), {"url": "u", "weight": 0}),
        (dynamic.Server(url="u", weight=1), {"url": "u", "weight": 1}),
        (WeightedService("a"), {"name": "a", "weight": 1}),
        (WeightedService("a", 0), {"name": "a", "weight": 0}),
        (dynamic.Cookie(path=""), {"path": ""}),
        (
            dynamic.Mirroring(mirror_body=False, max_body_size=0, health_check=HealthCheck()),
            {"healthCheck": {}, "maxBodySize": 0, "mirrorBody": False},
        ),
        (
            dynamic.ServerHealthCheck(
                follow_redirects=False, unhealthy_interval=Duration(0), headers={"b": "2", "a": "1"}
            ),
            {
                "followRedirects": False,
                "headers": {"a": "1", "b": "2"},
                "interval": "30s",
                "mode": "http",
                "timeout": "5s",
                "unhealthyInterval": "0s",
            },
        ),
        (dynamic.FailoverErrors(max_request_body_bytes=0), {"maxRequestBodyBytes": 0}),
        (middlewares.BasicAuth(users=("a:b",)), {"users": ["a:b"]}),
        (middlewares.BasicAuth(realm="mine"), {"realm": "mine"}),
        (middlewares.Headers(force_sts_header=True, sts_seconds=0), {"forceSTSHeader": True, "stsSeconds": 0}),
        (middlewares.Retry(attempts=2, max_request_body_bytes=0), {"attempts": 2, "maxRequestBodyBytes": 0}),
        (middlewares.ErrorPage(error_request_headers=(), status=("500",)), {"status": ["500"]}),
        (middlewares.ForwardAuth(max_body_size=0), {"maxBodySize": 0}),
        (middlewares.Middleware(compress=middlewares.Compress()), {"compress": {"encodings": ["gzip", "br", "zstd"]}}),
        (middlewares.Middleware(content_type=middlewares.ContentType()), {"contentType": {}}),
        (middlewares.Middleware(plugin={"x": {"b": [1, None], "a": {}}}), {"plugin": {"x": {"a": {}, "b": [1, None]}}}),
        (stream.TCPRouterTLS(), {"passthrough": False}),
        (stream.TCPLoadBalancer(termination_delay=0), {"terminationDelay": 0}),
        (
            tls.Certificate(FileOrContent("/a.pem"), FileOrContent("/k.pem")),
            {"certFile": "/a.pem", "keyFile": "/k.pem"},
        ),
        (
            Prometheus(buckets=(0.1, 5.0)),
            {
                "addEntryPointsLabels": True,
                "addServicesLabels": True,
                "buckets": [0.1, 5],
                "entryPoint": "traefik",
            },
        ),
        (
            EntryPointObservability(access_logs=False),
            {
                "accessLogs": False,
                "metrics": True,
                "traceVerbosity": "minimal",
                "tracing": True,
            },
        ),
        (Experimental(fast_proxy=FastProxy()), {"fastProxy": {}}),
        (
            Metrics(influxdb2=InfluxDB2(token=FileOrContent("t"))),
            {
                "influxDB2": {
                    "addEntryPointsLabels": True,
                    "address": "http://localhost:8086",
                    "addServicesLabels": True,
                    "pushInterval": "10s",
                    "token": "xxxx",
                }
            },
        ),
    ],
)
def test_shapes(value, shown):
    assert encode(value) == shown


def test_default_static_configuration():
    assert encode(StaticConfiguration(api=API(), workers=0)) == {
        "api": {"basePath": "/", "dashboard": True},
        "global": {"checkNewVersion": True},
        "providers": {
            "precedence": list(StaticConfiguration().providers.precedence),
            "providersThrottleDuration": "2s",
        },
        "serversTransport": {"maxIdleConnsPerHost": 200},
        "tcpServersTransport": {"dialKeepAlive": "15s", "dialTimeout": "30s"},
        "workers": 0,
    }


def test_credentials_do_not_reach_the_log():
    key = "-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----"
    assert encode_for_log(tls.Certificate(FileOrContent("/a.pem"), FileOrContent(key))) == {
        "certFile": "/a.pem",
        "keyFile": "xxxx",
    }
    users = ("ann:hash", "bob:hash")
    assert encode_for_log(middlewares.BasicAuth(users=users)) == {"users": ["xxxx", "xxxx"]}
    assert encode_for_log(middlewares.DigestAuth(users=users)) == {"users": ["xxxx", "xxxx"]}
    assert encode_for_log(middlewares.RateLimitRedis(password="p"))["password"] == "xxxx"


def test_anonymous_configurations_hold_no_text_of_their_owner():
    middleware = middlewares.Middleware(
        headers=middlewares.Headers(custom_request_headers={"X-Key": "secret"}, sts_seconds=5),
        redirect_regex=middlewares.RedirectRegex(regex="private", replacement="private"),
        plugin={"demo": {"token": "private"}},
    )
    assert encode_anonymously(middleware) == {
        "headers": {"customRequestHeaders": {"X-Key": "xxxx"}, "stsSeconds": 5},
        "plugin": {"demo": {}},
        "redirectRegex": {"regex": "xxxx", "replacement": "xxxx"},
    }
    assert encode_anonymously(Log(level="INFO", file_path="/home/ann")) == {
        "filePath": "xxxx",
        "format": "common",
        "level": "INFO",
    }


@pytest.mark.parametrize(
    "module", [dynamic, middlewares, stream, tls], ids=lambda module: module.__name__.rpartition(".")[2]
)
def test_every_section_can_be_encoded_with_its_defaults(module):
    kinds = [kind for kind in vars(module).values() if isinstance(kind, type) and is_dataclass(kind)]
    assert kinds
    for kind in kinds:
        for show in (encode, encode_for_log, encode_anonymously):
            assert json.loads(to_json(show(kind()))) == show(kind())


@given(
    st.recursive(
        st.text() | st.integers() | st.booleans() | st.none(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    )
)
def test_json_is_one_safe_line_and_parses(value):
    text = to_json(value)
    assert text.endswith(b"\n")
    line = text[:-1].decode()
    assert len(line.splitlines()) <= 1
    assert not set("<>&") & set(line)
    assert json.loads(line) == value


def test_lone_surrogates_do_not_break_the_json():
    assert json.loads(to_json({"a": "\udc80"})) == {"a": "?"}
