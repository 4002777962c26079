"""TCP matchers, in both syntaxes."""

import pytest

from trafficcop.rules.matchers import check
from trafficcop.rules.parse import RuleError, Syntax, parse
from trafficcop.rules.tcp_matchers import TCPFacts, link_tcp

H2 = TCPFacts("a.example.com", ("h2", "http/1.1"), "192.0.2.1")
BARE = TCPFacts("", (), "::ffff:192.0.2.1")

CASES: list[tuple[Syntax, str, TCPFacts, bool]] = [
    ("v3", "HostSNI(`*`)", BARE, True),
    ("v3", "*", BARE, True),
    ("v3", "HostSNI(`A.example.com.`)", H2, True),
    ("v3", "HostSNI(`*.example.com`)", H2, True),
    ("v3", "HostSNI(`*.com`)", H2, False),
    ("v3", "HostSNI(`a.example.com`)", BARE, False),
    ("v3", "HostSNI(`.`)", BARE, False),
    ("v3", "HostSNI(`*.com`)", TCPFacts("com"), False),
    ("v3", "HostSNIRegexp(`^a\\.`)", H2, True),
    ("v3", "HostSNIRegexp(`^b\\.`)", H2, False),
    ("v3", "HostSNIRegexp(`.*`)", BARE, True),
    ("v3", "ALPN(`h2`)", H2, True),
    ("v3", "ALPN(`h3`)", H2, False),
    ("v3", "ALPN(`h2`)", BARE, False),
    ("v3", "ClientIP(`192.0.2.0/24`)", BARE, True),
    ("v3", "ClientIP(`::1`)", H2, False),
    ("v3", "HostSNI(`a.example.com`) && !ALPN(`h2`)", H2, False),
    ("v2", "HostSNI(`b`, `A.example.com.`)", H2, True),
    ("v2", "HostSNI(`*`, `b`)", BARE, True),
    ("v2", "HostSNI(`b`, `*`)", H2, True),
    ("v2", "HostSNI(`b`, `*`)", BARE, False),
    ("v2", "HostSNI(`b`)", H2, False),
    ("v2", "HostSNIRegexp(`b`, `{sub}.Example.com`)", H2, True),
    ("v2", "HostSNIRegexp(`{sub}.com`)", H2, False),
    ("v2", "ALPN(`h3`, `http/1.1`)", H2, True),
    ("v2", "ClientIP(`::1`, `192.0.2.1`)", BARE, True),
]


@pytest.mark.parametrize(("syntax", "rule", "facts", "expected"), CASES)
def test_takes(syntax: Syntax, rule: str, facts: TCPFacts, expected: bool) -> None:
    node = parse(rule, "tcp", syntax)
    check(node, "tcp", syntax, rule)
    assert link_tcp(node, syntax)(facts) is expected


@pytest.mark.parametrize(
    ("syntax", "rule", "column", "words"),
    [
        ("v3", "HostSNI(`a b`)", 9, "not a valid hostname"),
        ("v3", "HostSNI(`é`)", 9, "not a valid hostname"),
        ("v3", "HostSNIRegexp(`é`)", 15, "non-ASCII"),
        ("v3", "HostSNIRegexp(`(`)", 15, "not a regular expression"),
        ("v3", "ALPN(`acme-tls/1`)", 6, "is not allowed"),
        ("v3", "ClientIP(`x`)", 10, "neither"),
        ("v2", "HostSNI(`a`, `*.b`)", 14, "not a valid hostname"),
        ("v2", "ALPN(`h2`, `acme-tls/1`)", 12, "is not allowed"),
        ("v2", "HostSNIRegexp(`{a`)", 15, "unbalanced"),
    ],
)
def test_refused(syntax: Syntax, rule: str, column: int, words: str) -> None:
    with pytest.raises(RuleError) as caught:
        check(parse(rule, "tcp", syntax), "tcp", syntax, rule)
    assert words in caught.value.message
    assert caught.value.column == column
