"""The table of options that do not act yet."""

from __future__ import annotations

import pytest

from trafficcop.config.decode import decode_dynamic, decode_static
from trafficcop.config.dynamic import DynamicConfiguration
from trafficcop.config.pending import PENDING_DYNAMIC, PENDING_STATIC, pending_warnings
from trafficcop.config.shape import Kind, Shape, options_by_key
from trafficcop.config.static import StaticConfiguration


@pytest.mark.parametrize(
    ("section", "pattern"),
    [(StaticConfiguration, pattern) for pattern in PENDING_STATIC]
    + [(DynamicConfiguration, pattern) for pattern in PENDING_DYNAMIC],
)
def test_every_line_names_an_option_as_it_is_spelled(section: type, pattern: str):
    shape = Shape(Kind.SECTION, section)
    for step in pattern.split("."):
        if step in ("*", "[]"):
            assert shape.kind is (Kind.MAP if step == "*" else Kind.LIST)
            shape = shape.item
        else:
            option = options_by_key(shape.type)[step.lower()]
            assert option.key == step
            shape = option.shape


def test_nothing_is_said_about_defaults_and_what_acts():
    static = decode_static(
        {"entryPoints": {"web": {"address": ":80"}}, "api": True, "ping": {}, "log": {"level": "INFO"}}
    )
    dynamic = decode_dynamic({"http": {"routers": {"r": {"rule": "x", "service": "s"}}}, "tls": {}, "tcp": {}})
    assert static.issues == dynamic.issues == ()
    assert pending_warnings(static.value, {"file": dynamic.value, "rest": DynamicConfiguration()}) == ()


def test_one_warning_for_each_line_in_use(monkeypatch):
    static_table = {"entryPoints.*.http2": "HTTP/2", "entryPoints.*.http3": "HTTP/3", "metrics": "metrics"}
    monkeypatch.setattr("trafficcop.config.pending.PENDING_STATIC", {**static_table, "providers.docker": "docker"})
    dynamic_table = {"http.routers.*.tls": "TLS", "http.services.*.loadBalancer.strategy": "strategies"}
    monkeypatch.setattr("trafficcop.config.pending.PENDING_DYNAMIC", {**dynamic_table, "tls.certificates.[]": "TLS"})
    static = decode_static(
        {
            "entryPoints": {
                "a": {"address": ":1", "http3": {}},
                "b": {"address": ":2", "http2": {"maxConcurrentStreams": 9}},
            },
            "metrics": {"prometheus": {}},
            "providers": {"docker": {}},
        }
    )
    routers = {name: {"rule": "x", "service": "s", "tls": {}} for name in ("one", "two", "three")}
    dynamic = decode_dynamic(
        {
            "http": {
                "routers": routers,
                "services": {"s": {"loadBalancer": {"strategy": "p2c", "servers": [{"url": "x"}]}}},
            },
            "tls": {"certificates": [{"certFile": "c", "keyFile": "k"}]},
        }
    )
    assert static.issues == dynamic.issues == ()
    issues = pending_warnings(static.value, {"file": dynamic.value})
    assert all(issue.is_warning for issue in issues)
    assert {str(issue) for issue in issues} == {
        "entryPoints.a.http3: does not act yet: HTTP/3",
        "entryPoints.b.http2: does not act yet: HTTP/2",
        "metrics: does not act yet: metrics",
        "providers.docker: does not act yet: docker",
        "http.routers.one.tls: does not act yet: TLS (and 2 more)",
        "http.services.s.loadBalancer.strategy: does not act yet: strategies",
        "tls.certificates[0]: does not act yet: TLS",
    }
