"""`--validate`: what is valid and hardly meant, one line and one object for each."""

import datetime
import json
from pathlib import Path

import pytest

from tests.certificates import make
from trafficcop.control.validation.validate import validate
from trafficcop.control.validation.verdict import Verdict, split_hint
from trafficcop.errors import Issue, Position

HEAD = """\
entryPoints:
  web: {address: ":8000", http: {middlewares: []}}
  websecure: {address: ":8443", http: {tls: {}}}
"""
SERVICE = "    s: {loadBalancer: {servers: [{url: 'http://127.0.0.1:1'}]}}\n"


def check(directory: Path, text: str, head: str = HEAD) -> Verdict:
    (directory / "t.yml").write_text(head + text)
    return validate(["-c", str(directory / "t.yml")], {})


def warnings(directory: Path, text: str, head: str = HEAD) -> list[str]:
    """The warnings about a configuration that is valid, without the name of the file."""
    verdict = check(directory, text, head)
    assert verdict.errors == ()
    return [str(issue).replace(f"{directory}/", "") for issue in verdict.warnings]


def routers(*lines: str) -> str:
    return "http:\n  routers:\n" + "".join(f"    {line}\n" for line in lines) + "  services:\n" + SERVICE


def test_nothing_to_say(tmp_path: Path):
    assert warnings(tmp_path, routers("r: {rule: Host(`a`), service: s}")) == []


def test_what_does_not_act_yet_and_who_is_not_asked_have_their_places(tmp_path: Path):
    text = "providers:\n  consul: {}\n" + routers("r: {rule: Host(`a`), service: s, tls: {domains: [{main: a}]}}")
    assert warnings(tmp_path, text) == [
        "t.yml:5:3: providers.consul: does not act yet: the Consul provider",
        "t.yml:5:3: providers.consul: what this provider delivers is not checked, only files are",
        "t.yml:8:44: http.routers.r.tls.domains: does not act yet: certificates from an authority",
    ]
    flags = ["--entryPoints.web.address=:80", "--entryPoints.web.http3.advertisedPort=443"]
    assert [str(issue) for issue in validate(flags, {}).warnings] == [
        "--entryPoints.web.http3.advertisedPort: entryPoints.web.http3: does not act yet: HTTP/3"
    ]


def test_a_router_behind_another(tmp_path: Path):
    text = routers("all: {rule: PathPrefix(`/`), priority: 99, service: s}", "r: {rule: Host(`a`), service: s}")
    assert warnings(tmp_path, text) == [
        "t.yml:7:9: http.routers.r.rule: never matches: all@file (priority 99) takes all of it before (priority 9)"
    ]


def test_a_router_that_matches_on_another_entry_point_is_fine(tmp_path: Path):
    """As with redirections, which leave nothing to anybody on their own entry point."""
    text = routers("r: {rule: Host(`a`), service: s}", "w: {rule: Host(`b`), service: s, entryPoints: [web]}")
    head = HEAD.replace(
        "web: {address: \":8000\", http: {",
        'web: {address: ":8000", http: {redirections: {entryPoint: {to: websecure}}, ',
        1,
    )  # fmt: skip
    (line,) = warnings(tmp_path, text, head)
    assert line.startswith("t.yml:7:9: http.routers.w.rule: never matches: web-to-websecure@internal (priority ")


def test_a_rule_that_contradicts_itself(tmp_path: Path):
    (line,) = warnings(tmp_path, routers("r: {rule: 'Host(`a`) && Host(`b`)', service: s}"))
    assert line.endswith("http.routers.r.rule: never matches: no request can fulfil the whole rule")


UNUSED = """\
http:
  routers:
    r: {rule: Host(`a`), service: top, middlewares: [chain]}
  services:
    top: {weighted: {services: [{name: s}]}, middlewares: [ofservice]}
    s: {loadBalancer: {servers: [{url: 'http://127.0.0.1:1'}], serversTransport: used}}
    page: {loadBalancer: {servers: [{url: 'http://127.0.0.1:1'}]}}
    lost: {mirroring: {service: lost2}}
    lost2: {loadBalancer: {servers: [{url: 'http://127.0.0.1:1'}], serversTransport: lost3}}
  serversTransports:
    used: {insecureSkipVerify: true}
    lost3: {insecureSkipVerify: true}
  middlewares:
    chain: {chain: {middlewares: [inner]}}
    inner: {errors: {status: ['500'], service: page, query: /}}
    ofservice: {addPrefix: {prefix: /a}}
    lost: {addPrefix: {prefix: /a}}
tcp:
  services:
    lost: {weighted: {services: [{name: lost2}]}}
    lost2: {loadBalancer: {servers: [{address: 'h:1'}], serversTransport: lost3}}
  serversTransports:
    lost3: {dialTimeout: 1s}
  middlewares:
    lost: {ipAllowList: {sourceRange: [127.0.0.1]}}
udp:
  services:
    lost: {loadBalancer: {servers: [{address: 'h:1'}]}}
tls:
  options:
    lost: {sniStrict: true}
  stores:
    lost: {}
"""


def test_what_nobody_uses(tmp_path: Path):
    assert warnings(tmp_path, UNUSED) == [
        "t.yml:11:5: http.services.lost: nobody uses this service",
        "t.yml:12:5: http.services.lost2: only lost@file uses this service, and nobody uses that",
        "t.yml:15:5: http.serversTransports.lost3: only lost2@file uses this serversTransport, and nobody uses that",
        "t.yml:20:5: http.middlewares.lost: nobody uses this middleware",
        "t.yml:23:5: tcp.services.lost: nobody uses this service",
        "t.yml:24:5: tcp.services.lost2: only lost@file uses this service, and nobody uses that",
        "t.yml:26:5: tcp.serversTransports.lost3: only lost2@file uses this serversTransport, and nobody uses that",
        "t.yml:28:5: tcp.middlewares.lost: nobody uses this middleware",
        "t.yml:31:5: udp.services.lost: nobody uses this service",
        "t.yml:34:5: tls.options.lost: no router and no entry point uses these TLS options",
        "t.yml:36:5: tls.stores.lost: it is never used: certificates are served from the store `default` only",
    ]


def test_entry_points_use_things_too(tmp_path: Path):
    text = routers("r: {rule: Host(`a`), service: s}") + "  middlewares: {m: {addPrefix: {prefix: /a}}}\n"
    text += "tls: {options: {o: {sniStrict: true}}}\n"
    http = "{middlewares: [m], tls: {options: o}}"
    head = f"entryPoints: {{web: {{address: ':80', http: {http}}}}}\n"
    assert warnings(tmp_path, text, head) == []


def test_nothing_is_called_unused_while_something_is_broken(tmp_path: Path):
    text = routers("r: {rule: Host(`a`), service: s, prio: 1}")
    verdict = check(tmp_path, text)
    assert (len(verdict.errors), verdict.warnings) == (1, ())


def test_others_may_use_what_files_do_not(tmp_path: Path):
    text = "providers: {docker: {}}\nhttp:\n  services:\n" + SERVICE
    assert any(line.endswith("nobody uses this service (docker may)") for line in warnings(tmp_path, text))


def test_names_with_different_tls_options(tmp_path: Path):
    text = (
        routers(
            "r: {rule: Host(`a`), service: s, entryPoints: [websecure], tls: {options: o}}",
            "t: {rule: Host(`a`) && Path(`/x`), service: s, entryPoints: [websecure], tls: {}}",
        )
        + "tls: {options: {o: {sniStrict: true}}}\n"
    )
    (first,) = warnings(tmp_path, text)  # the other one has the default options, as it asks for
    assert first.startswith("t.yml:6:70: http.routers.r.tls.options: router's TLSOptions configuration is conflicting")
    assert first.endswith("(a on websecure: t@file wants the options default, this one o@file)")


TODAY = datetime.datetime.now(datetime.UTC).date()


@pytest.mark.parametrize(
    ("days", "text"),
    [
        ((-9, -2), f"the certificate has expired on {TODAY - datetime.timedelta(2)}; it is served nevertheless"),
        ((-9, 11), f"the certificate expires on {TODAY + datetime.timedelta(11)}, in 10 days"),
        ((2, 90), f"the certificate is not valid before {TODAY + datetime.timedelta(2)}"),
        ((-9, 90), ""),
    ],
)
def test_certificates_and_time(tmp_path: Path, days: tuple[int, int], text: str):
    cert, key = make("a.example.com", days=days).write(tmp_path, "a")
    said = warnings(tmp_path, f"tls:\n  certificates:\n    - certFile: {cert}\n      keyFile: {key}\n")
    assert said == ([f"t.yml:6:7: tls.certificates[0].certFile: {text}"] if text else [])


def test_a_certificate_of_another_store(tmp_path: Path):
    cert, key = make("a.example.com", days=(-1, 90)).write(tmp_path, "a")
    said = warnings(tmp_path, f"tls: {{certificates: [{{certFile: {cert}, keyFile: {key}, stores: [other]}}]}}\n")
    assert [line.partition(": ")[2] for line in said] == [
        "tls.certificates[0].stores: the certificate is never served: only those of the store `default` are"
    ]


DEPRECATED = [
    ("ipWhiteList: {sourceRange: [127.0.0.1]}", "ipWhiteList: deprecated: use ipAllowList"),
    ("headers: {sslRedirect: true}", "headers.sslRedirect: deprecated: no effect, use redirectScheme"),
    ("headers: {sslHost: a}", "headers.sslHost: deprecated: no effect, use redirectRegex"),
    ("headers: {featurePolicy: a}", "headers.featurePolicy: deprecated: use permissionsPolicy"),
    ("stripPrefix: {prefixes: [/a], forceSlash: true}", "stripPrefix.forceSlash: deprecated: remove it"),
    ("contentType: {autoDetect: true}", "contentType.autoDetect: deprecated: remove it"),
]


@pytest.mark.parametrize(("options", "text"), DEPRECATED)
def test_options_of_v2_that_are_still_read(tmp_path: Path, options: str, text: str):
    given = routers("r: {rule: Host(`a`), service: s, middlewares: [m]}") + f"  middlewares: {{m: {{{options}}}}}\n"
    (line,) = warnings(tmp_path, given)
    assert f"http.middlewares.m.{text}" in line


RULES = [
    ("rule: 'Host(`a`, `b`)', ruleSyntax: v2", "deprecated: v2 syntax, write it in v3: Host(`a`) || Host(`b`)"),
    ("rule: 'Path(`/{id}`)', ruleSyntax: v2", "deprecated: v2 syntax, write it in v3: PathRegexp(`^/([^/]+)$`)"),
    ("rule: 'Query(`a=b`)'", "Query: `a=b` is the v2 syntax and a mere key in v3: write Query(`a`, `b`)"),
    ("rule: 'Path(`/{id}`)'", "Path: {id} is a template of the v2 syntax and literal text in v3: set"),
]


@pytest.mark.parametrize(("options", "text"), RULES)
def test_rules_of_v2(tmp_path: Path, options: str, text: str):
    said = warnings(tmp_path, routers(f"r: {{{options}, service: s}}"))
    assert said[0].startswith(f"t.yml:6:9: http.routers.r.rule: {text}")
    assert [line.endswith("ruleSyntax: deprecated: write the rule in the v3 syntax") for line in said[1:]] == (
        [True] if "v2" in options else []
    )


def test_a_default_syntax_of_v2(tmp_path: Path):
    text = "core: {defaultRuleSyntax: v2}\n" + routers("r: {rule: 'HostHeader(`a`)', service: s}")
    assert [line.partition(": ")[2] for line in warnings(tmp_path, text)] == [
        "core.defaultRuleSyntax: deprecated: write rules in the v3 syntax",
        "http.routers.r.rule: deprecated: v2 syntax, write it in v3: Host(`a`)",
    ]


STATIC = [
    ("pilot: {token: x}", "pilot: removed together with the service"),
    ("hub: {}", "hub: removed: Traefik Hub"),
    ("metrics: {influxDB: {}}", "metrics.influxDB: removed: use `metrics.influxDB2`"),
    ("experimental: {http3: true}", "experimental.http3: removed: "),
    ("tracing: {jaeger: {}}", "tracing.jaeger: removed: use `tracing.otlp`"),
]


@pytest.mark.parametrize(("text", "expected"), STATIC)
def test_options_that_are_gone(tmp_path: Path, text: str, expected: str):
    (issue,) = check(tmp_path, f"{text}\n").errors
    assert f"{issue.path}: {issue.message}".startswith(expected)


def test_what_entry_points_had_once(tmp_path: Path):
    head = "entryPoints: {web: {address: ':80', enableHTTP3: true, tls: {}, redirect: {}}}\n"
    messages = [issue.message for issue in check(tmp_path, "", head).errors]
    assert messages == [
        "removed: use `http3: {}`",
        "this belongs below `http`: `entryPoints.<name>.http.tls`",
        "removed: use `entryPoints.<name>.http.redirections`",
    ]


def test_sections_of_v1(tmp_path: Path):
    said = warnings(tmp_path, "frontends: {}\nlogLevel: DEBUG\n")
    assert [line.partition("unknown option, ignored ")[2] for line in said] == [
        "(an option of Traefik v1: use http.routers)",
        "(an option of Traefik v1: use log.level)",
    ]


def test_as_json(tmp_path: Path):
    verdict = check(tmp_path, routers("r: {rule: Host(`a`), service: t}", "s: {rule: Hst(`a`), service: s}"))
    shown = json.loads(verdict.json())
    assert [set(issue) for issue in shown["errors"]] == [{"file", "line", "column", "path", "message", "hint"}] * 2
    assert shown["errors"][1] == {
        "file": str(tmp_path / "t.yml"),
        "line": 7,
        "column": 15,
        "path": "http.routers.s.rule",
        "message": "unsupported function: Hst",
        "hint": "did you mean Host?",
    }
    assert shown["warnings"] == []
    assert shown["summary"] == {
        "valid": False, "errors": 2, "warnings": 0, "entryPoints": 2, "routers": 2, "services": 1, "middlewares": 0,
    }  # fmt: skip


ISSUE = Issue("it is\nso", "a.b", Position("f.yml", 1, 2))


@pytest.mark.parametrize(
    ("errors", "found", "codes"),
    [((), (), (0, 0)), ((), (ISSUE,), (0, 2)), ((ISSUE,), (), (1, 1)), ((ISSUE,), (ISSUE,), (1, 1))],
)
def test_exit_codes(errors: tuple[Issue, ...], found: tuple[Issue, ...], codes: tuple[int, int]):
    verdict = Verdict(errors, found, {"entry point": 1})
    assert (verdict.exit_code(), verdict.exit_code(is_strict=True)) == codes


def test_a_line_stays_a_line():
    verdict = Verdict((ISSUE,), (ISSUE,), {"entry point": 1})
    assert list(verdict.lines()) == ["f.yml:1:2: a.b: it is so", "warning: f.yml:1:2: a.b: it is so"]
    assert verdict.summary() == "1 entry point: 1 error, 1 warning"


def test_json_of_names_that_are_no_unicode():
    found = (Issue("no", position=Position("\udcff.yml")),)
    shown = json.loads(Verdict(found, (), {}).json())
    assert shown["errors"][0] == {
        "file": "?.yml", "line": None, "column": None, "path": None, "message": "no", "hint": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("message", "parts"),
    [
        ("unknown option 'a' (did you mean \"b\"?)", ("unknown option 'a'", 'did you mean "b"?')),
        ("deprecated: use x", ("deprecated", "use x")),
        ("removed: use x", ("removed", "use x")),
        ("deprecated", ("deprecated", "")),
        ("a (b) c", ("a (b) c", "")),
    ],
)
def test_hints(message: str, parts: tuple[str, str]):
    assert split_hint(message) == parts
