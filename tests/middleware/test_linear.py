"""Expressions for Python's own engine: they mean what they mean to RE2, and nothing has to be tried twice."""

from __future__ import annotations

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from trafficcop.middleware.linear import linear
from trafficcop.middleware.patterns import Pattern, Replacement

OPTIONS = re2.Options()
OPTIONS.log_errors = False
OPTIONS.encoding = re2.Options.Encoding.LATIN1  # bytes are characters, as bytes beyond UTF-8 are to Go


@pytest.mark.parametrize(
    "expression",
    [
        "^/app/(.*)",
        "^/app/(.*)$",
        "^http://old[.]example[.]com/(.*)",
        r"^https://([a-z]+)\.example\.com$",
        "^/([^/]+)/([^/]+)/(.*)$",
        "/[a-z]+/",
        r"/foo/[a-z0-9]+/\d+/",
        "^a*b*c",
        "",
        "^$",
        r"^a\$",
    ],
)
def test_usual_ones_are_linear(expression: str) -> None:
    assert linear(expression) is not None


@pytest.mark.parametrize(
    "expression",
    [
        "^(a+)+$",
        "^(a*)*",
        "^.*a",
        "^a*a",
        "^a*b*a",
        "^[a-c]+[c-e]",
        "^a|b",
        "^(?i)a",
        "^(?:a)",
        "^a?",
        "^a{2}",
        "^a+?",
        "^a**",
        "^(",
        "^)",
        "^())(",
        "^[^/]",
        "^.",
        "^é",
        "^[é]",
        "^[[:alpha:]]",
        "^[a&&b]",
        "^[b-a]",
        r"^\b",
        r"^\pL",
        r"^\s",
        "(?m)^a",
        "^a$$",
        "^()*",
        "a^",
        "^[]a]",
        r"^[\d]",
    ],
)
def test_others_are_not(expression: str) -> None:
    assert linear(expression) is None


_ATOM = st.sampled_from(["a", "b", "/", ".", r"\.", "[a-c]", "[^/]", "[^a-b]", r"\d", r"\w", "1", "[a/-]", "-"])
_EXPRESSION = st.lists(
    st.tuples(st.sampled_from(["", "("]), _ATOM, st.sampled_from(["", "", "*", "+"]), st.sampled_from(["", ")"])),
    max_size=6,
)
_TEXT = st.lists(st.sampled_from([b"a", b"b", b"c", b"/", b".", b"1", b"-", b"\n", "é".encode(), b"\xff"]), max_size=12)


@given(_EXPRESSION, st.booleans(), _TEXT)
def test_they_match_what_re2_matches(
    pieces: list[tuple[str, str, str, str]], is_to_the_end: bool, texts: list[bytes]
) -> None:
    expression = "".join(map("".join, pieces)) + ("$" if is_to_the_end else "")
    quick, text = linear(expression), b"".join(texts)
    if quick is None:
        return
    match, expected = quick.match(text), re2.compile(b"^(?:" + expression.encode() + b")", OPTIONS).search(text)
    spans = None if expected is None else [expected.span(group) for group in range(quick.groups + 1)]
    assert (None if match is None else list(match.regs)) == spans


def test_where_a_match_is() -> None:
    for expression in ("^/([a-z]+)/(.*)", "^/([a-z]+|x)/(.*)"):
        pattern = Pattern(expression)
        assert list(pattern.spans(b"/ab/c") or ()) == [(0, 5), (1, 3), (4, 5)]
        assert pattern.spans(b"/ab/c", 1) is None
        assert (pattern.length_at_start(b"/ab/c"), pattern.length_at_start(b"x/ab/c")) == (5, 0)
        assert Replacement(pattern, "$2-$1").in_all(b"/ab/c") == b"c-ab"
    for expression in ("b+/", "(b|x)+/"):
        pattern = Pattern(expression)
        assert next(iter(pattern.spans(b"abb/c") or ())) == (1, 4)
        assert (pattern.length_at_start(b"abb/"), pattern.length_at_start(b"bb/")) == (0, 3)


def test_long_texts_do_not_take_long() -> None:
    for expression in ("^([a-z]+)/([a-z]+)/x$", "^a*b*c*$", r"^\w+[.]\w+$"):
        quick = linear(expression)
        assert quick is not None
        assert quick.match(b"a" * 1_000_000 + b"!") is None
