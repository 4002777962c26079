"""Warnings about rules that load but hardly mean what they say."""

import pytest

from trafficcop.rules.hints import hints
from trafficcop.rules.parse import parse


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("HostRegexp(`{sub:[a-z]+}.example.com`)", "{sub:[a-z]+}"),
        ("HostRegexp(`{sub:[a-z]{2,3}}.example.com`)", "{sub:[a-z]{2,3}}"),
        ("Host(`a`) && PathPrefix(`/users/{id}`)", "{id}"),
        ("!Path(`/{id:[0-9]+}`)", "ruleSyntax: v2"),
    ],
)
def test_templates_in_v3(rule: str, words: str) -> None:
    (hint,) = hints(parse(rule), "v3")
    assert words in hint


def test_nothing_to_say() -> None:
    assert hints(parse("HostRegexp(`^[a-z]{2,3}\\.x{3}$`) && Path(`/{}`) && Header(`a`, `{b}`)"), "v3") == ()
    assert hints(parse("Path(`/{id}`)", syntax="v2"), "v2") == ()
