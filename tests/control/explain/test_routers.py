"""Which router takes a request, and what is said of the others."""

from __future__ import annotations

import pytest

from tests.control.explain.asking import SERVICE, STATIC, ask, routers, winner
from tests.control.given import dynamic, static
from trafficcop.control.compile import compile  # noqa: A004 - the verb of the project
from trafficcop.control.explain.answer import explain
from trafficcop.control.explain.question import Question
from trafficcop.control.explain.text import to_text

HOST = "Host(`example.com`)"


def names(found: list[dict[str, object]]) -> list[str]:
    return [str(one["name"]).partition("@")[0] for one in found]


@pytest.mark.parametrize(
    ("rules", "taken", "behind"),
    [
        ((HOST, "PathPrefix(`/`)"), "r0", [("r1", "priority")]),
        ((HOST, "PathPrefix(`/`); priority: 100"), "r1", [("r0", "priority")]),
        ((f"{HOST}; priority: 5", "PathPrefix(`/`); priority: 5"), "r0", [("r1", "name")]),
        ((f"{HOST}; priority: -1", "PathPrefix(`/`); priority: -2"), "r0", [("r1", "priority")]),
        ((HOST, HOST, HOST), "r0", [("r1", "name"), ("r2", "name")]),
        ((f"{HOST} && Path(`/x`)", HOST), "r1", []),
    ],
)
def test_priorities(rules, taken, behind):
    answer = ask(routers(*rules))
    assert winner(answer) == taken
    found = [one for one in answer["lost"] if "behind" in one]
    assert list(zip(names(found), [one["behind"] for one in found], strict=True)) == behind
    assert answer["result"] == {"kind": "service", "service": "s@file"}


def test_a_router_of_an_earlier_provider_comes_first():
    given = "entryPoints: {traefik: {address: ':8080'}}\nping: {}\napi: {insecure: true}\n"
    answer = ask("http: {}", "http://example.com:8080/api/x", given=given)
    assert winner(answer) == "api"
    assert names(answer["lost"]) == ["ping", "dashboard"]


def test_providers_decide_between_equals():
    options = static(STATIC)
    configuration = dynamic(routers(HOST))[0]
    plan, report = compile(options, {"rest": configuration, "file": configuration})
    answer = explain(Question("http://example.com/"), options, plan, report)
    first, (second,) = answer["router"]["name"], answer["lost"]
    assert {first, second["name"]} == {"r0@rest", "r0@file"}
    assert second["behind"] == "provider"
    assert "the same: its provider comes later" in to_text(answer, is_coloured=False)


def test_losers_are_told_in_the_order_in_which_they_are_asked():
    answer = ask(routers(f"{HOST} && Path(`/x`)", f"{HOST} && Method(`POST`) && Path(`/y`)", HOST, "Host(`other`)"))
    assert winner(answer) == "r2"
    assert names(answer["lost"]) == ["r1", "r0"]
    assert answer["lost"][0] == {
        "name": "r1@file",
        "rule": "Host(`example.com`) && Method(`POST`) && Path(`/y`)",
        "priority": 51,
        "misses": [
            {"matcher": "Method(`POST`)", "seen": "the method is GET"},
            {"matcher": "Path(`/y`)", "seen": "the path is /"},
        ],
    }
    assert answer["otherHosts"] == 1


def test_of_very_many_losers_some_are_told():
    answer = ask(routers(*[f"Path(`/{number}`)" for number in range(30)]))
    assert (len(answer["lost"]), answer["more"], answer["otherHosts"]) == (20, 10, 0)


# === nobody takes it ===


def test_routers_that_name_the_host_are_nearest():
    answer = ask(routers("PathPrefix(`/a/long/path`)", f"{HOST} && Path(`/x`)", "Path(`/y`)"))
    assert names(answer["lost"]) == ["r1", "r0", "r2"]


def test_nobody():
    answer = ask(routers("Host(`elsewhere.org`)"))
    assert answer["router"] is None
    assert answer["result"] == {"kind": "answer", "status": 404, "by": "nobody", "headers": {}}
    assert "elsewhere" not in answer
    assert "similarHosts" not in answer


BESIDE = f"""
http:
  routers:
    secure: {{rule: 'Host(`example.com`)', service: s, entryPoints: [websecure]}}
    tls: {{rule: 'Host(`example.com`) && Path(`/t`)', service: s, entryPoints: [other], tls: {{}}}}
    plain: {{rule: 'Host(`example.com`)', service: s, entryPoints: [other]}}
{SERVICE}"""


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://example.com/", [("plain", "other", False), ("secure", "websecure", True)]),
        ("http://example.com:443/", [("secure", "websecure", True), ("plain", "other", False)]),
        ("https://example.com:8000/x", [("plain", "other", False), ("secure", "websecure", True)]),
        ("http://example.org/", None),
    ],
)
def test_who_would_take_it_elsewhere(url, expected):
    answer = ask(BESIDE, url)
    assert winner(answer) is None
    if expected is None:
        assert "elsewhere" not in answer
    else:
        found = answer["elsewhere"]
        wanted = zip(names(found), [one["entryPoint"] for one in found], [one["tls"] for one in found], strict=True)
        assert list(wanted) == expected


@pytest.mark.parametrize(
    "host", ["exmaple.com", "exampl.com", "examplee.com", "example.con", "xample.com", "example.co"]
)
def test_a_slip_in_the_host(host):
    assert ask(routers(HOST, "Host(`quite.different.org`)"), f"http://{host}/")["similarHosts"] == ["example.com"]


@pytest.mark.parametrize("host", ["different.com", "ex.com", "www.example.com", "elpmaxe.moc"])
def test_a_host_that_is_another(host):
    assert "similarHosts" not in ask(routers(HOST), f"http://{host}/")


# === broken ones ===


def test_a_broken_router_that_would_have_come_first():
    text = routers(HOST, f"{HOST} && PathPrefix(`/a`); middlewares: [gone]", "Path(`/a/b`); middlewares: [gone]")
    answer = ask(text, "http://example.com/a/b")
    assert winner(answer) == "r0"
    assert answer["disabled"] == [
        {
            "name": "r1@file",
            "rule": "Host(`example.com`) && PathPrefix(`/a`)",
            "priority": 39,
            "errors": ['middleware "gone@file" does not exist'],
        }
    ]


def test_a_broken_router_when_nobody_else_takes_it():
    answer = ask(routers("Path(`/a`); middlewares: [gone]", "Path(`/b`); middlewares: [gone]"), "http://example.com/a")
    assert names(answer["disabled"]) == ["r0"]
    assert answer["result"]["by"] == "nobody"


def test_a_rule_that_cannot_be_read_is_no_candidate():
    assert "disabled" not in ask(routers("Host(`example.com`"))


def test_broken_ones_of_other_entry_points_do_not_matter():
    text = "http:\n  routers: {r: {rule: Path(`/`), service: gone, entryPoints: [other]}}\n"
    assert "disabled" not in ask(text)


def test_a_warning_about_the_router_itself():
    text = routers(f"{HOST}; entryPoints: [web, nowhere]").replace("entryPoints: [web], ", "")
    assert ask(text)["router"]["warnings"] == ['entryPoint "nowhere" doesn\'t exist']


# === routers below routers ===

TREE = f"""
http:
  routers:
    root: {{rule: 'Host(`example.com`)', entryPoints: [web], middlewares: [strip]}}
    first: {{rule: 'PathPrefix(`/a`) && Header(`X-Beta`, `1`)', parentRefs: [root], middlewares: [add]}}
    second: {{rule: 'PathPrefix(`/a`)', parentRefs: [root], service: s}}
    broken: {{rule: 'PathPrefix(`/a/b/c`)', parentRefs: [root], service: gone}}
    leaf: {{rule: 'PathPrefix(`/added`)', parentRefs: [first], service: s}}
  middlewares:
    strip: {{stripPrefix: {{prefixes: [/api]}}}}
    add: {{addPrefix: {{prefix: /added}}}}
{SERVICE}"""


@pytest.mark.parametrize(
    ("path", "headers", "taken"),
    [
        ("/api/a", [], "second"),
        ("/a", [], "second"),
        ("/api/a", [("X-Beta", "1")], "leaf"),
        ("/api/x", [], "root"),
    ],
)
def test_children_see_the_path_as_their_parent_leaves_it(path, headers, taken):
    answer = ask(TREE, f"http://example.com{path}", headers=headers)
    assert winner(answer) == taken
    by = answer["result"].get("by")
    assert (by, answer["result"].get("name")) == (("nobody", "root@file") if taken == "root" else (None, None))


def test_children_have_losers_and_broken_ones_of_their_own():
    children = ask(TREE, "http://example.com/api/a/b/c")["router"]["children"]
    assert names(children["lost"]) == ["first"]
    assert names(children["disabled"]) == ["broken"]
    assert children["otherHosts"] == 0


def test_a_parent_may_refuse_before_its_children_are_asked():
    text = TREE.replace(
        "strip: {stripPrefix: {prefixes: [/api]}}", "strip: {ipAllowList: {sourceRange: [192.0.2.0/24]}}"
    )
    answer = ask(text)
    assert answer["result"]["status"] == 403
    assert "children" not in answer["router"]


# === what the entry point adds ===


def test_redirections_of_an_entry_point():
    given = """
entryPoints:
  web: {address: ":80", http: {redirections: {entryPoint: {to: websecure}}}}
  websecure: {address: ":8443"}
"""
    answer = ask("http: {}", "http://example.com/x?y=1", given=given)
    result = answer["result"]
    assert winner(answer) == "web-to-websecure"
    assert (result["status"], result["headers"]) == (301, {"Location": "https://example.com:8443/x?y=1"})


def test_middlewares_of_an_entry_point_come_first():
    given = "entryPoints: {web: {address: ':80', http: {middlewares: [first@file]}}}"
    middlewares = "  middlewares: {first: {addPrefix: {prefix: /1}}, second: {addPrefix: {prefix: /2}}}\n"
    router = ask(routers(f"{HOST}; middlewares: [second]", more=middlewares), given=given)["router"]
    assert names(router["middlewares"]) == ["first", "second"]
    assert router["service"]["sent"]["path"] == "/2/1/"


def test_encoded_characters_of_an_entry_point():
    given = "entryPoints: {web: {address: ':80', http: {encodedCharacters: {allowEncodedSlash: false}}}}"
    answer = ask(routers(HOST), "http://example.com/a%2Fb", given=given)
    assert (answer["result"]["status"], answer["result"]["by"]) == (400, "entry point")
    assert answer["router"]["middlewares"] == []
