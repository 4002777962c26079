"""Where a request ends."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.control.explain.asking import STATIC, ask
from tests.control.given import compiled, static
from trafficcop.control.explain.answer import explain
from trafficcop.control.explain.question import Question

SERVICES = """
http:
  routers: {r: {rule: PathPrefix(`/`), service: NAME, entryPoints: [web]}}
  middlewares:
    add: {addPrefix: {prefix: /added}}
    deny: {ipDenyList: {sourceRange: [127.0.0.1]}}
    limit: {rateLimit: {average: 1}}
  services:
    one: {loadBalancer: {servers: [{url: 'http://192.0.2.1'}, {url: 'http://192.0.2.2:81', weight: 3}]}}
    own:
      loadBalancer:
        strategy: p2c
        passHostHeader: false
        sticky: {cookie: {}}
        servers: [{url: 'http://192.0.2.3/base/', preservePath: true, fenced: true}]
    hold: {loadBalancer: {retryFor: 3s}}
    none: {loadBalancer: {servers: []}}
    zero: {loadBalancer: {servers: [{url: 'http://192.0.2.4', weight: 0}]}}
    weighted: {weighted: {services: [{name: one, weight: 3}, {name: own, weight: 0}], sticky: {cookie: {name: c}}}}
    hrw: {highestRandomWeight: {services: [{name: one, weight: 3}, {name: own}]}}
    failover: {failover: {service: seen, fallback: own}}
    seen: {loadBalancer: {servers: [{url: 'http://192.0.2.6'}], healthCheck: {path: /}}}
    mirror: {mirroring: {service: one, mirrors: [{name: own, percent: 10}]}}
    deep: {weighted: {services: [{name: weighted}, {name: one}]}}
    with: {loadBalancer: {servers: [{url: 'http://192.0.2.5'}]}, middlewares: [add, limit]}
    denied: {loadBalancer: {servers: [{url: 'http://192.0.2.5'}]}, middlewares: [deny]}
    parent: {weighted: {services: [{name: with}, {name: one}]}}
"""


def about(name, url="http://example.com/p?q=1", **question):
    return ask(SERVICES.replace("NAME", name), url, **question)


def tree(service):
    """The shape: names with what is said beside them."""
    said = {key: service[key] for key in ("weight", "role", "percent", "repeated") if key in service}
    return service["name"].partition("@")[0], service["kind"], said, [tree(one) for one in service.get("services", ())]


ONE = ("one", "loadBalancer", {}, [])
SEEN = ("seen", "loadBalancer", {}, [])
OWN = ("own", "loadBalancer", {}, [])


def beside(child, **said):
    return child[0], child[1], said, child[3]


@pytest.mark.parametrize(
    ("name", "kind", "children"),
    [
        ("one", "loadBalancer", []),
        ("weighted", "weighted", [beside(ONE, weight=3), beside(OWN, weight=0)]),
        ("hrw", "highestRandomWeight", [beside(ONE, weight=3), beside(OWN, weight=1)]),
        ("failover", "failover", [beside(SEEN, role="main"), beside(OWN, role="fallback")]),
        ("mirror", "mirroring", [beside(ONE, role="main"), beside(OWN, role="mirror", percent=10)]),
    ],
)
def test_every_kind(name, kind, children):
    answer = about(name)
    assert tree(answer["router"]["service"]) == (name, kind, {}, children)
    assert answer["result"] == {"kind": "service", "service": f"{name}@file"}


def test_what_two_ways_lead_to_is_told_once():
    first, second = about("deep")["router"]["service"]["services"]
    assert first["name"] == "weighted@file"
    assert second == {"name": "one@file", "kind": "loadBalancer", "repeated": True, "weight": 1}


def test_a_load_balancer_and_its_servers():
    assert about("one")["router"]["service"] == {
        "name": "one@file",
        "kind": "loadBalancer",
        "strategy": "wrr",
        "sent": {"method": "GET", "path": "/p?q=1", "host": "example.com"},
        "servers": [{"url": "http://192.0.2.1", "weight": 1}, {"url": "http://192.0.2.2:81", "weight": 3}],
        "available": 2,
    }


def test_the_options_of_a_load_balancer():
    shown = about("own")["router"]["service"]
    assert (shown["strategy"], shown["sticky"]) == ("p2c", "cookie")
    assert "host" not in shown["sent"]
    assert shown["servers"] == [{"url": "http://192.0.2.3/base/", "weight": 1, "fenced": True, "path": "/base/p?q=1"}]
    assert about("weighted")["router"]["service"]["sticky"] == "cookie"


@pytest.mark.parametrize(("name", "is_refused"), [("none", True), ("zero", True), ("own", True), ("hold", False)])
def test_without_a_server(name, is_refused):
    answer = about(name)
    assert answer["router"]["service"]["available"] == 0
    result = answer["result"]
    if is_refused:
        assert result == {"kind": "answer", "status": 503, "by": "service", "name": f"{name}@file", "headers": {}}
    else:
        assert result["kind"] == "service"
        assert answer["router"]["service"]["retryFor"] == "3s"


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("weighted: {services: [{name: one, weight: 0}, {name: two, weight: 0}]}", 503),
        ("weighted: {services: [{name: none}, {name: none2}]}", 503),
        ("weighted: {services: [{name: none}, {name: one, weight: 0}]}", 503),
        ("weighted: {services: [{name: none}, {name: one}]}", None),
        ("highestRandomWeight: {services: [{name: none, weight: 1}, {name: none, weight: 1}]}", 503),
        ("mirroring: {service: none, mirrors: [{name: one, percent: 100}]}", 503),
        ("mirroring: {service: one, mirrors: [{name: none, percent: 100}]}", None),
        ('failover: {service: none, fallback: one, errors: {status: ["500-599"]}}', None),
        ('failover: {service: none, fallback: none2, errors: {status: ["500-599"]}}', 503),
        ('failover: {service: one, fallback: none, errors: {status: ["500-599"]}}', None),
        ('failover: {service: noop@internal, fallback: none, errors: {status: ["500-599"]}}', None),
        ("weighted: {services: [{name: noop@internal}]}", 418),
    ],
)
def test_services_of_services_without_a_server(kind, status):
    text = f"""
http:
  routers: {{r: {{rule: PathPrefix(`/`), service: it, entryPoints: [web]}}}}
  services:
    it: {{{kind}}}
    one: {{loadBalancer: {{servers: [{{url: "http://192.0.2.1"}}]}}}}
    two: {{loadBalancer: {{servers: [{{url: "http://192.0.2.2"}}]}}}}
    none: {{loadBalancer: {{servers: []}}}}
    none2: {{loadBalancer: {{servers: []}}}}
"""
    result = ask(text)["result"]
    assert result.get("status") == status
    assert result["kind"] == ("service" if status is None else "answer")


def test_middlewares_of_a_service():
    answer = about("with")
    service = answer["router"]["service"]
    assert [step["name"] for step in service["middlewares"]] == ["add@file", "limit@file"]
    assert service["sent"]["path"] == "/added/p?q=1"
    assert answer["result"] == {"kind": "service", "service": "with@file", "if": ["limit@file"]}
    first, second = about("parent")["router"]["service"]["services"]
    assert (first["sent"]["path"], second["sent"]["path"]) == ("/added/p?q=1", "/p?q=1")
    denied = about("denied")
    assert (denied["result"]["status"], denied["result"]["name"]) == (403, "deny@file")
    assert "servers" not in denied["router"]["service"]


@pytest.mark.parametrize(
    ("path", "service", "result"),
    [("/ping", "ping@internal", "service"), ("/api/version", "api@internal", "service")],
)
def test_services_of_our_own(path, service, result):
    given = "entryPoints: {traefik: {address: ':8080'}}\nping: {}\napi: {insecure: true}\n"
    answer = ask("http: {}", f"http://example.com:8080{path}", given=given)
    assert answer["router"]["service"] == {"name": service, "kind": "internal"}
    assert answer["result"] == {"kind": result, "service": service}


def test_noop_answers_by_itself():
    text = "http: {routers: {r: {rule: PathPrefix(`/`), service: noop@internal, entryPoints: [web]}}}"
    result = ask(text)["result"]
    assert (result["status"], result["by"], result["name"]) == (418, "service", "noop@internal")


class Ejected:
    def seconds_left(self, service, url):
        return 12.345 if (service, url) == ("one@file", "http://192.0.2.1") else 0.0


def test_a_running_instance_knows_how_its_servers_are():
    options = static(STATIC)
    plan, report = compiled(SERVICES.replace("NAME", "one"), options)
    info = report.services["one@file"]
    status = {"http://192.0.2.1": "DOWN", "http://192.0.2.2:81": "UP"}
    report = replace(report, services={**report.services, "one@file": replace(info, server_status=status)})
    question = Question("http://example.com/")
    shown = explain(question, options, plan, report, is_running=True, ejected=Ejected())["router"]["service"]
    assert shown["servers"] == [
        {"url": "http://192.0.2.1", "weight": 1, "status": "DOWN", "ejectedFor": 12.3},
        {"url": "http://192.0.2.2:81", "weight": 3, "status": "UP"},
    ]
    assert shown["available"] == 1
    offline = explain(question, options, plan, report)["router"]["service"]
    assert "status" not in offline["servers"][0]
