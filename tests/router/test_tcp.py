"""Which TCP router takes a connection: by name, by priority, by what else is asked. Compared with trying them all."""

from __future__ import annotations

import random

import pytest

from trafficcop.plan.streams import TCPRouterPlan
from trafficcop.router.tcp import TCPRouter
from trafficcop.rules.domains import default_priority
from trafficcop.rules.parse import parse
from trafficcop.rules.tcp_matchers import TCPFacts, link_tcp


def plan(name: str, rule: str, priority: int = 0, rank: int = 0, syntax: str = "v3") -> TCPRouterPlan:
    return TCPRouterPlan(
        name=name,
        entry_point="web",
        rule=parse(rule, "tcp", "v2" if syntax == "v2" else "v3"),
        syntax=syntax,
        priority=priority or default_priority(rule, "tcp"),
        rank=rank,
        middlewares=(),
        service="s",
    )


def router(*plans: TCPRouterPlan) -> TCPRouter[str]:
    found: TCPRouter[str] = TCPRouter()
    for _ in found.index([(one, one.name) for one in plans]):
        pass
    return found


TABLE = [
    ("a.example.com", (), "10.0.0.1", "exact"),
    ("b.example.com", (), "10.0.0.1", "wildcard"),
    ("a.b.example.com", (), "10.0.0.1", "all"),
    ("example.com", (), "10.0.0.1", "all"),
    ("", (), "10.0.0.1", "all"),
    ("a.example.com", ("mqtt",), "10.0.0.1", "mqtt"),
    ("x.example.org", (), "192.0.2.9", "address"),
    ("x.example.org", (), "10.0.0.1", "expression"),
    ("y.example.net", (), "10.0.0.1", "either"),
    ("z.example.net", (), "10.0.0.1", "either"),
    ("old.example.com", (), "10.0.0.1", "old"),
]


@pytest.mark.parametrize(("name", "alpn", "peer", "expected"), TABLE)
def test_the_first_by_priority_of_those_that_hold(name: str, alpn: tuple[str, ...], peer: str, expected: str) -> None:
    found = router(
        plan("all", "HostSNI(`*`)"),
        plan("exact", "HostSNI(`a.example.com`)"),
        plan("mqtt", "HostSNI(`a.example.com`) && ALPN(`mqtt`)"),
        plan("wildcard", "HostSNI(`*.example.com`)", priority=5),
        plan("address", "ClientIP(`192.0.2.0/24`)", priority=90),
        plan("expression", "HostSNIRegexp(`^[xw]\\.example\\.org$`)"),
        plan("either", "HostSNI(`y.example.net`) || HostSNI(`Z.example.net.`)"),
        plan("old", "HostSNI(`old.example.com`, `older.example.com`)", syntax="v2"),
    )
    assert len(found) == 8
    assert found.find(TCPFacts(name, alpn, peer)) == expected


def test_equal_priorities_are_settled_by_provider_then_name() -> None:
    found = router(plan("b", "HostSNI(`a`)", 7, 1), plan("c", "HostSNI(`a`)", 7, 0), plan("a", "HostSNI(`a`)", 7, 1))
    assert found.find(TCPFacts("a")) == "c"
    found = router(plan("b", "HostSNI(`a`)", 7, 1), plan("a", "HostSNI(`a`)", 7, 1))
    assert found.find(TCPFacts("a")) == "a"


def test_nobody_takes_it() -> None:
    assert router().find(TCPFacts("a")) is None
    assert router(plan("r", "HostSNI(`a`)")).find(TCPFacts("b")) is None
    assert router(plan("r", "!HostSNI(`a`)")).find(TCPFacts("a")) is None


def test_the_index_says_the_same_as_trying_them_all() -> None:
    chance = random.Random(5)
    names = ["a.test", "b.test", "x.a.test", "y.a.test", "c"]
    leaves = [
        *(f"HostSNI(`{name}`)" for name in names),
        "HostSNI(`*.a.test`)",
        "HostSNI(`*`)",
        "HostSNIRegexp(`^x`)",
        "ALPN(`h2`)",
        "ClientIP(`10.0.0.0/8`)",
    ]

    def rule(depth: int) -> str:
        if not depth or chance.random() < 0.3:
            return ("!" if chance.random() < 0.2 else "") + chance.choice(leaves)
        return f"({rule(depth - 1)} {chance.choice(('&&', '||'))} {rule(depth - 1)})"

    for _ in range(60):
        plans = [plan(f"r{number}", rule(3), chance.randrange(1, 5)) for number in range(12)]
        ordered = sorted(plans, key=lambda one: (-one.priority, one.name))
        found = router(*plans)
        for name in ["", *names, "z.a.test"]:
            for alpn in ((), ("h2",)):
                for peer in ("10.1.1.1", "192.0.2.1"):
                    facts = TCPFacts(name, alpn, peer)
                    expected = next((one.name for one in ordered if link_tcp(one.rule, "v3")(facts)), None)
                    assert found.find(facts) == expected
