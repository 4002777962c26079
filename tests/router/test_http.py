"""The HTTP router: who gets which request."""

from collections.abc import Awaitable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trafficcop.http.headers import Headers
from trafficcop.http.messages import Handler, Ready, Request, Response, Route, bare_response
from trafficcop.plan.model import Observability, RouterPlan
from trafficcop.router.http import ChildRouter, HTTPRouter, RouteEntry, route_of
from trafficcop.rules.domains import default_priority
from trafficcop.rules.matchers import link_http
from trafficcop.rules.parse import Syntax, parse


def entry(rule: str, name: str = "", priority: int = 0, rank: int = 0, syntax: Syntax = "v3") -> RouteEntry:
    plan = RouterPlan(
        name=name or rule,
        entry_point="web",
        rule=parse(rule, syntax=syntax),
        syntax=syntax,
        priority=priority or default_priority(rule),
        rank=rank,
        middlewares=(),
        service="whoami@file",
    )
    return RouteEntry(plan, answer)


def answer(request: Request) -> Awaitable[Response]:
    return Ready(bare_response(200))


def ask(path: bytes = b"/", host: bytes = b"a.example.com", method: bytes = b"GET") -> Request:
    request = Request(method, path, None, Headers())
    request.host = host
    return request


async def winner(router: Handler, request: Request) -> str:
    response = await router(request)
    if response.status == 404:
        assert request.route is None
        return ""
    assert request.route is not None
    return request.route.name


async def test_nobody() -> None:
    response = await HTTPRouter([])(ask())
    assert response.status == 404
    assert await response.body.read() == b"404 page not found\n"
    assert response.headers.get(b"X-Content-Type-Options") == b"nosniff"
    again = await HTTPRouter([])(ask())
    assert await again.body.read() == b"404 page not found\n"


@pytest.mark.parametrize(
    ("host", "path", "expected"),
    [
        (b"a.example.com", b"/", "a"),
        (b"a.example.com.", b"/", "a"),
        (b"a.example.com..", b"/", "root"),
        (b"b.example.com", b"/", "wildcard"),
        (b"b.example.com.", b"/", "wildcard"),
        (b"example.com", b"/", "root"),
        (b"x.b.example.com", b"/", "root"),
        (b"", b"/", "root"),
        (b".", b"/", "root"),
        (b"a.example.com", b"/urgent/x", "urgent"),
        (b"nobody.test", b"/urgent", "urgent"),
        (b"b.example.com", b"/urgent", "urgent"),
        (b"dot.example.com", b"/", "dot"),
        (b"dot.example.com.", b"/", "dot"),
        (b"dot.example.com..", b"/", "dot"),
        (b"c.test", b"/", "either"),
        (b"d.test", b"/", "either"),
        (b"d.test", b"/only-c", "either"),
        (b"c.test", b"/only-c", "pair"),
        (b"old.test", b"/", "v2"),
    ],
)
async def test_hosts(host: bytes, path: bytes, expected: str) -> None:
    router = HTTPRouter(
        [
            entry("Host(`A.example.com`)", "a"),
            entry("Host(`*.example.com`)", "wildcard"),
            entry("PathPrefix(`/`)", "root", priority=-5),
            entry("PathPrefix(`/urgent`)", "urgent", priority=1000),
            entry("Host(`dot.example.com.`)", "dot"),
            entry("Host(`c.test`) || Host(`d.test`)", "either"),
            entry("(Host(`c.test`) && Path(`/only-c`)) || (Host(`e.test`) && Path(`/`))", "pair", priority=900),
            entry("Host(`old.test`, `older.test`)", "v2", syntax="v2"),
            entry("Host(`*`) && Method(`PATCH`)", "star", priority=-1),
        ]
    )
    assert await winner(router, ask(path, host)) == expected
    assert await winner(router, ask(path, host, b"PATCH")) == (expected if expected != "root" else "star")


async def test_precedence() -> None:
    rule = "Host(`a.example.com`)"
    router = HTTPRouter(
        [entry(rule, "c", 5, 1), entry(rule, "b", 5, 0), entry(rule, "a", 5, 0), entry(rule, "z", 5, 2)]
    )
    assert await winner(router, ask()) == "a"


async def test_many_paths_of_one_host() -> None:
    entries = [entry(f"Host(`a.example.com`) && PathPrefix(`/p{number}`)") for number in range(200)]
    entries += [entry(f"Host(`a.example.com`) && Path(`/p{number}/x`)", f"x{number}") for number in range(200)]
    entries += [entry("Host(`a.example.com`)", "rest"), entry("PathPrefix(`/p7/y`)", "generic", priority=500)]
    router = HTTPRouter(entries)
    assert await winner(router, ask(b"/p17/y")) == "Host(`a.example.com`) && PathPrefix(`/p17`)"
    assert await winner(router, ask(b"/p17/x")) == "Host(`a.example.com`) && PathPrefix(`/p17`)"
    assert await winner(router, ask(b"/p3")) == "Host(`a.example.com`) && PathPrefix(`/p3`)"
    assert await winner(router, ask(b"/p300")) == "Host(`a.example.com`) && PathPrefix(`/p30`)"
    assert await winner(router, ask(b"/p7/y/z")) == "generic"
    assert await winner(router, ask(b"/q")) == "rest"
    assert await winner(router, ask(b"/")) == "rest"


async def test_children_see_the_path_anew() -> None:
    children = ChildRouter(
        [entry("Path(`/new path`)", "child@file"), entry("Path(`/b`)", "other@file")], Route("parent@file", "s")
    )
    request = ask(b"/old")
    request.raw_path = b"/new%20path"
    assert await winner(children, request) == "parent@file -> child@file"
    request.raw_path = b"/%2"
    response = await children(request)
    assert response.status == 400
    assert await response.body.read() == b""


async def test_service_of_a_parent() -> None:
    leaf = entry("PathPrefix(`/`)", "child@file")
    plan = RouterPlan("parent@file", "web", parse("PathPrefix(`/`)"), "v3", 1, 0, (), "", (leaf.plan,))
    request = ask()
    await HTTPRouter([RouteEntry(plan, answer)])(request)
    assert request.route is not None
    assert request.route.service == "parent@file-muxer"


HOSTS = [
    "a.test",
    "b.test",
    "x.a.test",
    "y.b.test",
    "*.a.test",
    "*.b.test",
    "*.test",
    "*",
    "a.test.",
    "*.a.test.",
    "*.",
]
PATHS = ["/", "/a", "/a/", "/a/b", "/ab", "/b", "/b/c/d", "/a/b/c"]
LEAVES = st.one_of(
    st.sampled_from(HOSTS).map("Host(`{}`)".format),
    st.sampled_from(PATHS).map("Path(`{}`)".format),
    st.sampled_from(PATHS).map("PathPrefix(`{}`)".format),
    st.sampled_from(["Method(`GET`)", "Method(`POST`)", "HostRegexp(`^a`)", "PathRegexp(`b`)"]),
)
RULES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("{0[0]} && {0[1]}".format),
        st.tuples(inner, inner).map("({0[0]} || {0[1]})".format),
        inner.map("!({})".format),
    ),
    max_leaves=5,
)
REQUESTS = st.builds(
    ask,
    st.sampled_from([path.encode() for path in [*PATHS, "/a/b/c/d", "/c", "*"]]),
    st.sampled_from(
        [b"", b"a.test", b"b.test", b"x.a.test", b"y.b.test", b"c.a.test.", b"a.test.", b"test", b"a.test..", b"."]
    ),
    st.sampled_from([b"GET", b"POST"]),
)


@given(st.lists(st.tuples(RULES, st.integers(-2, 2)), max_size=14), st.lists(REQUESTS, max_size=8))
async def test_index_finds_what_a_scan_finds(rules: list[tuple[str, int]], requests: list[Request]) -> None:
    entries = [entry(rule, f"{number:02}", priority) for number, (rule, priority) in enumerate(rules)]
    router = HTTPRouter(entries)
    in_order = sorted(entries, key=lambda each: (-each.plan.priority, each.plan.name))
    linked = [(each.plan.name, link_http(each.plan.rule, "v3")) for each in in_order]
    for request in requests:
        expected = next((name for name, matcher in linked if matcher(request)), "")
        assert await winner(router, request) == expected


async def test_routes_say_whether_they_are_logged_and_children_as_their_root() -> None:
    plan = entry("PathPrefix(`/`)", "root@file").plan
    silent = replace(plan, observability=Observability(access_logs=False))
    assert route_of(plan).is_logged
    child = route_of(entry("Path(`/`)", "child@file").plan, route_of(silent))
    grandchild = route_of(entry("Path(`/`)", "last@file").plan, child)
    assert not grandchild.is_logged
    assert grandchild.name == "root@file -> child@file -> last@file"


def many(count: int) -> list[RouteEntry]:
    """Hosts, wildcards, and many paths of one host, in no order."""
    entries = [entry(f"Host(`h{number}.example.com`)", f"h{number}", rank=number % 3) for number in range(count)]
    entries += [entry(f"Host(`*.w{number}.test`)", f"w{number}") for number in range(count // 10)]
    entries += [entry(f"Host(`p.test`) && PathPrefix(`/{number}/`)", f"p{number}") for number in range(count)]
    return entries[::2] + entries[1::2]


async def test_indexing_takes_many_short_steps() -> None:
    entries = many(320)
    router = HTTPRouter()
    steps = sum(1 for _ in router.index(entries))
    assert steps >= 2 * len(entries) // 32
    for number in range(0, 320, 7):
        assert await winner(router, ask(host=b"h%d.example.com" % number)) == f"h{number}"
        assert await winner(router, ask(host=b"x.w%d.test" % (number // 10))) == f"w{number // 10}"
        assert await winner(router, ask(b"/%d/" % number, b"p.test")) == f"p{number}"


async def test_a_dismantled_router_takes_nothing() -> None:
    router = HTTPRouter(many(64))
    pieces = router.dismantle()
    assert len(pieces) > 2 * 64
    assert await winner(router, ask(host=b"h1.example.com")) == ""
    assert router.dismantle()[1:] == []
