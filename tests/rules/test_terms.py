"""Rules compared by their structure, held against what they match."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rules.test_matchers import request
from trafficcop.http.messages import Request
from trafficcop.rules.atoms import FALSE, TRUE, Proofs
from trafficcop.rules.matchers import link_http
from trafficcop.rules.parse import Syntax, parse
from trafficcop.rules.tcp_matchers import TCPFacts, link_tcp
from trafficcop.rules.terms import MOST_TERMS, Term, TermReader, TooManyTermsError


def follows(first: str, second: str, syntax: Syntax = "v3", kind: str = "http", *, has_root_paths: bool = True) -> bool:
    """Whether it is certain that whatever the first rule takes the second one takes."""
    proofs = Proofs()
    reader = TermReader(proofs, "tcp" if kind == "tcp" else "http", has_root_paths=has_root_paths)
    one, other = (reader.terms(parse(rule, reader.kind, syntax), syntax) for rule in (first, second))

    def covers(wanted: Term, term: Term) -> bool:
        return all(any(proofs.follows(atom, condition) for atom in term) for condition in wanted)

    return all(any(covers(wanted, term) for wanted in other) for term in one)


FOLLOWS = [
    ("Host(`a`)", "Host(`a`)", True),
    ("Host(`A.x`)", "Host(`a.x`)", True),
    ("Host(`a`)", "Host(`b`)", False),
    ("Host(`a`)", "Host(`a.`)", True),
    ("Host(`a.`)", "Host(`a`)", False),  # the first takes a host with two dots at its end, too
    ("Host(`a.x`)", "Host(`*.x`)", True),
    ("Host(`b.a.x`)", "Host(`*.x`)", False),
    ("Host(`*.x`)", "Host(`a.x`)", False),
    ("Host(`*.x`)", "Host(`*`)", True),
    ("Host(`a.x`)", "HostRegexp(`^a`)", True),
    ("Host(`a.x`)", "HostRegexp(`^a\\.x$`)", False),  # not with a dot at its end
    ("Host(`a`)", "Host(`a`) || Host(`b`)", True),
    ("Host(`a`) || Host(`b`)", "Host(`a`)", False),
    ("Host(`a`) || Host(`b`)", "Host(`b`) || Host(`c`) || Host(`a`)", True),
    ("Host(`a`) && Path(`/x`)", "Host(`a`)", True),
    ("Host(`a`)", "Host(`a`) && Path(`/x`)", False),
    ("Host(`a`) && Path(`/x/y`)", "PathPrefix(`/x`) && Host(`a`)", True),
    ("Host(`a`) && (Path(`/x`) || Path(`/y`))", "(Host(`a`) || Host(`b`)) && PathRegexp(`^/[xy]$`)", True),
    ("Host(`a`)", "PathPrefix(`/`)", True),
    ("PathPrefix(`/a/b`)", "PathPrefix(`/a`)", True),
    ("PathPrefix(`/a`)", "PathPrefix(`/a/`)", False),
    ("PathPrefix(`/a`)", "Path(`/a`)", False),
    ("Path(`/a`)", "!Path(`/b`)", True),
    ("Path(`/a`)", "!PathPrefix(`/`)", False),
    ("PathPrefix(`/a`)", "!PathPrefix(`/b`)", True),
    ("PathPrefix(`/a`)", "!Path(`/a/b`)", False),
    ("!PathPrefix(`/a`)", "!Path(`/a/b`)", True),
    ("!Path(`/a/b`)", "!PathPrefix(`/a`)", False),
    ("Method(`get`)", "!Method(`POST`)", True),
    ("Header(`X-A`, `1`)", "HeaderRegexp(`x-a`, `[0-9]`)", True),
    ("Header(`X-A`, `1`)", "!Header(`X-A`, `2`)", False),  # there may be two of it
    ("Header(`Host`, `a`)", "Host(`b`)", True),  # never holds
    ("Query(`a`)", "QueryRegexp(`a`)", True),
    ("Query(`a`, `1`)", "QueryRegexp(`a`, `1`)", True),
    ("ClientIP(`192.0.2.1`)", "ClientIP(`192.0.2.0/24`)", True),
    ("ClientIP(`192.0.2.0/24`)", "ClientIP(`192.0.2.1`)", False),
    ("ClientIP(`192.0.2.1`)", "!ClientIP(`198.51.100.0/24`)", True),
    ("ClientIP(`2001:db8::1`)", "ClientIP(`0.0.0.0/0`)", False),
    ("Host(`a`) && !Host(`a`)", "Path(`/x`)", True),
    ("Host(`a`) && Host(`b`)", "Path(`/x`)", True),
]  # fmt: skip


@pytest.mark.parametrize(("first", "second", "expected"), FOLLOWS)
def test_what_follows_from_what(first: str, second: str, expected: bool):
    assert follows(first, second) is expected


FOLLOWS_V2 = [
    ("Host(`a`)", "Host(`b`, `a`)", True),
    ("Host(`a`, `b`)", "Host(`a`)", False),
    ("HostHeader(`a`)", "Host(`a`)", True),
    ("Path(`/users/1`)", "Path(`/users/{id:[0-9]+}`)", True),
    ("Path(`/users/x`)", "Path(`/users/{id:[0-9]+}`)", False),
    ("PathPrefix(`/{x}`)", "PathPrefix(`/{x}`)", True),
    ("PathPrefix(`/{x}`)", "Path(`/{x}`)", False),
    ("Headers(`a`, `1`, `b`, `2`)", "Headers(`b`, `2`)", True),
    ("!Headers(`b`, `2`)", "!Headers(`a`, `1`, `b`, `2`)", True),
    ("Query(`a=1`, `b=2`)", "Query(`b=2`)", True),
    ("Query(`a=1`)", "Query(`a={x}`)", False),
    ("!Host(`a`, `b`)", "!Host(`a`)", True),
]


@pytest.mark.parametrize(("first", "second", "expected"), FOLLOWS_V2)
def test_what_follows_in_the_older_syntax(first: str, second: str, expected: bool):
    assert follows(first, second, "v2") is expected


FOLLOWS_TCP = [
    ("HostSNI(`a.x`)", "HostSNI(`*`)", True),
    ("HostSNI(`A.x`)", "HostSNI(`*.x`)", True),
    ("HostSNI(`a.x`)", "HostSNIRegexp(`^a`)", True),
    ("HostSNI(`*`)", "HostSNIRegexp(`.+`)", False),
    ("HostSNI(`a`) && ALPN(`h2`)", "ALPN(`h2`)", True),
    ("ALPN(`h2`)", "!ALPN(`http/1.1`)", False),
    ("ClientIP(`192.0.2.1`)", "ClientIP(`192.0.2.0/31`)", True),
]


@pytest.mark.parametrize(("first", "second", "expected"), FOLLOWS_TCP)
def test_what_follows_for_connections(first: str, second: str, expected: bool):
    assert follows(first, second, kind="tcp") is expected


def test_paths_behind_middlewares_may_lack_their_slash():
    assert not follows("Host(`a`)", "PathPrefix(`/`)", has_root_paths=False)


def test_true_and_false():
    proofs = Proofs()
    assert proofs.follows(FALSE, TRUE)
    assert not proofs.follows(TRUE, FALSE)


def test_a_rule_with_too_many_alternatives_is_refused():
    half = " || ".join(f"Host(`h{number}`)" for number in range(MOST_TERMS // 2))
    other = " || ".join(f"Header(`h`, `{number}`)" for number in range(3))
    with pytest.raises(TooManyTermsError):
        TermReader(Proofs(), "http").terms(parse(f"({half}) && ({other})"), "v3")


LEAVES = [
    *("Host(`a.x`)", "Host(`a.x.`)", "Host(`b.x`)", "Host(`*.x`)", "Host(`*`)", "Host(`x`)", "HostRegexp(`^a\\.`)"),
    *("HostRegexp(`x*`)", "Path(`/a`)", "Path(`/a/b`)", "PathPrefix(`/`)", "PathPrefix(`/a`)", "PathPrefix(`/a/b`)"),
    *("PathRegexp(`^/a`)", "Method(`GET`)", "Method(`POST`)", "Header(`X-A`, `1`)", "Header(`X-A`, `2`)"),
    *("HeaderRegexp(`X-A`, `[12]`)", "Query(`q`)", "Query(`q`, `1`)", "QueryRegexp(`q`, `.`)", "Header(`Host`, `1`)"),
    *("ClientIP(`192.0.2.1`)", "ClientIP(`192.0.2.0/30`)", "ClientIP(`::/0`)"),
]
LEAVES_V2 = [
    *("Host(`a.x`)", "Host(`a.x`, `b.x`)", "HostHeader(`b.x`)", "HostRegexp(`{s:[ab]}.x`)", "Path(`/a`, `/a/b`)"),
    *("Path(`/{x}`)", "PathPrefix(`/{x}`)", "PathPrefix(`/`)", "Method(`GET`, `POST`)", "Headers(`X-A`, `1`)"),
    *("Headers(`X-A`, `1`, `X-B`, `1`)", "HeadersRegexp(`X-A`, `.`)", "Query(`q=1`)", "Query(`q={x}`)"),
    *("ClientIP(`192.0.2.1`, `192.0.2.9`)", "Headers(`Host`, `a`)", "Query(`q=`)"),
]
LEAVES_TCP = [
    *("HostSNI(`*`)", "HostSNI(`a.x`)", "HostSNI(`*.x`)", "HostSNI(`b.x`)", "HostSNIRegexp(`^a`)", "ALPN(`h2`)"),
    *("ALPN(`h3`)", "ClientIP(`192.0.2.1`)", "ClientIP(`192.0.2.0/30`)"),
]
LEAVES_TCP_V2 = ["HostSNI(`a.x`, `*`)", "HostSNI(`a.x.`)", "HostSNI(`*`, `b`)", "HostSNIRegexp(`{s:[ab]}.x`)"]


def rules(leaves: list[str]) -> st.SearchStrategy[str]:
    leaf = st.sampled_from(leaves) | st.sampled_from([f"!{leaf}" for leaf in leaves])
    return st.recursive(
        leaf,
        lambda inner: st.tuples(inner, st.sampled_from(["&&", "||"]), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        max_leaves=6,
    )


def _requests() -> st.SearchStrategy[Request]:
    headers = st.sampled_from([{}, {"X_A": "1"}, {"X_A": "2"}, {"X_A": "3", "X_B": "1"}])
    return st.builds(
        lambda host, path, query, method, peer, more: request(host, path, query, method, peer, **more),
        st.sampled_from(["", "x", "a.x", "a.x.", "a.x..", "b.x", "c.x", "a", "b.a.x"]),
        st.sampled_from(["/", "/a", "/a/", "/a/b", "/b"]),
        st.sampled_from([None, b"", b"q", b"q=1", b"q=2&q=1"]),
        st.sampled_from([b"GET", b"POST", b"PUT"]),
        st.sampled_from(["192.0.2.1", "192.0.2.3", "192.0.2.9", "::1", ""]),
        headers,
    )


def _check(rule: str, other: str, requests: list[Request], syntax: Syntax) -> None:
    first, second = (link_http(parse(text, syntax=syntax), syntax) for text in (rule, other))
    if follows(rule, other, syntax):
        assert not [made for made in requests if first(made) and not second(made)]


@settings(max_examples=300, deadline=None)
@given(rules(LEAVES), rules(LEAVES), st.lists(_requests(), min_size=5, max_size=30))
def test_nothing_is_claimed_that_requests_refute(rule: str, other: str, requests: list[Request]):
    _check(rule, other, requests, "v3")


@settings(max_examples=200, deadline=None)
@given(rules(LEAVES_V2), rules(LEAVES_V2), st.lists(_requests(), min_size=5, max_size=30))
def test_nothing_is_claimed_that_requests_refute_in_the_older_syntax(rule: str, other: str, requests: list[Request]):
    _check(rule, other, requests, "v2")


@settings(max_examples=300, deadline=None)
@given(rules(LEAVES), st.lists(_requests(), min_size=5, max_size=30))
def test_terms_hold_when_the_rule_does(rule: str, requests: list[Request]):
    """A rule without a term is one that no request fulfils."""
    if not TermReader(Proofs(), "http").terms(parse(rule), "v3"):
        assert not any(map(link_http(parse(rule), "v3"), requests))


_FACTS = st.builds(
    TCPFacts,
    st.sampled_from(["", "x", "a.x", "a.x.", "b.x", "a"]),
    st.sampled_from([(), ("h2",), ("h2", "h3")]),
    st.sampled_from(["192.0.2.1", "192.0.2.3", "192.0.2.9"]),
)


@settings(max_examples=200, deadline=None)
@given(st.data(), st.lists(_FACTS, min_size=5, max_size=20), st.sampled_from(["v3", "v2"]))
def test_nothing_is_claimed_that_connections_refute(data: st.DataObject, facts: list[TCPFacts], syntax: Syntax):
    leaves = LEAVES_TCP if syntax == "v3" else [*LEAVES_TCP_V2, "ALPN(`h2`, `h3`)"]
    rule, other = data.draw(rules(leaves)), data.draw(rules(leaves))
    first, second = (link_tcp(parse(text, "tcp", syntax), syntax) for text in (rule, other))
    if follows(rule, other, syntax, "tcp"):
        assert not [one for one in facts if first(one) and not second(one)]
