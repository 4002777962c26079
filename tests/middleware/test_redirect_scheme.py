"""redirectScheme."""

from __future__ import annotations

import pytest

from tests.support import Origin, build, make_request, run
from trafficcop.config.middlewares import RedirectScheme

HTTPS = RedirectScheme(scheme="https")


@pytest.mark.parametrize(
    ("config", "host", "target", "location"),
    [
        (HTTPS, "example.com", "/a?b=c", "https://example.com/a?b=c"),
        (HTTPS, "example.com:80", "/", "https://example.com/"),
        (HTTPS, "example.com:8080", "/", "https://example.com/"),
        (HTTPS, "[::1]", "/", "https://[::1]/"),
        (HTTPS, "[::1]:8080", "/", "https://[::1]/"),
        (RedirectScheme(scheme="https", port="443"), "example.com", "/", "https://example.com/"),
        (RedirectScheme(scheme="https", port="8443"), "example.com", "/", "https://example.com:8443/"),
        (RedirectScheme(scheme="http", port="80"), "example.com:8080", "/", "http://example.com/"),
        (RedirectScheme(scheme="http", port="8080"), "example.com", "/", "http://example.com:8080/"),
        (HTTPS, "example.com", "/a%2Fb", "https://example.com/a%2Fb"),
        (HTTPS, "example.com", '/a"b', "https://example.com/a%22b"),
        (HTTPS, "example.com", "/?", "https://example.com/?"),
        (RedirectScheme(scheme="HTTPS"), "example.com", "/", "https://example.com/"),
    ],
)
async def test_location(config: RedirectScheme, host: str, target: str, location: str) -> None:
    origin = Origin()
    status, headers, body = await run(build("redirect_scheme", config, origin), make_request(target, host=host))
    assert (status, headers, body) == (302, {"Location": location}, b"Found")
    assert origin.requests == []


async def test_a_host_that_makes_no_url_behind_a_port() -> None:
    handler = build("redirect_scheme", RedirectScheme(scheme="https", port="8443"), Origin())
    assert (await run(handler, make_request(host="*.example.com")))[0] == 502


@pytest.mark.parametrize(("scheme", "port"), [("https", "x"), ("https", "-1"), ("1http", ""), ("ht tp", ""), ("é", "")])
async def test_what_makes_no_url(scheme: str, port: str) -> None:
    handler = build("redirect_scheme", RedirectScheme(scheme=scheme, port=port), Origin())
    assert (await run(handler, make_request()))[0::2] == (502, b"Bad Gateway")


async def test_the_query_goes_along_as_it_was_asked_for() -> None:
    request = make_request("/a?b&c")
    request.asked_query = b"b;c"
    _, headers, _ = await run(build("redirect_scheme", HTTPS, Origin()), request)
    assert headers == {"Location": "https://example.com/a?b;c"}


@pytest.mark.parametrize(
    ("method", "is_permanent", "status", "body"),
    [
        ("GET", False, 302, b"Found"),
        ("HEAD", False, 307, b"Temporary Redirect"),
        ("POST", False, 307, b"Temporary Redirect"),
        ("GET", True, 301, b"Moved Permanently"),
        ("POST", True, 308, b"Permanent Redirect"),
    ],
)
async def test_status(method: str, is_permanent: bool, status: int, body: bytes) -> None:
    handler = build("redirect_scheme", RedirectScheme(is_permanent, scheme="https"), Origin())
    answer = await run(handler, make_request(method=method))
    assert (answer[0], answer[2]) == (status, body)


@pytest.mark.parametrize(
    ("is_tls", "forwarded", "is_redirected"),
    [
        (True, None, False),
        (True, "http", True),
        (False, "https", False),
        (False, "WSS", False),
        (False, "ws", True),
        (False, "gopher", True),
        (True, "gopher", False),
        (True, "", False),
    ],
)
async def test_scheme_of_the_request(is_tls: bool, forwarded: str | None, is_redirected: bool) -> None:
    headers = [] if forwarded is None else [("X-Forwarded-Proto", forwarded)]
    request = make_request(headers=headers, is_tls=is_tls)
    status, _, _ = await run(build("redirect_scheme", HTTPS, Origin()), request)
    assert status == (302 if is_redirected else 200)


def test_a_scheme_is_needed() -> None:
    with pytest.raises(ValueError, match=r"^you must provide a target scheme$"):
        build("redirect_scheme", RedirectScheme(), Origin())
