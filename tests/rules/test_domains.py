"""Domains and priorities of rules."""

import pytest

from trafficcop.rules.domains import MAX_USER_PRIORITY, default_priority, domains
from trafficcop.rules.parse import parse


def test_domains_are_in_the_order_of_the_rule() -> None:
    rule = "Host(`B.test`) && !(Host(`a.test`) || HostRegexp(`c`)) || Host(`*.b.test`) && Path(`/`)"
    assert domains(parse(rule)) == ("b.test", "a.test", "*.b.test")
    assert domains(parse("Host(`A`, `b`) || HostHeader(`c`)", syntax="v2")) == ("a", "b")
    assert domains(parse("HostSNI(`A`) || ALPN(`h2`)", "tcp")) == ("a",)
    assert domains(parse("PathPrefix(`/`)")) == ()


@pytest.mark.parametrize(
    ("rule", "kind", "expected"),
    [
        ("Host(`a`)", "http", 9),
        ("Path(`/é`)", "http", 11),
        ("HostSNI(`*`)", "tcp", -1),
        ('( hostsni("*") )', "tcp", -1),
        ("*", "tcp", -1),
        ("HostSNI(`*`) && ALPN(`h2`)", "tcp", 26),
        ("HostSNI(`*.a`)", "tcp", 14),
        ("HostSNI(`*`", "tcp", 11),
    ],
)
def test_default_priority(rule: str, kind: str, expected: int) -> None:
    assert default_priority(rule, "tcp" if kind == "tcp" else "http") == expected


def test_highest_priority_of_users() -> None:
    assert MAX_USER_PRIORITY == 9223372036854774807
