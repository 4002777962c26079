"""Routers that can never match: found when it is certain, and then no request ever finds them."""

from collections.abc import Awaitable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rules.test_matchers import request
from tests.rules.test_terms import LEAVES, rules
from trafficcop.control.validation.shadows import ShadowSearch
from trafficcop.http.messages import Ready, Request, Response, bare_response
from trafficcop.plan.model import Plan, RouterPlan
from trafficcop.plan.streams import TCPRouterPlan
from trafficcop.router.http import HTTPRouter, RouteEntry
from trafficcop.rules.parse import parse


def answer(request: Request) -> Awaitable[Response]:
    return Ready(bare_response(200))


def plan(name: str, rule: str, priority: int = 0, children: tuple[RouterPlan, ...] = ()) -> RouterPlan:
    service = "" if children else "s"
    return RouterPlan(name, "web", parse(rule), "v3", priority or len(rule), 0, (), service, children)


def shadows(*routers: RouterPlan) -> dict[str, list[str]]:
    """The takers of each router that can never match."""
    found = ShadowSearch().find(Plan(routers=routers))
    return {shadow.router.name: [taker.name for taker in shadow.takers] for shadow in found}


A, B = "Host(`a`)", "Host(`b`)"

CASES = [
    ("equal rules, the first by name wins", [("r1", A, 5), ("r2", A, 5)], {"r2": ["r1"]}),
    ("a part of a conjunction", [("r1", A, 99), ("r2", f"{A} && Path(`/x`)", 0)], {"r2": ["r1"]}),
    ("the longer rule comes first: both match", [("r1", A, 0), ("r2", f"{A} && Path(`/x`)", 0)], {}),
    ("a catch-all above", [("all", "PathPrefix(`/`)", 99), ("r", A, 0)], {"r": ["all"]}),
    ("a catch-all below", [("all", "PathPrefix(`/`)", 1), ("r", A, 0)], {}),
    ("several that take it together", [("x", A, 98), ("y", B, 99), ("r", f"{A} || {B}", 1)], {"r": ["x", "y"]}),
    ("one of several is enough", [("x", A, 9), ("z", f"{A} || {B}", 8), ("r", f"{A} || {B}", 1)], {"r": ["z"]}),
    ("some of it is left", [("x", A, 98), ("r", f"{A} || {B}", 1)], {}),
    ("a wildcard above", [("w", "Host(`*.x`)", 99), ("r", "Host(`a.x`)", 0)], {"r": ["w"]}),
    ("an expression above", [("w", "HostRegexp(`^.+\\.x`)", 99), ("r", "Host(`a.x`)", 0)], {"r": ["w"]}),
    ("paths above", [("w", f"{A} && PathPrefix(`/x`)", 99), ("r", f"{A} && Path(`/x/y`)", 1)], {"r": ["w"]}),
    ("a shadow's shadow goes to who takes both", [("x", A, 9), ("y", A, 8), ("z", A, 7)], {"y": ["x"], "z": ["x"]}),
    ("a rule that nothing can fulfil", [("r", f"{A} && {B}", 0)], {"r": []}),
    ("and it takes nothing from others", [("r", f"{A} && {B}", 99), ("s", A, 0)], {"r": []}),
]  # fmt: skip


@pytest.mark.parametrize(("routers", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_who_takes_it_all(routers: list[tuple[str, str, int]], expected: dict[str, list[str]]):
    assert shadows(*(plan(*router) for router in routers)) == expected


def test_only_routers_of_one_entry_point_and_of_one_kind_are_compared():
    first, second = plan("r1", A, 9), plan("r2", A, 8)
    elsewhere = RouterPlan("r2", "other", second.rule, "v3", 8, 0, (), "s")
    secure = RouterPlan("r2", "web", second.rule, "v3", 8, 0, (), "s", is_tls=True)
    assert shadows(first, elsewhere) == shadows(first, secure) == {}


def test_children_are_compared_with_each_other():
    children = (plan("c1", "PathPrefix(`/x`)", 9), plan("c2", "PathPrefix(`/x/y`)", 1), plan("c3", "Path(`/z`)"))
    assert shadows(plan("parent", A, children=children)) == {"c2": ["c1"]}
    # What middlewares of a parent make of a path need not begin with a slash.
    children = (plan("c1", "PathPrefix(`/`)", 9), plan("c2", B, 1))
    assert shadows(plan("parent", A, children=children)) == {}


def test_tcp_routers():
    def tcp(name: str, rule: str, priority: int) -> TCPRouterPlan:
        return TCPRouterPlan(name, "web", parse(rule, "tcp"), "v3", priority, 0, (), "s", is_tls=True)

    routers = (tcp("all", "HostSNI(`*`)", 9), tcp("r", "HostSNI(`a`)", 1))
    (shadow,) = ShadowSearch().find(Plan(tcp_routers=routers))
    assert (shadow.router.name, [taker.name for taker in shadow.takers]) == ("r", ["all"])


def test_a_rule_with_very_many_alternatives_is_left_alone():
    many = " || ".join(f"Host(`h{number}`)" for number in range(3000))
    assert shadows(plan("r1", many, 9), plan("r2", many, 8)) == {}


def test_the_search_ends_when_it_has_compared_enough():
    search = ShadowSearch(limit=10)
    routers = tuple(plan(f"r{number}", f"!Method(`M{number}`)") for number in range(20))
    assert list(search.find(Plan(routers=routers))) == []
    assert not search.is_complete


def test_many_routers_are_compared_with_few():
    """A host each, or one host and a path each: none of them has to be compared with another."""
    hosts = [plan(f"h{number}", f"Host(`h{number}.example.com`)") for number in range(500)]
    paths = [plan(f"p{number}", f"Host(`x`) && PathPrefix(`/p{number}/`)") for number in range(500)]
    fields = [plan(f"f{number}", f"Host(`x`) && Header(`h`, `{number}`)") for number in range(500)]
    search = ShadowSearch(limit=0)
    assert list(search.find(Plan(routers=(*hosts, *paths, *fields)))) == []
    assert search.is_complete


_REQUESTS = st.builds(
    lambda host, path, method, field: request(host, path, method=method, X_A=field),
    st.sampled_from(["", "x", "a.x", "a.x.", "b.x", "a"]),
    st.sampled_from(["/", "/a", "/a/b", "/b"]),
    st.sampled_from([b"GET", b"POST"]),
    st.sampled_from(["1", "2", "3"]),
)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(rules(LEAVES), st.integers(1, 3)), min_size=2, max_size=6),
    st.lists(_REQUESTS, min_size=10, max_size=40),
)
def test_no_request_finds_a_router_that_is_said_to_be_shadowed(
    given_rules: list[tuple[str, int]], requests: list[Request]
):
    plans = [plan(f"r{number}", rule, priority) for number, (rule, priority) in enumerate(given_rules)]
    shadowed = shadows(*plans)
    router = HTTPRouter([RouteEntry(one, answer) for one in plans])
    for made in requests:
        router(made)
        assert made.route is None or made.route.name not in shadowed
