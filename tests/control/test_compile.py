"""What becomes of HTTP objects: one table of configurations and of what the API shows for them."""

from __future__ import annotations

import pytest

from tests.control.given import compiled, dynamic, router, static, told
from trafficcop.control.compile import compile  # noqa: A004 - the verb of the project
from trafficcop.middleware import MIDDLEWARES
from trafficcop.rules.ast import Matcher

GOOD = "{rule: 'Host(`a`)', service: s}"
SERVICE = "s: {loadBalancer: {servers: [{url: 'http://127.0.0.1:1'}]}}"

# What stands under `http`, the object that is asked about, and its status and errors.
TABLE = [
    (f"{{routers: {{r: {GOOD}}}, services: {{{SERVICE}}}}}", "routers", "r", "enabled", ()),
    (f"{{routers: {{r: {GOOD}}}}}", "routers", "r", "disabled", ('the service "s@file" does not exist',)),
    ("{routers: {r: {rule: 'Host(`a`)', service: s@docker}}}", "routers", "r", "disabled",
     ('the service "s@docker" does not exist',)),
    (f"{{routers: {{r: {{rule: 'Host(`a`)', service: s, entryPoints: [web, wbe]}}}}, services: {{{SERVICE}}}}}",
     "routers", "r", "warning", ('entryPoint "wbe" doesn\'t exist',)),
    (f"{{routers: {{r: {{rule: 'Host(`a`)', service: s, entryPoints: [wbe]}}}}, services: {{{SERVICE}}}}}",
     "routers", "r", "disabled", ('entryPoint "wbe" doesn\'t exist', "no valid entryPoint for this router")),
    (f"{{routers: {{r: {{rule: 'Host(`a`)', service: s, middlewares: [m]}}}}, services: {{{SERVICE}}}}}",
     "routers", "r", "disabled", ('middleware "m@file" does not exist',)),
    (f"{{routers: {{r: {{rule: 'Host(`a`)', service: s, priority: 9223372036854775000}}}}, services: {{{SERVICE}}}}}",
     "routers", "r", "disabled",
     ("the router priority 9223372036854775000 exceeds the max user-defined priority 9223372036854774807",)),
    (f"{{routers: {{r: {{rule: 'Host(`a`)', service: s, tls: {{options: strict}}}}}}, services: {{{SERVICE}}}}}",
     "routers", "r", "disabled", ("building router handler: unknown TLS options: strict@file",)),
    ("{routers: {r: {rule: 'Host(`a`)'}}}", "routers", "r", "disabled",
     ("router has no service and no child routers", "router must have either a service or child routers")),
    ("{routers: {r: {rule: 'Host(`a`)', service: api@internal}}}", "routers", "r", "disabled", ("api is not enabled",)),
    ("{routers: {r: {rule: 'Host(`a`)', service: acme-http@internal}}}", "routers", "r", "disabled",
     ("HTTP challenge is not enabled",)),
    ("{routers: {r: {rule: 'Host(`a`)', service: x@internal}}}", "routers", "r", "disabled",
     ("unknown internal service x@internal",)),
    ("{routers: {r: {rule: 'Host(`a`)', service: noop@internal}}}", "routers", "r", "enabled", ()),
    ("{routers: {r: {rule: 'Host(`a`)', service: x}}, services: {x: {loadBalancer: {strategy: fastest}}}}",
     "services", "x", "disabled", ('unsupported load-balancer strategy "fastest"',)),
    ("{routers: {r: {rule: 'Host(`a`)', service: x}}, services: {x: {loadBalancer: {strategy: fastest}}}}",
     "routers", "r", "disabled", ('unsupported load-balancer strategy "fastest"',)),
    ("{routers: {r: {rule: 'Host(`a`)', service: x}}, services: {x: {loadBalancer: {servers: [{url: ':1'}]}}}}",
     "services", "x", "disabled", ('error parsing server URL :1: parse ":1": missing protocol scheme',)),
    ("{routers: {r: {rule: 'Host(`a`)', service: x}}, services: {x: {loadBalancer: {servers: [{url: 'http://[a]'}]}}}}",
     "services", "x", "disabled", ('error parsing server URL http://[a]: parse "http://[a]": invalid host',)),
    ("{routers: {r: {rule: 'Host(`a`)', service: x}}, services: {x: {loadBalancer: {servers: [{url: 'http://%41'}]}}}}",
     "services", "x", "disabled",
     ('error parsing server URL http://%41: parse "http://%41": invalid URL escape "%41"',)),
    (("{routers: {r: {rule: 'Host(`a`)', service: x}},"
     " services: {x: {loadBalancer: {serversTransport: t, servers: [{url: 'http://a'}]}}}}"),
     "services", "x", "disabled",
     ("error building proxy for server URL http://a: getting RoundTripper: servers transport not found t@file",)),
    ("{routers: {r: {rule: 'Host(`a`)', service: x}}, services: {x: {loadBalancer: {serversTransport: t}}}}",
     "services", "x", "enabled", ()),
    ((f"{{routers: {{r: {{rule: 'Host(`a`)', service: x}}}},"
     f" services: {{{SERVICE}, x: {{loadBalancer: {{servers: []}}, weighted: {{services: [{{name: s}}]}}}}}}}}"),
     "services", "x", "disabled",
     (("cannot create service: multi-types service not supported,"
      " consider declaring two different pieces of service instead"),)),
    ("{routers: {r: {rule: 'Host(`a`)', service: x}}, services: {x: {weighted: {services: [{name: y}]}}}}",
     "services", "x", "disabled", ('building HTTP service "y": the service "y@file" does not exist',)),
    ("{routers: {r: {rule: 'Host(`a`)', service: x}}, services: {x: {weighted: {services: [{name: x}]}}}}",
     "routers", "r", "disabled",
     (('building HTTP service "x": could not instantiate service x@file:'
      " recursion detected in service:x@file->service:x@file"),)),
    ((f"{{routers: {{r: {{rule: 'Host(`a`)', service: s, middlewares: [c]}}}}, services: {{{SERVICE}}},"
     " middlewares: {c: {chain: {middlewares: [d]}}, d: {chain: {middlewares: [c]}}}}"),
     "routers", "r", "disabled",
     (("could not instantiate middleware c@file:"
      " recursion detected in middleware:c@file->middleware:d@file->middleware:c@file"),)),
    ((f"{{routers: {{r: {{rule: 'Host(`a`)', service: s, middlewares: [m]}}}}, services: {{{SERVICE}}},"
     " middlewares: {m: {redirectScheme: {permanent: true}}}}"),
     "middlewares", "m", "disabled", ("you must provide a target scheme",)),
    ((f"{{routers: {{r: {{rule: 'Host(`a`)', service: s, middlewares: [m]}}}}, services: {{{SERVICE}}},"
     " middlewares: {m: {addPrefix: {prefix: /a}, replacePath: {path: /b}}}}"),
     "routers", "r", "disabled",
     (("cannot create middleware: multi-types middleware not supported,"
      " consider declaring two different pieces of middleware instead"),)),
    ((f"{{routers: {{r: {{rule: 'Host(`a`)', service: s, middlewares: [m]}}}}, services: {{{SERVICE}}},"
     " middlewares: {m: {plugin: {x: {a: b}}}}}"),
     "routers", "r", "disabled", ("middlewares of type plugin are not supported yet",)),
    # Broken, but nobody uses it: enabled, as in Traefik.
    ("{services: {x: {loadBalancer: {strategy: fastest}}}}", "services", "x", "enabled", ()),
    ("{middlewares: {m: {redirectScheme: {permanent: true}}}}", "middlewares", "m", "enabled", ()),
]  # fmt: skip


@pytest.mark.parametrize(("http", "kind", "name", "status", "errors"), TABLE)
def test_what_the_api_shows(http: str, kind: str, name: str, status: str, errors: tuple[str, ...]):
    _, report = compiled(f"http: {http}")
    info = getattr(report, kind)[f"{name}@file"]
    assert (info.status, info.errors) == (status, errors)


def test_a_plain_router():
    plan, report = compiled(f"http: {{routers: {{r: {GOOD}}}, services: {{{SERVICE}}}}}")
    planned = router(plan, "r@file")
    assert planned.rule == Matcher("Host", ("a",))
    assert (planned.entry_point, planned.service, planned.priority, planned.syntax) == ("web", "s@file", 9, "v3")
    assert not planned.is_tls
    assert set(plan.services) == {"s@file"}
    assert plan.transports["default@internal"].options.max_idle_conns_per_host == 200
    info = report.services["s@file"]
    assert (info.used_by, info.server_status) == (("r@file",), {"http://127.0.0.1:1": "UP"})
    assert report.routers["r@file"].using == ("web",)
    assert report.issues == ()


def test_broken_objects_are_left_out_and_the_others_live():
    plan, report = compiled(
        f"http: {{routers: {{r: {GOOD}, bad: {{rule: 'Hst(`a`)', service: s}}}}, services: {{{SERVICE}}}}}"
    )
    assert [one.name for one in plan.routers] == ["r@file"]
    assert report.routers["bad@file"].status == "disabled"
    assert report.services["s@file"].used_by == ("bad@file", "r@file")


def test_only_what_is_used_and_valid_is_planned():
    plan, _ = compiled(
        "http: {routers: {r: {rule: 'Host(`a`)', service: w, middlewares: [c]}},"
        f" services: {{{SERVICE}, w: {{weighted: {{services: [{{name: s}}]}}}}, lonely: {{loadBalancer: {{}}}}}},"
        " middlewares: {c: {chain: {middlewares: [m]}}, m: {addPrefix: {prefix: /x}}, n: {addPrefix: {prefix: /y}}}}"
    )
    assert set(plan.services) == {"s@file", "w@file"}
    assert set(plan.middlewares) == {"c@file", "m@file"}
    weighted = plan.services["w@file"].service.weighted
    assert weighted is not None
    assert weighted.services[0].name == "s@file"


def test_a_middleware_that_does_not_act_yet_is_left_out_of_the_chain(monkeypatch):
    monkeypatch.setattr("trafficcop.control.middlewares.MIDDLEWARES", {"chain": MIDDLEWARES["chain"]})
    plan, report = compiled(
        "http: {routers: {r: {rule: 'Host(`a`)', service: s, middlewares: [z, c]}},"
        f" services: {{{SERVICE}}}, middlewares: {{z: {{compress: {{}}}}, c: {{chain: {{middlewares: [z]}}}}}}}}"
    )
    assert router(plan, "r@file").middlewares == ("c@file",)
    chain = plan.middlewares["c@file"].middleware.chain
    assert chain is not None
    assert chain.middlewares == ()
    assert report.routers["r@file"].router.middlewares == ("z@file", "c@file")


def test_names_of_other_providers():
    file, _, _ = dynamic("http: {routers: {r: {rule: 'Host(`a`)', service: s@docker}}}")
    docker, _, _ = dynamic(f"http: {{services: {{{SERVICE}}}}}")
    plan, report = compile(static(), {"file": file, "docker": docker})
    assert router(plan, "r@file").service == "s@docker"
    assert report.services["s@docker"].used_by == ("r@file",)


def test_an_object_that_could_not_be_decoded_is_shown_and_disables_its_users():
    plan, report = compiled(
        "http:\n  routers:\n    r: {rule: 'Host(`a`)', service: s}\n  services:\n    s: {loadBalancer: {nope: 1}}\n"
    )
    info = report.services["s@file"]
    assert info.status == "disabled"
    assert len(info.errors) == 1
    assert "nope" in info.errors[0]
    assert report.routers["r@file"].errors == info.errors
    assert plan.routers == ()
    assert len(told(report)) == 1


ISSUES = [
    ("http:\n  routers:\n    r:\n      rule: Hst(`a`)\n      service: noop@internal\n",
     "dynamic.yml:4:7: http.routers.r.rule: unsupported function: Hst (did you mean Host?)"),
    (("http:\n  routers:\n    r:\n      rule: Host(`a`)\n      service: nop\n"
     "  services:\n    noop: {loadBalancer: {servers: []}}\n"),
     'dynamic.yml:5:7: http.routers.r.service: the service "nop@file" does not exist (did you mean noop@file?)'),
    (("http:\n  routers:\n    r:\n      rule: Host(`a`)\n      service: noop@internal\n"
     "      middlewares:\n        - auht\n"
     "  middlewares:\n    auth: {addPrefix: {prefix: /a}}\n"),
     ('dynamic.yml:7:11: http.routers.r.middlewares[0]: middleware "auht@file" does not exist'
     " (did you mean auth@file?)")),
    ("http:\n  routers:\n    r:\n      rule: Host(`a`)\n      service: noop@internal\n      entryPoints: [wev]\n",
     "dynamic.yml:6:21: http.routers.r.entryPoints[0]: entryPoint \"wev\" doesn't exist (did you mean web?)"),
    ("http:\n  services:\n    s:\n      loadBalancer:\n        servers:\n          - url: 'http://[::1'\n",
     ("dynamic.yml:6:13: http.services.s.loadBalancer.servers[0].url: error parsing server URL http://[::1:"
     " parse \"http://[::1\": missing ']' in host")),
    ("http:\n  middlewares:\n    m:\n      redirectScheme:\n        permanent: true\n",
     "dynamic.yml:4:7: http.middlewares.m.redirectScheme: you must provide a target scheme"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line"), ISSUES)
def test_each_mistake_is_told_once_with_its_place(text: str, line: str):
    _, report = compiled(text)
    assert told(report) == [line]


@pytest.mark.parametrize("kind", ["weighted", "highestRandomWeight"])
def test_children_keep_the_names_that_cookies_are_made_of(kind: str) -> None:
    plan, _ = compiled(
        "http: {routers: {r: {rule: Path(`/`), service: w}}, services: {"
        "s: {loadBalancer: {servers: [{url: 'http://127.0.0.1:1'}]}},"
        f" w: {{{kind}: {{services: [{{name: s}}, {{name: s@file}}]}}}}}}}}"
    )
    planned = plan.services["w@file"]
    assert planned.written == ("s", "s@file")
    parent = planned.service.weighted or planned.service.highest_random_weight
    assert parent is not None
    assert [child.name for child in parent.services] == ["s@file", "s@file"]


def test_a_service_shows_the_full_name_of_its_transport():
    _, report = compiled(
        "http: {routers: {r: {rule: Path(`/`), service: s}}, serversTransports: {t: {maxIdleConnsPerHost: 1}},"
        " services: {s: {loadBalancer: {serversTransport: t, servers: [{url: 'http://127.0.0.1:1'}]}}}}"
    )
    balancer = report.services["s@file"].service.load_balancer
    assert balancer is not None
    assert balancer.servers_transport == "t@file"


@pytest.mark.parametrize(
    ("options", "texts"),
    [
        ("responseForwarding: {flushInterval: 1s}", ["nothing is held back"]),
        ("responseForwarding: {flushInterval: -1s}", []),
        ("responseForwarding: {flushInterval: 100ms}", []),
        ("healthCheck: {path: /, interval: 0s}", ["loadBalancer.healthCheck.interval: must be greater than zero"]),
        ("healthCheck: {path: 'http://a/'}", ["loadBalancer.healthCheck.path: every check will fail"]),
    ],
)
def test_what_is_served_all_the_same_but_told(options: str, texts: list[str]) -> None:
    balancer = f"{{loadBalancer: {{{options}, servers: [{{url: 'http://127.0.0.1:1'}}]}}}}"
    plan, report = compiled(f"http: {{routers: {{r: {GOOD}}}, services: {{s: {balancer}}}}}")
    assert len(plan.routers) == 1
    assert report.services["s@file"].status == "enabled"
    found = [str(issue) for issue in report.issues]
    assert len(found) == len(texts)
    assert all(text in issue for text, issue in zip(texts, found, strict=True))
