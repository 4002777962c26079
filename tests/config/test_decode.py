"""Decoding: options from nested data, and what is said about wrong ones."""

from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trafficcop.config.decode import decode_dynamic, decode_static
from trafficcop.config.scalars import Duration
from trafficcop.config.shared import HealthCheck
from trafficcop.config.sources import load_text


def _dynamic(text: str):
    return decode_dynamic(load_text(text, "yaml", "dynamic.yml"))


def _static(text: str):
    return decode_static(load_text(text, "yaml", "traefik.yml"))


def _said(decoded) -> list[str]:
    return [str(issue) for issue in decoded.issues]


def test_plain_dynamic_configuration():
    decoded = _dynamic(
        """
http:
  routers:
    web:
      rule: Host(`example.com`)
      service: web
      entryPoints: [web, websecure]
      priority: 12
      tls: {}
  services:
    web:
      loadBalancer:
        servers:
          - url: http://127.0.0.1:9000
          - {url: "http://127.0.0.1:9001", weight: 3}
        healthCheck: {path: /health, interval: 10}
"""
    )
    assert decoded.issues == ()
    router = decoded.value.http.routers["web"]
    assert (router.rule, router.service, router.entry_points) == ("Host(`example.com`)", "web", ("web", "websecure"))
    assert router.priority == 12
    assert router.tls is not None
    balancer = decoded.value.http.services["web"].load_balancer
    assert [(server.url, server.weight) for server in balancer.servers] == [
        ("http://127.0.0.1:9000", None),
        ("http://127.0.0.1:9001", 3),
    ]
    assert balancer.health_check.interval == Duration.of("10s")
    assert balancer.pass_host_header is True


def test_plain_static_configuration():
    decoded = _static("entryPoints: {Web: {address: ':80'}}\napi: {insecure: true}\nlog: {level: DEBUG}\n")
    assert decoded.issues == ()
    assert decoded.value.entry_points["Web"].address == ":80"
    assert decoded.value.api.insecure
    assert decoded.value.log.level == "DEBUG"
    assert decoded.value.providers.providers_throttle_duration == Duration.of("2s")


@pytest.mark.parametrize(
    ("text", "entry_points"),
    [
        ("entrypoints: https", ("https",)),
        ("EntryPoints: 'a, b'", ("a", "b")),
        ("entryPoints: [a, b]", ("a", "b")),
        ("entryPoints: ~", ()),
        ("entryPoints: []", ()),
    ],
)
def test_lists_of_texts(text: str, entry_points: tuple[str, ...]):
    decoded = _dynamic(f"http: {{routers: {{r: {{rule: Path(`/`), service: s, {text}}}}}}}")
    assert decoded.issues == ()
    assert decoded.value.http.routers["r"].entry_points == entry_points


def test_a_broken_object_is_left_out_alone():
    decoded = _dynamic(
        """
http:
  routers:
    good: {rule: Path(`/`), service: s}
    bad:
      rule: Path(`/`)
      servce: s
  services:
    s: {loadbalancer: {servers: [{url: "http://127.0.0.1", weight: many}]}}
"""
    )
    assert set(decoded.value.http.routers) == {"good"}
    assert decoded.value.http.services == {}
    assert _said(decoded) == [
        "dynamic.yml:7:7: http.routers.bad.servce: unknown option 'servce' (did you mean \"service\"?)",
        "dynamic.yml:9:60: http.services.s.loadBalancer.servers[0].weight: expected a whole number, not 'many'",
    ]
    assert [issue.owner for issue in decoded.issues] == [("http", "routers", "bad"), ("http", "services", "s")]


ROUTER = "http: {routers: {r: {rule: x, service: s, %s}}}"
BALANCER = "http: {services: {s: {loadBalancer: {servers: [{url: x}], %s}}}}"
MIDDLEWARE = "http: {middlewares: {m: {%s}}}"


@pytest.mark.parametrize(
    ("text", "is_on"),
    [
        ("tls: {}", True),
        ("tls: true", True),
        ("TLS: 'true'", True),
        ("tls: ''", True),
        ("tls: {certResolver: ~}", True),
        ("tls: false", False),
        ("tls: ~", False),
        ("tls: F", False),
    ],
)
def test_sections_that_may_be_empty(text: str, is_on: bool):
    decoded = _dynamic(ROUTER % text)
    assert decoded.issues == ()
    assert (decoded.value.http.routers["r"].tls is not None) is is_on


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ROUTER % "tls: maybe", "http.routers.r.tls: expected a section with options, or true or false, not 'maybe'"),
        (ROUTER % "tls: [a]", "http.routers.r.tls: expected a section with options, or true or false, not a list"),
        (ROUTER % "priority: 1.5", "http.routers.r.priority: expected a whole number, not '1.5'"),
        (ROUTER % "priority: 9223372036854775808", "does not fit in 64 bits"),
        (ROUTER % "priority: {a: b}", "http.routers.r.priority: expected a whole number, not a mapping"),
        (ROUTER % "Service: t", "http.routers.r.Service: given twice, in different cases"),
        (ROUTER % "entryPoints: {a: b}", "http.routers.r.entryPoints: expected a list, not a mapping"),
        (ROUTER % "entryPoints: [a, [b]]", "http.routers.r.entryPoints[1]: expected a text, not a list"),
        (ROUTER % "observability: true", "observability: expected a section with options, not 'true'"),
        (ROUTER % "observability: {}", "observability: an empty section has no meaning here"),
        (BALANCER % "passHostHeader: yes", "passHostHeader: expected true or false, not 'yes'"),
        (BALANCER % "healthCheck: {interval: 10x}", "healthCheck.interval: invalid duration '10x'"),
        (BALANCER % "healthCheck: {headers: [a]}", "healthCheck.headers: expected a mapping of names, not a list"),
        (BALANCER % "server: {url: x}", "loadBalancer.server.url: unknown option: it exists only as a label"),
        ("http: {services: {s: {loadBalancer: {servers: {url: x}}}}}", "servers: expected a list of sections"),
        ("http: {services: {s: {loadBalancer: {servers: [x]}}}}", "servers[0]: expected a section with options"),
        (MIDDLEWARE % "headers: {}", "http.middlewares.m.headers: an empty section has no meaning here"),
        (MIDDLEWARE % "headers: {customRequestHeaders: {}}", "customRequestHeaders: an empty section"),
        (
            MIDDLEWARE % "headers: {customRequestHeaders: {A: [b]}}",
            "customRequestHeaders.A: expected a text, not a list",
        ),
        (MIDDLEWARE % "addprefx: {prefix: /a}", "unknown option 'addprefx' (did you mean \"addPrefix\"?)"),
        (
            "http: {routers: {rule: x}}",
            "expected a section with options, or true or false, not 'x' (is a name missing: <name>.rule?)",
        ),
        (
            "http: {routers: {r: true, s: 5}}",
            "http.routers.s: expected a section with options, or true or false, not '5'",
        ),
    ],
)
def test_errors_of_one_object(text: str, said: str):
    decoded = _dynamic(text)
    errors = [issue for issue in decoded.issues if not issue.is_warning]
    assert len(errors) == 1
    assert said in str(errors[0])
    _, kind, name = errors[0].owner
    assert name not in getattr(decoded.value.http, kind)
    assert errors[0].position.line == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("http: 5", "d:1:1: http: expected a section with options"),
        ("http: {routers: [a]}", "d:1:8: http.routers: expected a mapping of names"),
        ("http: {router: {}}", 'd:1:8: http.router: unknown option (did you mean "routers"?)'),
        ("HTTP: {routers: {}}\nhttp: 5", "d:2:1: http: given twice, in different cases"),
        ("tls: {certificates: {a: b}}", "d:1:7: tls.certificates: expected a list of sections"),
    ],
)
def test_errors_around_objects(text: str, said: str):
    (issue,) = decode_dynamic(load_text(text, "yaml", "d")).issues
    assert str(issue) == said
    assert issue.owner == ()


@pytest.mark.parametrize("text", ["http:", "http: ''", "http: {}", "http: {routers: }", "http: {routers: {}}", "x: 1"])
def test_empty_dynamic_sections(text: str):
    decoded = _dynamic(text)
    assert decoded.issues == ()
    assert decoded.value.http is None or decoded.value.http.routers == {}


def test_a_top_level_key_that_is_nearly_right_is_named():
    (issue,) = _dynamic("htpp: {}\n").issues
    assert str(issue) == 'dynamic.yml:1:1: htpp: unknown option, ignored (did you mean "http"?)'
    assert issue.is_warning


def test_every_kind_of_object_is_on_its_own():
    decoded = _dynamic(
        """
http: {middlewares: {a: {x: 1}, b: {addPrefix: {prefix: /}}}, serversTransports: {a: {x: 1}, b: {serverName: s}}}
tcp: {routers: {a: {x: 1}, b: {rule: r}}, services: {a: {x: 1}}, middlewares: {a: {x: 1}},
      serversTransports: {a: {x: 1}}}
udp: {routers: {a: {x: 1}, b: {service: s}}, services: {a: {x: 1}}}
tls: {options: {a: {x: 1}, b: {sniStrict: true}}, stores: {a: {x: 1}}, certificates: [{x: 1}, {certFile: c}]}
"""
    )
    assert {issue.owner for issue in decoded.issues} == {
        ("http", "middlewares", "a"),
        ("http", "serversTransports", "a"),
        ("tcp", "routers", "a"),
        ("tcp", "services", "a"),
        ("tcp", "middlewares", "a"),
        ("tcp", "serversTransports", "a"),
        ("udp", "routers", "a"),
        ("udp", "services", "a"),
        ("tls", "options", "a"),
        ("tls", "stores", "a"),
        ("tls", "certificates", "0"),
    }
    value = decoded.value
    kept = (
        value.http.middlewares,
        value.http.servers_transports,
        value.tcp.routers,
        value.udp.routers,
        value.tls.options,
    )
    assert [list(objects) for objects in kept] == [["b"]] * 5
    assert [certificate.cert_file for certificate in value.tls.certificates] == ["c"]


def test_deprecated_options_are_warned_about_and_read():
    decoded = _dynamic(MIDDLEWARE % "ipWhiteList: {sourceRange: 10.0.0.1}")
    assert decoded.value.http.middlewares["m"].ip_white_list.source_range == ("10.0.0.1",)
    assert all(issue.is_warning for issue in decoded.issues)
    assert "http.middlewares.m.ipWhiteList: deprecated: use ipAllowList" in {
        f"{issue.path}: {issue.message}" for issue in decoded.issues
    }


@pytest.mark.parametrize(
    ("given", "number"),
    [("12", 12), ("-3", -3), ("+4", 4), ("0x50", 80), ("1_000", 1000), ("8.0", 8), ("1e3", 1000), (7, 7), (7.0, 7)],
)
def test_whole_numbers(given: object, number: int):
    decoded = decode_dynamic({"http": {"routers": {"r": {"priority": given}}}})
    assert decoded.value.http.routers["r"].priority == number


@pytest.mark.parametrize(
    ("given", "seconds"),
    [("10", 10), ("0x10", 16), ("1_000", 1000), ("1e3", 1000), ("2.0", 2), (3, 3), ("-1", -1), ("1m", 60)],
)
def test_durations(given: object, seconds: int):
    decoded = decode_static({"providers": {"providersThrottleDuration": given}})
    assert decoded.issues == ()
    assert decoded.value.providers.providers_throttle_duration == Duration.of(f"{seconds}s")


def test_sections_whose_names_differ_in_case_are_one():
    decoded = _static(
        "accessLog: {dualOutput: true, filters: {minDuration: 1s}}\n"
        "accesslog: {otlp: {http: {endpoint: 'http://x'}}, filters: {statusCodes: [200]}}\n"
        "api: {basePth: /}\n"
    )
    assert [str(issue) for issue in decoded.issues] == [
        "traefik.yml:3:7: api.basePth: unknown option 'basePth' (did you mean \"basePath\"?)"
    ]
    access_log = decoded.value.access_log
    assert access_log.dual_output
    assert access_log.otlp.http.endpoint == "http://x"
    assert access_log.filters.status_codes == ("200",)
    assert access_log.filters.min_duration == Duration.of("1s")


def test_objects_below_names_that_differ_in_case():
    text = "http: {routers: {a: {rule: x}}, Routers: {b: {rule: y}}}\nHTTP: {services: {s: {weighted: {}}}}\n"
    decoded = _dynamic(text)
    assert list(decoded.value.http.routers) == ["a", "b"]
    (issue,) = decoded.issues
    assert issue.path == "http.services.s.weighted"


def test_a_list_of_sections_without_any():
    decoded = _dynamic("http: {services: {s: {loadBalancer: {servers: {}}}}}")
    assert decoded.issues == ()
    assert decoded.value.http.services["s"].load_balancer.servers == ()


@pytest.mark.parametrize(
    ("given", "text"), [("1.10", "1.10"), ("010", "010"), (True, "true"), (7, "7"), (1.5, "1.5"), (2.0, "2")]
)
def test_texts(given: object, text: str):
    decoded = decode_dynamic({"http": {"routers": {"r": {"rule": given}}}})
    assert decoded.value.http.routers["r"].rule == text


def test_labels_have_options_of_their_own():
    data = {
        "http": {"services": {"s": {"loadBalancer": {"server": {"port": "80"}}}, "w": {"weighted": {"services": []}}}}
    }
    decoded = decode_dynamic(data, labels=True)
    assert decoded.value.http.services["s"].load_balancer.server.port == "80"
    one = {"weight": "3", "preservePath": "true", "scheme": "h2c"}
    services = {"http": {"services": {"s": {"loadBalancer": {"server": one}}}}}
    services["tcp"] = {"services": {"s": {"loadBalancer": {"server": {"port": "1", "tls": "true"}}}}}
    found = decode_dynamic(services, labels=True)
    assert found.issues == ()
    server = found.value.http.services["s"].load_balancer.server
    assert (server.weight, server.preserve_path, server.scheme) == (3, True, "h2c")
    assert found.value.tcp.services["s"].load_balancer.server.tls
    (issue,) = decoded.issues
    assert (issue.path, issue.message) == (
        "http.services.w.weighted",
        "unknown option: it cannot be set by a label",
    )


_NAMES = """
http tcp udp tls routers services middlewares serversTransports options stores certificates a b rule service priority
entryPoints loadBalancer servers url weight sticky cookie headers plugin address api log providers docker tracing
workers domains main sans interval
"""
_KEYS = st.sampled_from(_NAMES.split()) | st.text(max_size=3)
_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["true", "1s", "9" * 5000])
)
_NESTED = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=5), max_leaves=40
)


@given(st.dictionaries(_KEYS, _NESTED, max_size=6))
@settings(max_examples=100, deadline=None)
def test_any_nested_data_gives_a_value_and_issues(data: dict):
    for decoded in (decode_static(data), decode_dynamic(data), decode_dynamic(data, labels=True)):
        assert decoded.value is not None
        assert all("\n" not in str(issue) for issue in decoded.issues)


@pytest.mark.parametrize("kind", ["weighted", "highestRandomWeight", "mirroring", "failover"])
def test_health_of_children_is_asked_for_by_an_empty_section(kind: str) -> None:
    decoded = decode_dynamic({"http": {"services": {"s": {kind: {"healthCheck": {}}}}}})
    assert not decoded.issues
    assert decoded.value.http is not None
    service = decoded.value.http.services["s"]
    found = [getattr(service, declared.name) for declared in fields(service) if getattr(service, declared.name)]
    assert [one.health_check for one in found] == [HealthCheck()]
