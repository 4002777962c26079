"""Whatever can be decoded can be compiled: the Plan holds only what refers to something that is there."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.control.given import static
from trafficcop.config.decode import decode_dynamic
from trafficcop.control.compile import compile  # noqa: A004 - the verb of the project
from trafficcop.plan.model import RouterPlan

NAMES = st.sampled_from(["a", "b", "c", "d@file", "a@docker", "api@internal", "noop@internal", "", "@", "a@b@c"])
SOME = st.lists(NAMES, max_size=3)
RULES = st.sampled_from(["Host(`a`)", "Path(`/x`)", "Host(`a", "", "!!Host(`é`)", "HostRegexp(`(`)", "HostSNI(`*`)"])
URLS = st.sampled_from(["http://a:1", "", ":", "http://[::1", "%", "h2c://x/\n", "//", "a b"])
ROUTERS = st.fixed_dictionaries(
    {},
    optional={
        "rule": RULES,
        "service": NAMES,
        "middlewares": SOME,
        "parentRefs": SOME,
        "entryPoints": st.lists(st.sampled_from(["web", "two", "none"]), max_size=3),
        "tls": st.sampled_from([{}, {"options": "a"}]),
        "priority": st.integers(-(2**63), 2**63 - 1),
        "ruleSyntax": st.sampled_from(["v2", "v3", "v4"]),
    },
)
CHILDREN = st.fixed_dictionaries({"services": st.lists(st.fixed_dictionaries({"name": NAMES}), min_size=1, max_size=2)})
SERVICES = st.fixed_dictionaries(
    {},
    optional={
        "loadBalancer": st.fixed_dictionaries({"servers": st.lists(st.fixed_dictionaries({"url": URLS}), max_size=2)}),
        "weighted": CHILDREN,
        "highestRandomWeight": CHILDREN,
        "mirroring": st.fixed_dictionaries({"service": NAMES}),
        "failover": st.fixed_dictionaries({"service": NAMES, "fallback": NAMES}),
        "middlewares": SOME,
    },
)
MIDDLEWARES = st.fixed_dictionaries(
    {},
    optional={
        "chain": st.fixed_dictionaries({"middlewares": SOME}),
        "addPrefix": st.fixed_dictionaries({"prefix": st.sampled_from(["", "/a"])}),
        "errors": st.fixed_dictionaries({"service": NAMES, "status": st.just(["500"])}),
        "basicAuth": st.fixed_dictionaries({"users": st.just(["a"])}),
    },
)
OBJECTS = st.sampled_from(["a", "b", "c", "d"])
HTTP = st.fixed_dictionaries(
    {
        "routers": st.dictionaries(OBJECTS, ROUTERS, max_size=4),
        "services": st.dictionaries(OBJECTS, SERVICES, max_size=4),
        "middlewares": st.dictionaries(OBJECTS, MIDDLEWARES, max_size=4),
    }
)
STATIC = static(
    "entryPoints: {web: {address: ':80'}, two: {address: ':81', http: {middlewares: [a@file], tls: {}}}}\napi: {}"
)


@settings(max_examples=150, deadline=None)
@given(HTTP, HTTP)
def test_compile_never_raises(file: dict[str, object], docker: dict[str, object]):
    first, second = decode_dynamic({"http": file}), decode_dynamic({"http": docker})
    plan, report = compile(STATIC, {"file": first.value, "docker": second.value}, first.issues)

    def check(router: RouterPlan) -> None:
        assert bool(router.service) != bool(router.children)
        assert router.service.endswith("@internal") or router.children or router.service in plan.services
        assert set(router.middlewares) <= set(plan.middlewares)
        for child in router.children:
            check(child)

    for router in plan.routers:
        check(router)
        assert report.routers[router.name].status != "disabled"
        assert router.entry_point in report.routers[router.name].using
