"""Rules of the v2 syntax written in v3: the same requests match."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rules.test_matchers import request
from tests.rules.test_terms import rules
from trafficcop.rules.matchers import link_http
from trafficcop.rules.modern import NoModernFormError, modern_form
from trafficcop.rules.parse import parse

FORMS = [
    ("Host(`a`, `b`)", "Host(`a`) || Host(`b`)"),
    ("Host(`a`, `b`) && Path(`/x`)", "(Host(`a`) || Host(`b`)) && Path(`/x`)"),
    ("!Host(`a`, `b`)", "!Host(`a`) && !Host(`b`)"),
    ("HostHeader(`a`)", "Host(`a`)"),
    ("HostRegexp(`{sub:[a-z]+}.x`)", "HostRegexp(`(?i)^([a-z]+)\\.x$`)"),
    ("Path(`/users/{id}`, `/me`)", "PathRegexp(`^/users/([^/]+)$`) || Path(`/me`)"),
    ("PathPrefix(`/{id:[0-9]+}`)", "PathRegexp(`^/([0-9]+)`)"),
    ("Headers(`a`, `1`, `b`, `2`)", "Header(`a`, `1`) && Header(`b`, `2`)"),
    ("!Headers(`a`, `1`, `b`, `2`) && Method(`GET`)", "(!Header(`a`, `1`) || !Header(`b`, `2`)) && Method(`GET`)"),
    ("HeadersRegexp(`a`, `[12]`)", "HeaderRegexp(`a`, `[12]`)"),
    ("Query(`a=1`, `b=2`)", "Query(`a`, `1`) && Query(`b`, `2`)"),
    ("Query(`a={v:[0-9]}`)", "QueryRegexp(`a`, `^([0-9])$`)"),
    ('Headers(`a`, "x`y")', 'Header(`a`, "x`y")'),
]


@pytest.mark.parametrize(("old", "new"), FORMS)
def test_the_form_in_v3(old: str, new: str):
    assert modern_form(parse(old, syntax="v2")) == new
    link_http(parse(new), "v3")


def test_streams():
    node = parse("HostSNI(`a`, `b`) && ALPN(`h2`)", "tcp", "v2")
    assert modern_form(node, "tcp") == "(HostSNI(`a`) || HostSNI(`b`)) && ALPN(`h2`)"


def test_a_key_from_a_template_has_no_form():
    with pytest.raises(NoModernFormError):
        modern_form(parse("Query(`{k}=1`)", syntax="v2"))


LEAVES = [
    *("Host(`a.x`)", "Host(`a.x`, `b.x`)", "HostHeader(`b.x`)", "HostRegexp(`{s:[ab]}.x`)", "Path(`/a`, `/a/b`)"),
    *("Path(`/{x}`)", "PathPrefix(`/{x}`)", "PathPrefix(`/`)", "Method(`GET`, `POST`)", "Headers(`X-A`, `1`)"),
    *("Headers(`X-A`, `1`, `X-B`, `1`)", "HeadersRegexp(`X-A`, `.`)", "Query(`q=1`)", "ClientIP(`192.0.2.1`)"),
]


@settings(max_examples=200, deadline=None)
@given(
    rules(LEAVES),
    st.sampled_from(["", "a.x", "a.x.", "b.x", "c.x"]),
    st.sampled_from(["/", "/a", "/a/b"]),
    st.sampled_from([None, b"q=1", b"q=2"]),
    st.sampled_from([b"GET", b"PUT"]),
)
def test_the_same_requests_match(rule: str, host: str, path: str, query: bytes | None, method: bytes):
    old = parse(rule, syntax="v2")
    made = request(host, path, query, method, X_A="1")
    assert link_http(parse(modern_form(old)), "v3")(made) == link_http(old, "v2")(made)
