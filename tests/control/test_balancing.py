"""How a service may balance: what is refused, and with which words."""

from __future__ import annotations

import pytest

from tests.control.given import compiled, told
from trafficcop.config.dynamic import Service
from trafficcop.config.encode import encode

GOOD = """
http:
  routers: {{r: {{rule: "Path(`/`)", service: s}}}}
  services:
    s: {{loadBalancer: {{servers: [{{url: "http://127.0.0.1:1"}}], {options}}}}}
"""


@pytest.mark.parametrize(
    ("options", "path", "text"),
    [
        ("strategy: leastcon", "strategy", 'unsupported load-balancer strategy "leastcon" (did you mean leastConn?)'),
        ("strategy: LeastConn", "strategy", 'unsupported load-balancer strategy "LeastConn" (did you mean leastConn?)'),
        ("strategy: least_connections", "strategy",
         'unsupported load-balancer strategy "least_connections" (did you mean leastConn?)'),
        ("strategy: round-robin", "strategy", 'unsupported load-balancer strategy "round-robin" (did you mean wrr?)'),
        ("strategy: zzz", "strategy", 'unsupported load-balancer strategy "zzz"'),
        ("sticky: {header: {name: ''}}", "sticky.header.name", "the name of the header is missing"),
        ("sticky: {clientIP: {ipv6Subnet: 129}}", "sticky.clientIP.ipv6Subnet",
         "invalid IPv6 subnet 129: it must be from 1 to 128"),
        ("consistentHash: {}", "consistentHash", "consistentHash is for the strategy of that name"),
        ("strategy: consistentHash, consistentHash: {header: a, cookie: b}", "consistentHash",
         "header and cookie are mutually exclusive"),
        ("strategy: consistentHash, consistentHash: {loadFactor: 1}", "consistentHash.loadFactor",
         "loadFactor must be greater than 1, or 0 for no bound"),
        ("strategy: consistentHash, consistentHash: {virtualNodes: 0}", "consistentHash.virtualNodes",
         "virtualNodes must be from 1 to 65536"),
        ("outlierDetection: {consecutiveErrors: 0}", "outlierDetection.consecutiveErrors",
         "consecutiveErrors must be at least 1"),
        ("outlierDetection: {ejectionTime: 0s}", "outlierDetection.ejectionTime",
         "ejectionTime must be greater than zero"),
        ("outlierDetection: {maxEjectedPercent: 101}", "outlierDetection.maxEjectedPercent",
         "maxEjectedPercent must be from 1 to 100"),
        ("slowStart: -1s", "slowStart", "slowStart must not be negative"),
    ],
)  # fmt: skip
def test_refused(options: str, path: str, text: str) -> None:
    plan, report = compiled(GOOD.format(options=options))
    assert [line for line in told(report) if f"http.services.s.loadBalancer.{path}: {text}" in line] == told(report)[:1]
    assert report.services["s@file"].status == "disabled"
    assert report.services["s@file"].errors == (text.partition(" (did")[0],)
    assert plan.services == {}


def test_stickiness_of_weighted_services_is_checked_too() -> None:
    services = "{w: {weighted: {sticky: {header: {name: ''}}}}}"
    _, report = compiled(f"http: {{routers: {{r: {{rule: 'Path(`/`)', service: w}}}}, services: {services}}}")
    assert report.services["w@file"].errors == ("the name of the header is missing",)


@pytest.mark.parametrize("strategy", ["wrr", "p2c", "hrw", "leasttime", "leastConn", "random", "consistentHash"])
def test_every_strategy_is_served(strategy: str) -> None:
    plan, report = compiled(GOOD.format(options=f"strategy: {strategy}"))
    assert told(report) == []
    assert "s@file" in plan.services


def test_our_options_are_shown_as_they_were_written() -> None:
    options = (
        "strategy: consistentHash, consistentHash: {header: X-User, loadFactor: 1.5, virtualNodes: 50}, "
        "sticky: {header: {name: X-User}, clientIP: {ipv6Subnet: 64}}, slowStart: 30s, "
        "outlierDetection: {consecutiveErrors: 3, ejectionTime: 10s, maxEjectedPercent: 50}"
    )
    _, report = compiled(GOOD.format(options=options))
    assert told(report) == []
    service = report.services["s@file"].service
    assert isinstance(service, Service)
    shown = encode(service)["loadBalancer"]
    assert shown["consistentHash"] == {"header": "X-User", "loadFactor": 1.5, "virtualNodes": 50}
    assert shown["sticky"] == {"header": {"name": "X-User"}, "clientIP": {"ipv6Subnet": 64}}
    assert shown["slowStart"] == "30s"
    assert shown["outlierDetection"] == {"consecutiveErrors": 3, "ejectionTime": "10s", "maxEjectedPercent": 50}
