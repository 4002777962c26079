"""Entry points and routers: defaults, models, redirections, our own routers, and routers below routers."""

from __future__ import annotations

import pytest

from tests.control.given import compiled, dynamic, router, static, told
from trafficcop.config.document import STATIC
from trafficcop.config.middlewares import RedirectScheme
from trafficcop.config.sources import load_text
from trafficcop.control.compile import compile  # noqa: A004 - the verb of the project
from trafficcop.control.names import Ranks, normalise
from trafficcop.control.places import Places

ONE = "http: {routers: {r: {rule: 'Host(`a`)', service: noop@internal}}}"

BOUND = [
    ("{web: {address: ':80'}, two: {address: ':81'}, dns: {address: ':53/udp'}, traefik: {address: ':8080'}}",
     {("r@file", "two"), ("r@file", "web")}),
    ("{web: {address: ':80', asDefault: true}, two: {address: ':81'}}", {("r@file", "web")}),
    ("{web: {address: ':80'}, traefik: {address: ':8080', asDefault: true}}", set()),
    ("{web: {address: ':80', asDefault: true}, traefik: {address: ':8080', asDefault: true}}", {("r@file", "web")}),
    ("{web: {address: ':80', http: {middlewares: [m@file]}}, two: {address: ':81'}}",
     {("web-r@file", "web"), ("r@file", "two")}),
    ("{web: {address: ':80', http: {tls: {}}}}", {("r@file", "web")}),
]  # fmt: skip


@pytest.mark.parametrize(("entry_points", "bound"), BOUND)
def test_which_entry_points_a_router_is_on(entry_points: str, bound: set[tuple[str, str]]):
    text = ONE.replace("routers:", "middlewares: {m: {addPrefix: {prefix: /a}}}, routers:")
    plan, _ = compiled(text, static(f"entryPoints: {entry_points}"))
    assert {(one.name, one.entry_point) for one in plan.routers} == bound


def test_what_an_entry_point_gives():
    given = static(
        "entryPoints: {web: {address: ':80', observability: {metrics: false},"
        " http: {middlewares: [m@file], tls: {}, encodedCharacters: {allowEncodedSlash: false}}}}"
    )
    plan, report = compiled(
        "http: {middlewares: {m: {addPrefix: {prefix: /a}}},"
        " routers: {r: {rule: 'Host(`a`)', service: noop@internal, middlewares: [m]}}}",
        given,
    )
    planned = router(plan, "r@file")
    assert planned.middlewares == ("m@file", "m@file")
    assert (planned.is_tls, planned.tls_options) == (True, "default")
    assert (planned.observability.metrics, planned.observability.tracing) == (False, True)
    assert planned.encoded_characters is not None
    assert not planned.encoded_characters.allow_encoded_slash
    assert report.routers["r@file"].status == "enabled"


@pytest.mark.parametrize(
    ("target", "name", "port"),
    [("{to: websecure}", "web-to-websecure", "443"), ("{to: ':8443', permanent: false}", "web-to-8443", "8443")],
)
def test_redirections(target: str, name: str, port: str):
    given = static(
        "entryPoints: {websecure: {address: ':443'}, web: {address: ':80', allowACMEByPass: true,"
        f" http: {{redirections: {{entryPoint: {target}}}}}}}}}"
    )
    plan, report = compiled("{}", given)
    planned = router(plan, f"{name}@internal")
    assert (planned.entry_point, planned.priority, planned.service) == ("web", 2**63 - 2, "noop@internal")
    assert planned.middlewares == (f"redirect-{name}@internal",)
    scheme = plan.middlewares[f"redirect-{name}@internal"].middleware.redirect_scheme
    assert scheme == RedirectScheme(scheme="https", port=port, permanent="false" not in target)
    rule = report.routers[f"{name}@internal"].router
    assert getattr(rule, "rule", "") == "HostRegexp(`^.+$`) && !PathPrefix(`/.well-known/acme-challenge/`)"


def test_our_own_routers():
    plan, report = compiled("{}", static("api: {insecure: true}\nping: {}\nentryPoints: {web: {address: ':80'}}"))
    priorities = {one.name: one.priority for one in plan.routers}
    assert priorities == {"api@internal": 2**63 - 2, "dashboard@internal": 2**63 - 3, "ping@internal": 2**63 - 1}
    assert {one.entry_point for one in plan.routers} == {"traefik"}
    assert {"noop@internal", "api@internal", "dashboard@internal", "ping@internal"} == set(report.services)


def tree(**routers: str) -> str:
    return "http: {routers: {" + ", ".join(f"{name}: {{{text}}}" for name, text in routers.items()) + "}}"


ROOT = "rule: 'Host(`a`)'"
LEAF = "rule: 'Path(`/x`)', service: noop@internal, parentRefs: [root]"
TREES = [
    (tree(root=ROOT, leaf=LEAF), "leaf", "enabled", ()),
    (tree(leaf=LEAF), "leaf", "disabled", ('parent router "root@file" does not exist', "router is not reachable")),
    (tree(root=ROOT, leaf=LEAF + ", tls: {}"), "leaf", "disabled",
     ("non-root router cannot have TLS configuration",)),
    (tree(root=ROOT, leaf=LEAF + ", observability: {metrics: true}"), "leaf", "disabled",
     ("non-root router cannot have Observability configuration",)),
    (tree(root=ROOT, leaf=LEAF + ", entryPoints: [web]"), "leaf", "disabled",
     ("non-root router cannot have Entrypoints configuration",)),
    (tree(root=ROOT, leaf=LEAF + ", entryPoints: [wbe]"), "leaf", "disabled",
     ("non-root router cannot have Entrypoints configuration", 'entryPoint "wbe" doesn\'t exist')),
    (tree(root=ROOT, leaf=LEAF + ", priority: 9223372036854774808"), "leaf", "enabled", ()),
    (tree(root=ROOT + ", service: noop@internal", leaf=LEAF), "root", "disabled",
     ("router has both a service and is referenced as a parent by other routers",)),
    (tree(root=ROOT, a="rule: 'Path(`/a`)', parentRefs: [root, b]", b="rule: 'Path(`/b`)', parentRefs: [a]"),
     "b", "disabled",
     ("cyclic reference detected in router tree: a@file -> b@file -> a@file",
      "router has no service and no child routers")),
    (tree(root=ROOT, leaf=LEAF.replace("noop", "nope")), "root", "disabled",
     ("building child routers muxer: no child routers could be added to muxer (1 skipped)",)),
]  # fmt: skip


@pytest.mark.parametrize(("text", "name", "status", "errors"), TREES)
def test_routers_below_routers(text: str, name: str, status: str, errors: tuple[str, ...]):
    _, report = compiled(text)
    info = report.routers[f"{name}@file"]
    assert (info.status, info.errors) == (status, errors)


def test_a_root_with_a_service_besides_its_children_is_blamed_and_routes_to_them():
    text = tree(root=ROOT + ", service: missing, entryPoints: [web, wbe]", leaf=LEAF)
    plan, report = compiled(text)
    assert report.routers["root@file"].status == "disabled"
    planned = router(plan, "root@file")
    assert (planned.service, [child.name for child in planned.children]) == ("", ["leaf@file"])
    plan, report = compiled(text.replace("Host(`a`)", "Host(`a"))
    assert len(report.routers["root@file"].errors) == 3
    assert "root@file" not in {one.name for one in plan.routers}


def test_a_child_with_entry_points_shows_them():
    _, report = compiled(tree(root=ROOT, leaf=LEAF + ", entryPoints: [web]"))
    assert report.routers["leaf@file"].using == ("web",)


def test_children_are_planned_below_every_copy_of_their_parent():
    given = static("entryPoints: {web: {address: ':80', http: {tls: {}}}, two: {address: ':81'}}")
    plan, report = compiled(tree(root=ROOT, leaf=LEAF), given)
    assert {one.name: [child.name for child in one.children] for one in plan.routers} == {
        "web-root@file": ["leaf@file"],
        "root@file": ["leaf@file"],
    }
    assert getattr(report.routers["leaf@file"].router, "parent_refs", ()) == ("root@file", "web-root@file")


@pytest.mark.parametrize(
    ("name", "rank"), [("r@kubernetesgateway", 0), ("r@file", 6), ("r@internal", 17), ("a@b@file", 17)]
)
def test_ranks(name: str, rank: int):
    assert Ranks().of(name) == rank


def test_precedence_of_ones_own():
    assert Ranks(["Docker", "file"]).of("r@docker") == 0


@pytest.mark.parametrize(("text", "name"), [("web-to-:443", "web-to-443"), ("--a__b", "a-b"), ("", "")])
def test_normalise(text: str, name: str):
    assert normalise(text) == name


def test_mistakes_of_an_entry_point_are_told_once_and_those_of_a_router_where_they_stand():
    text = "entryPoints:\n  web:\n    address: ':80'\n    http:\n      middlewares: [gone@file, there@file]\n"
    configuration, issues, places = dynamic(
        "http:\n  routers:\n"
        "    a: {rule: Path(`/a`), service: s, middlewares: [there, lost]}\n"
        "    b: {rule: Path(`/b`), service: s}\n"
        "  middlewares: {there: {addPrefix: {prefix: /p}}}\n"
        "  services: {s: {loadBalancer: {servers: [{url: 'http://127.0.0.1:1'}]}}}\n"
    )
    all_places = Places({**places.by_provider, STATIC: load_text(text, "yaml", "static.yml").locate})
    plan, report = compile(static(text), {"file": configuration}, issues, all_places)
    assert told(report) == [
        'static.yml:5:21: entryPoints.web.http.middlewares[0]: middleware "gone@file" does not exist',
        'dynamic.yml:3:60: http.routers.a.middlewares[1]: middleware "lost@file" does not exist',
    ]
    assert not [one for one in plan.routers if one.name in ("a@file", "b@file")]


def test_a_redirection_to_nowhere_is_an_error_in_its_place():
    text = (
        "entryPoints:\n  we: {address: ':1'}\n  web: {address: ':80', http: {redirections: {entryPoint: {to: wep}}}}\n"
    )
    places = Places({STATIC: load_text(text, "yaml", "static.yml").locate})
    _, report = compile(static(text), {}, (), places)
    (line,) = told(report)
    assert line == (
        "static.yml:3:60: entryPoints.web.http.redirections.entryPoint.to:"
        " unknown entry point 'wep' (did you mean \"we\"?): there is no redirection"
    )


def test_a_template_of_the_old_syntax_is_worth_a_warning():
    text = "http: {routers: {r: {rule: 'HostRegexp(`{sub:[a-z]+}.example.com`)', service: noop@internal%s}}}"
    _, report = compiled(text % "")
    (warning,) = [str(issue) for issue in report.issues if issue.is_warning]
    assert warning.startswith("dynamic.yml:1:22: http.routers.r.rule: HostRegexp: {sub:[a-z]+} is a template of the v2")
    _, report = compiled(text % ", ruleSyntax: v2")
    assert [issue.message for issue in report.issues] == ["deprecated: write the rule in the v3 syntax"]


def test_an_unknown_entry_point_is_told_where_it_stands_beside_one_with_a_model():
    given = static("entryPoints: {web: {address: ':80', http: {middlewares: [m@file]}}}")
    _, report = compiled(
        "http:\n  middlewares: {m: {addPrefix: {prefix: /p}}}\n  routers:\n"
        "    r: {entryPoints: [web, wep], rule: Path(`/`), service: noop@internal}\n",
        given,
    )
    assert told(report) == [
        'dynamic.yml:4:28: http.routers.r.entryPoints[1]: entryPoint "wep" doesn\'t exist (did you mean web?)'
    ]


def test_an_unknown_certificates_resolver_is_worth_a_warning():
    given = static(
        "entryPoints: {web: {address: ':80'}}\ncertificatesResolvers: {le: {acme: {storage: a.json, tlsChallenge: {}}}}"
    )
    text = "http: {routers: {r: {rule: Path(`/`), service: noop@internal, tls: {certResolver: %s}}}}"
    _, report = compiled(text % "let", given)
    assert [(issue.path, issue.is_warning) for issue in report.issues] == [("http.routers.r.tls.certResolver", True)]
    assert 'certificates resolver "let" does not exist' in report.issues[0].message
    assert not compiled(text % "le", given)[1].issues
