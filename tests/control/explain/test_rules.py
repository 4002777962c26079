"""What is said of a matcher that does not hold: every matcher of both syntaxes."""

from __future__ import annotations

import pytest

from tests.control.explain.asking import ask, routers
from tests.support import make_request
from trafficcop.control.explain.rules import may_want, misses, spelled, text_of
from trafficcop.rules.names import MATCHERS
from trafficcop.rules.parse import parse

REQUEST = {
    "target": "/a/b?k=v&k=w&e=",
    "host": "Host.example.com",
    "headers": (("X-One", "1"), ("x-two", "a"), ("X-Two", "b")),
    "peer": "192.0.2.9",
}
V3 = [
    ("Host(`other.example.com`)", "the host is host.example.com"),
    ("!Host(`host.example.com`)", "the host is host.example.com"),
    ("HostRegexp(`^x`)", "the host is host.example.com"),
    ("Path(`/a`)", "the path is /a/b"),
    ("PathPrefix(`/b`)", "the path is /a/b"),
    ("!PathPrefix(`/a`)", "the path is /a/b"),
    ("PathRegexp(`^/b`)", "the path is /a/b"),
    ("Method(`POST`)", "the method is GET"),
    ("ClientIP(`10.0.0.0/8`)", "the client is 192.0.2.9"),
    ("Header(`X-One`, `2`)", "X-One is 1"),
    ("Header(`X-Two`, `c`)", "X-Two is a, b"),
    ("Header(`X-Three`, `1`)", "there is no field X-Three"),
    ("Header(`Host`, `host.example.com`)", "rules never see the field Host"),
    ("HeaderRegexp(`X-One`, `^2$`)", "X-One is 1"),
    ("Query(`k`, `x`)", "k is v, w"),
    ("Query(`z`)", "the query has no z"),
    ("QueryRegexp(`k`, `^x$`)", "k is v, w"),
]
V2 = [
    ("Host(`a.example.com`, `b.example.com`)", "the host is host.example.com"),
    ("HostHeader(`a.example.com`)", "the host is host.example.com"),
    ("HostRegexp(`{x:[0-9]+}.example.com`)", "the host is host.example.com"),
    ("ClientIP(`10.0.0.1`, `10.0.0.2`)", "the client is 192.0.2.9"),
    ("Path(`/a`, `/{x:[0-9]}`)", "the path is /a/b"),
    ("PathPrefix(`/b`)", "the path is /a/b"),
    ("Method(`POST`, `PUT`)", "the method is GET"),
    ("Headers(`X-One`, `2`, `X-Three`, `3`)", "X-One is 1; there is no field X-Three"),
    ("HeadersRegexp(`X-One`, `2`)", "X-One is 1"),
    ("Query(`k=x`)", "the query is k=v&k=w&e="),
]


def misses_of(rule, syntax="v3", **changed):
    request = make_request(**(REQUEST | changed))
    request.host = request.authority.lower()
    return [(miss.matcher, miss.seen) for miss in misses(parse(rule, "http", syntax), request, syntax)]


@pytest.mark.parametrize(("rule", "seen"), V3)
def test_a_matcher_of_v3_says_what_it_saw(rule, seen):
    assert misses_of(rule) == [(rule, seen)]


@pytest.mark.parametrize(("rule", "seen"), V2)
def test_a_matcher_of_v2_says_what_it_saw(rule, seen):
    assert misses_of(rule, "v2") == [(rule, seen)]


@pytest.mark.parametrize(("syntax", "table"), [("v3", V3), ("v2", V2)])
def test_no_matcher_is_forgotten(syntax, table):
    assert {rule.lstrip("!").partition("(")[0] for rule, _ in table} == set(MATCHERS["http", syntax])


def test_without_a_query_and_without_a_host():
    assert misses_of("Query(`k`)", target="/") == [("Query(`k`)", "there is no query")]
    assert misses_of("Host(`a`)", host="") == [("Host(`a`)", "there is no host")]


def test_all_that_would_have_to_change_is_told():
    rule = "Host(`host.example.com`) && (Method(`POST`) || Query(`x`)) && !(Path(`/a/b`) || Path(`/c`))"
    assert [matcher for matcher, _ in misses_of(rule)] == ["Method(`POST`)", "Query(`x`)", "!Path(`/a/b`)"]
    assert misses_of("Method(`GET`) || Path(`/no`)") == []


@pytest.mark.parametrize(
    "rule", ["Host(`a`) && (Path(`/b`) || Method(`GET`)) && !Query(`c`, `d`)", "Host(`a`) || Host(`b`)", "Path(`/x`)"]
)
def test_a_rule_is_written_as_it_was(rule):
    assert text_of(parse(rule)) == rule


@pytest.mark.parametrize(
    ("rule", "is_wanted"),
    [
        ("Host(`a.example.com`)", True),
        ("Host(`A.example.COM.`)", True),
        ("Host(`*.example.com`)", True),
        ("Host(`*`)", True),
        ("!Host(`b.example.com`)", True),
        ("Path(`/`)", True),
        ("Host(`b.example.com`) || Path(`/`)", True),
        ("Host(`b.example.com`) || Host(`a.example.com`)", True),
        ("Host(`b.example.com`)", False),
        ("Host(`*.b.example.com`)", False),
        ("Path(`/`) && Host(`b.example.com`)", False),
        ("(Host(`b.example.com`) || Host(`c.example.com`)) && Path(`/`)", False),
    ],
)
@pytest.mark.parametrize("host", [b"a.example.com", b"a.example.com."])
def test_most_rules_are_turned_down_by_their_hosts_alone(rule, host, is_wanted):
    assert may_want(parse(rule), spelled(host)) is is_wanted


def test_bytes_that_are_no_text_are_shown_escaped():
    answer = ask(routers("PathPrefix(`/b`)"), "http://example.com/%ff")
    assert answer["lost"][0]["misses"] == [{"matcher": "PathPrefix(`/b`)", "seen": "the path is /\\xff"}]


def test_a_rule_of_very_many_matchers_is_cut():
    rule = " || ".join(f"Path(`/{number}`)" for number in range(50))
    assert len(ask(routers(rule))["lost"][0]["misses"]) == 10
