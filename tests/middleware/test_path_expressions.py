"""stripPrefixRegex, replacePathRegex, redirectRegex, encodedCharacters."""

from __future__ import annotations

import pytest

from tests.support import Origin, build, make_request, run, values
from trafficcop.config.middlewares import EncodedCharacters, RedirectRegex, ReplacePathRegex, StripPrefixRegex
from trafficcop.middleware.patterns import Pattern, Replacement
from trafficcop.middleware.redirects import location_of


@pytest.mark.parametrize(
    ("regex", "target", "expected", "stripped"),
    [
        ((r"^/a/\d+",), "/a/12/b?q", "/b?q", "/a/12"),
        ((r" /[a-z]+ ",), "/abc/d", "/d", "/abc"),
        ((r"/b",), "/a/b", "/a/b", None),
        ((r"x*",), "/a", "/a", None),
        ((r"/x", r"/a"), "/a/b", "/b", "/a"),
        ((r"/a b",), "/a%20b/c%2Fd", "/c%2Fd", "/a b"),
        ((r"/.*",), "/a?q", "?q", "/a"),
    ],
)
async def test_strip_prefix_regex(regex: tuple[str, ...], target: str, expected: str, stripped: str | None) -> None:
    origin = Origin()
    await run(build("strip_prefix_regex", StripPrefixRegex(regex), origin), make_request(target))
    assert origin.last.target == expected.encode()
    assert values(origin.last, "X-Forwarded-Prefix") == ([] if stripped is None else [stripped])


@pytest.mark.parametrize(
    ("target", "status", "body"),
    [("/a//b", 400, b"Bad Request\n"), ("/a%0D%0Ax/b", 500, b"Internal Server Error")],
)
async def test_strip_prefix_regex_refuses(target: str, status: int, body: bytes) -> None:
    origin = Origin()
    handler = build("strip_prefix_regex", StripPrefixRegex((r"/a[^/]*",)), origin)
    answer = await run(handler, make_request(target))
    assert (answer[0], answer[2]) == (status, body)
    assert origin.requests == []


@pytest.mark.parametrize(
    ("regex", "replacement", "target", "expected", "old"),
    [
        ("^/a/(.*)", "/b/$1", "/a/c?q", "/b/c?q", "/a/c"),
        (" ^/a ", " /b ", "/a/c", "/b/c", "/a/c"),
        ("/a", "/b", "/a/a", "/b/b", "/a/a"),
        ("/x", "/b", "/a", "/a", None),
        ("^/a%20(.)", "/${1}b", "/a%20c", "/cb", "/a%20c"),
        ("^/(?P<n>.)", "/$n%2F", "/a", "/a%2F", "/a"),
        (".*", "", "/a", "", "/a"),
        ("a", "b c", "/a", "/b%20c", "/a"),
    ],
)
async def test_replace_path_regex(regex: str, replacement: str, target: str, expected: str, old: str | None) -> None:
    origin = Origin()
    handler = build("replace_path_regex", ReplacePathRegex(regex, replacement), origin)
    await run(handler, make_request(target))
    assert origin.last.target == expected.encode()
    assert values(origin.last, "X-Replaced-Path") == ([] if old is None else [old])


@pytest.mark.parametrize(
    ("replacement", "status", "body"),
    [
        ("/../b", 400, b"Bad Request\n"),
        ("//b", 400, b"Bad Request\n"),
        ("/%zz", 500, b'invalid URL escape "%zz"\n'),
    ],
)
async def test_replace_path_regex_refuses(replacement: str, status: int, body: bytes) -> None:
    origin = Origin()
    handler = build("replace_path_regex", ReplacePathRegex("^/a", replacement), origin)
    answer = await run(handler, make_request("/a"))
    assert (answer[0], answer[2]) == (status, body)
    assert origin.requests == []


@pytest.mark.parametrize(
    ("regex", "replacement", "host", "target", "location"),
    [
        ("^http://example.com/(.*)", "https://example.org/${1}", "example.com", "/a?b=c", "https://example.org/a?b=c"),
        ("^http://example.com:80/(.*)", "http://x/$1", "example.com:80", "/a", "http://x/a"),
        ("example.com", "example.org", "example.com", "/example.com", "http://example.org/example.org"),
        ("^.*$", "/other page", "example.com", "/", "/other%20page"),
        ("^http://other/", "http://x/", "example.com", "/", None),
        ("^(http://example.com/.*)$", "$1", "example.com", "/a", None),
    ],
)
async def test_redirect_regex(regex: str, replacement: str, host: str, target: str, location: str | None) -> None:
    handler = build("redirect_regex", RedirectRegex(False, regex, replacement), Origin())
    status, headers, body = await run(handler, make_request(target, host=host))
    if location is None:
        assert (status, body) == (200, b"hello")
    else:
        assert (status, headers, body) == (302, {"Location": location}, b"Found")


async def test_redirect_regex_knows_tls_and_methods() -> None:
    handler = build("redirect_regex", RedirectRegex(True, "^https://(.*)", "http://$1"), Origin())
    request = make_request(method="POST", is_tls=True)
    assert await run(handler, request) == (308, {"Location": "http://example.com/"}, b"Permanent Redirect")
    assert (await run(handler, make_request()))[0] == 200


async def test_a_redirection_to_no_url_is_an_error() -> None:
    handler = build("redirect_regex", RedirectRegex(False, ".*", "http://a b/"), Origin())
    assert await run(handler, make_request()) == (502, {}, b"Bad Gateway")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("HTTP://Example.com:80/a b?c d#e f", "http://Example.com:80/a%20b?c d#e%20f"),
        ("http://[2001:db8::1]:80/%2f", "http://[2001:db8::1]:80/%2f"),
        ("//example.com/ü", "//example.com/%C3%BC"),
        ("mailto:a@example.com", "mailto:a@example.com"),
        ("/a{}", "/a%7B%7D"),
    ],
)
def test_locations(url: str, expected: str) -> None:
    assert location_of(url.encode()) == expected.encode()


@pytest.mark.parametrize("url", ["http://a\n/", "http://a:8x/", "http://a/%zz", "1:2", "http://a b/"])
def test_no_locations(url: str) -> None:
    with pytest.raises(ValueError):
        location_of(url.encode())


@pytest.mark.parametrize(
    ("regex", "template", "text", "expected"),
    [
        ("(a)(b)?", "[$1-$2]", "aba", "[a-b][a-]"),
        ("a*", "-", "baac", "-b-c-"),
        ("", "-", "é1", "-é-1-"),
        ("a", "$$1", "a", "$1"),
        ("(a)", "$1x", "a", ""),
        ("(a)", "${1}x", "a", "ax"),
        ("(?P<name>a)", "${name}$name", "a", "aa"),
        ("a", "$0$9", "a", "a"),
        ("a", "${", "a", "${"),
        ("$", "!", "a", "a!"),
    ],
)
def test_replacement(regex: str, template: str, text: str, expected: str) -> None:
    pattern = Pattern(regex)
    assert Replacement(pattern, template).in_all(text.encode()) == expected.encode()


@pytest.mark.parametrize(
    ("regex", "text", "expected"),
    [(".*", b"/a\xe4b", (0, 4)), ("/[^/]+", b"x/\xff\xfe/", (1, 4)), ("é+", "aéé".encode(), (1, 5))],
)
def test_bytes_that_are_no_text_are_characters(regex: str, text: bytes, expected: tuple[int, int]) -> None:
    spans = Pattern(regex).spans(text)
    assert spans is not None
    assert spans[0] == expected


async def test_outcomes_are_remembered_for_so_many_texts_only() -> None:
    origin = Origin()
    handler = build("replace_path_regex", ReplacePathRegex(regex="^/(.*)", replacement="/x/$1"), origin)
    for target in ["/a", "/b", "/a", *(f"/{number}" for number in range(3000)), "/a", "/" + "y" * 600, "/" + "y" * 600]:
        await run(handler, make_request(target))
        assert origin.last.raw_path == b"/x" + target.encode()
        assert values(origin.last, "X-Replaced-Path") == [target]


async def test_redirections_are_remembered_by_the_whole_url() -> None:
    handler = build("redirect_regex", RedirectRegex(regex="^http://a/(.*)", replacement="https://b/$1"), Origin())
    for host, target, is_tls in [("a", "/x", False), ("a", "/x", True), ("c", "/x", False), ("a", "/x?y", False)] * 2:
        status, headers, _ = await run(handler, make_request(target, host=host, is_tls=is_tls))
        is_moved = host == "a" and not is_tls
        assert (status, headers.get("Location")) == ((302, f"https://b{target}") if is_moved else (200, None))


@pytest.mark.parametrize(("regex", "text"), [("^b", "ab"), ("c", "ab"), ("c", ""), ("^$", "a")])
def test_no_match(regex: str, text: str) -> None:
    assert Replacement(Pattern(regex), "x").in_all(text.encode()) is None


@pytest.mark.parametrize(
    ("regex", "expected"),
    [("^a", "xa\na"), ("(?m)^a", "xa\nx"), ("^a|a$", "xa\nx"), (r"\Aa*", "x\na"), ("^", "xaa\na")],
)
def test_matches_at_the_start(regex: str, expected: str) -> None:
    assert Replacement(Pattern(regex), "x").in_all(b"aa\na") == expected.encode()


@pytest.mark.parametrize(
    ("kind", "config", "text"),
    [
        ("strip_prefix_regex", StripPrefixRegex(("(",)), r"^error parsing regexp: missing \)"),
        ("replace_path_regex", ReplacePathRegex("(", ""), r"^error compiling regular expression \(: error parsing"),
        ("redirect_regex", RedirectRegex(False, "(?=a)", ""), r"^error parsing regexp: "),
    ],
)
def test_bad_expressions(kind: str, config: object, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        build(kind, config, Origin())


CODES = [
    ("allow_encoded_slash", "%2F"),
    ("allow_encoded_slash", "%2f"),
    ("allow_encoded_back_slash", "%5C"),
    ("allow_encoded_null_character", "%00"),
    ("allow_encoded_semicolon", "%3b"),
    ("allow_encoded_percent", "%25"),
    ("allow_encoded_question_mark", "%3F"),
    ("allow_encoded_hash", "%23"),
]


@pytest.mark.parametrize(("option", "code"), CODES)
async def test_encoded_characters(option: str, code: str) -> None:
    request = make_request(f"/a{code}b%20")
    denied = build("encoded_characters", EncodedCharacters(), Origin())
    assert await run(denied, request) == (400, {}, b"")
    allowed = build("encoded_characters", EncodedCharacters(**{option: True}), Origin())
    assert (await run(allowed, request))[0] == 200
    assert (await run(denied, make_request("/a%20b?%2F")))[0] == 200


def test_nothing_denied_is_nothing_done() -> None:
    origin = Origin()
    everything = EncodedCharacters(**{option: True for option, _ in CODES})
    assert build("encoded_characters", everything, origin) is origin
