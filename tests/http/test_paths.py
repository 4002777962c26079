"""Paths: what clients write, what servers get and what rules see."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trafficcop.http.paths import normalize, routing_path, sanitize


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"/", b"/"),
        (b"*", b"*"),
        (b"", b""),
        (b"/a-b._~!$&'()*+,;=:@[x]", b"/a-b._~!$&'()*+,;=:@[x]"),
        (b"/%41%7a%2D%2e%5F%7E%30", b"/Az-._~0"),
        (b"/%2f%3a%c3%a9", b"/%2F%3A%C3%A9"),
        (b"/%2F%25", b"/%2F%25"),
        (b"/%2541", b"/%2541"),  # decoded once, never twice
        (b'/a b{c}|\\^`"<>', b"/a%20b%7Bc%7D%7C%5C%5E%60%22%3C%3E"),
        (b"/\xc3\xa9\n", b"/%C3%A9%0A"),
        (b"/%", None),
        (b"/%4", None),
        (b"/%zz", None),
        (b"/%4g%41", None),
        (b"/%\n1", None),
    ],
)
def test_normalize(raw: bytes, expected: bytes | None) -> None:
    assert normalize(raw) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"/", b"/"),
        (b"*", b"*"),
        (b"", b""),
        (b"/a/b", b"/a/b"),
        (b"//", b"/"),
        (b"//a///b", b"/a/b"),
        (b"/a/b/", b"/a/b/"),
        (b"/a//", b"/a/"),
        (b"/a/.", b"/a"),
        (b"/a/./", b"/a/"),
        (b"/a/..", b"/"),
        (b"/a/../", b"/"),
        (b"/a/b/../c", b"/a/c"),
        (b"/../../etc", b"/etc"),
        (b"/.", b"/"),
        (b"/..", b"/"),
        (b"/.well-known/x", b"/.well-known/x"),
        (b"/a/...", b"/a/..."),
        (b"/a/..b/.c", b"/a/..b/.c"),
        (b"/a/%2F/../b", b"/a/b"),
    ],
)
def test_sanitize(raw: bytes, expected: bytes) -> None:
    assert sanitize(raw) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"/plain", b"/plain"),
        (b"/foo%20bar", b"/foo bar"),
        (b"/%C3%A9", b"/\xc3\xa9"),
        (b"/%3A%2F%3F%23%5B%5D%40", b"/%3A%2F%3F%23%5B%5D%40"),
        (b"/%21%24%26%27%28%29%2A%2B%2C%3B%3D", b"/%21%24%26%27%28%29%2A%2B%2C%3B%3D"),
        (b"/%2f%3a", b"/%2F%3A"),
        (b"/%25%32%46", b"/%252F"),
        (b"/%00%0A%5c", b"/\x00\n\\"),
        (b"/%", None),
        (b"/%2", None),
        (b"/a%2x", None),
    ],
)
def test_routing_path(raw: bytes, expected: bytes | None) -> None:
    assert routing_path(raw) == expected


PATHS = st.lists(st.sampled_from([b"/", b".", b"..", b"a", b"%2e", b"%2F", b"%25", b"%41", b"{", b"\xff"]), max_size=12)


@given(PATHS.map(lambda parts: b"/" + b"".join(parts)))
def test_what_was_cleaned_stays_as_it_is(raw: bytes) -> None:
    normal = normalize(raw)
    assert normal is not None
    assert normalize(normal) == normal
    clean = sanitize(normal)
    assert sanitize(clean) == clean
    assert normalize(clean) == clean
    assert clean.startswith(b"/")
    assert not {b".", b".."} & set(clean.split(b"/"))
    assert b"" not in clean.split(b"/")[1:-1]
    assert routing_path(clean) is not None


@given(st.binary(max_size=40))
def test_any_bytes_are_answered(raw: bytes) -> None:
    normal = normalize(raw)
    assert (normal is None) == (routing_path(raw) is None)
    if normal is not None:
        assert normal.isascii()
