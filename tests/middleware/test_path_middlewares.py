"""addPrefix, stripPrefix, replacePath: what reaches the server."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import Origin, build, make_request, run, values
from trafficcop.config.middlewares import AddPrefix, ReplacePath, StripPrefix
from trafficcop.middleware.paths import encoded, escape, is_clean, unescape


@pytest.mark.parametrize(
    ("prefix", "target", "expected"),
    [
        ("/a", "/b?c=d", "/a/b?c=d"),
        ("a", "/b", "/a/b"),
        ("/a/", "/", "/a//"),
        ("/a b", "/c", "/a%20b/c"),
        ("/a b", "/c%2Fd", "/a%20b/c/d"),
        ("/a%b", "/c", "/a%25b/c"),
        ("/ü", "/", "/%C3%BC/"),
        ("/a", "/c%2Fd", "/a/c%2Fd"),
    ],
)
async def test_add_prefix(prefix: str, target: str, expected: str) -> None:
    origin = Origin()
    status, _, _ = await run(build("add_prefix", AddPrefix(prefix), origin), make_request(target))
    assert status == 200
    assert origin.last.target == expected.encode()
    assert origin.last.path == target.partition("?")[0].encode()


def test_add_prefix_needs_one() -> None:
    with pytest.raises(ValueError, match=r"^prefix cannot be empty$"):
        build("add_prefix", AddPrefix(), Origin())


@pytest.mark.parametrize(
    ("prefixes", "force", "target", "expected", "stripped"),
    [
        (("/a",), None, "/a/b?q", "/b?q", "/a"),
        (("/a",), None, "/ab", "/b", "/a"),
        (("/a",), None, "/c/a", "/c/a", None),
        (("/a",), None, "/a", "", "/a"),
        (("/a",), True, "/a", "/", "/a"),
        (("/a",), True, "/a/b", "/b", "/a"),
        ((" /a ",), None, "/a/b", "/b", "/a"),
        (("/x", "/a", "/a/b"), None, "/a/b/c", "/b/c", "/a"),
        (("/a/b", "/a"), None, "/a/b/c", "/c", "/a/b"),
        (("/a b",), None, "/a%20b/c", "/c", "/a b"),
        (("/a",), None, "/a/c%2Fd", "/c%2Fd", "/a"),
        (("/a",), None, "/a%2Fd", "/d", "/a"),
        (("/a",), None, "/%61/d", "/d", "/a"),
        (("/a/",), None, "/a/b/", "/b/", "/a/"),
        (("/a",), None, "/a/.b", "/.b", "/a"),
    ],
)
async def test_strip_prefix(
    prefixes: tuple[str, ...], force: bool | None, target: str, expected: str, stripped: str | None
) -> None:
    origin = Origin()
    handler = build("strip_prefix", StripPrefix(force, prefixes), origin)
    status, _, _ = await run(handler, make_request(target))
    assert status == 200
    assert origin.last.raw_path + (b"?q" if origin.last.query else b"") == expected.encode()
    assert values(origin.last, "X-Forwarded-Prefix") == ([] if stripped is None else [stripped])


@pytest.mark.parametrize("target", ["/a//b", "/a/../b", "/a/./b", "/a/b/..", "/a/."])
async def test_strip_prefix_refuses_what_is_not_clean(target: str) -> None:
    origin = Origin()
    status, headers, body = await run(build("strip_prefix", StripPrefix(None, ("/a",)), origin), make_request(target))
    assert (status, body) == (400, b"Bad Request\n")
    assert headers == {"Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff"}
    assert origin.requests == []


async def test_a_second_prefix_is_added_to_the_first() -> None:
    origin = Origin()
    inner = build("strip_prefix", StripPrefix(None, ("/b",)), origin)
    await run(build("strip_prefix", StripPrefix(None, ("/a",)), inner), make_request("/a/b/c"))
    assert values(origin.last, "x-forwarded-prefix") == ["/a", "/b"]
    assert origin.last.target == b"/c"


async def test_an_emptied_path_takes_a_prefix_without_a_slash() -> None:
    origin = Origin()
    inner = build("add_prefix", AddPrefix("/new"), origin)
    await run(build("strip_prefix", StripPrefix(None, ("/old",)), inner), make_request("/old?x"))
    assert origin.last.target == b"/new?x"


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/new", "/new?q=1"), ("/a%2Fb", "/a%2Fb?q=1"), ("/a b", "/a%20b?q=1"), ("/a?b", "/a%3Fb?q=1")],
)
async def test_replace_path(path: str, expected: str) -> None:
    origin = Origin()
    await run(build("replace_path", ReplacePath(path), origin), make_request("/old%20one?q=1"))
    assert origin.last.target == expected.encode()
    assert values(origin.last, "X-Replaced-Path") == ["/old%20one"]


async def test_replace_path_with_a_bad_escape_fails_each_request() -> None:
    origin = Origin()
    status, _, body = await run(build("replace_path", ReplacePath("/a%zz"), origin), make_request("/"))
    assert (status, body) == (500, b'invalid URL escape "%zz"\n')
    assert origin.requests == []


@given(st.binary(max_size=40))
def test_escaping_is_undone_by_unescaping(path: bytes) -> None:
    assert unescape(escape(path)) == path
    assert encoded(path, escape(path)) == escape(path)


@given(st.lists(st.sampled_from([b"a", b".", b"..", b"", b".b", b"..."]), max_size=6))
def test_a_path_is_clean_without_dot_segments_and_empty_ones(segments: list[bytes]) -> None:
    path = b"/" + b"/".join(segments)
    inner, last = segments[:-1], segments[-1:]
    is_bad = any(part in (b"", b".", b"..") for part in inner) or last in ([b"."], [b".."])
    assert is_clean(path) is not is_bad
