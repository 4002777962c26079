"""headers: custom fields, CORS, security."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.support import Origin, build, make_request, run, values
from trafficcop.config.middlewares import Headers
from trafficcop.errors import Kind, ProxyError
from trafficcop.http.headers import DATE, MANAGED
from trafficcop.http.headers import Headers as Fields
from trafficcop.http.messages import Request, Response

Row = dict[str, Any]


@pytest.mark.parametrize("config", [Headers(), Headers(ssl_redirect=False)])
def test_nothing_configured(config: Headers) -> None:
    with pytest.raises(ValueError, match=r"^headers configuration not valid$"):
        build("headers", config, Origin())


@pytest.mark.parametrize(
    ("custom", "name", "expected"),
    [
        ({"X-New": "1"}, "X-New", ["1"]),
        ({"x-old": "new"}, "X-Old", ["new"]),
        ({"X-Old": ""}, "X-Old", []),
        ({"X-Lines": "a\n  b\n"}, "X-Lines", ["a   b"]),
        ({"Te": "trailers"}, "Te", ["trailers"]),
        ({"connection": "close, X-OLD"}, "X-Old", []),
        ({"Connection": "x-new", "X-New": "1"}, "X-New", []),
        ({"Connection": ""}, "X-Old", ["1", "2"]),
        ({"Connection": "x old, X-Forwarded-Proto"}, "X-Old", ["1", "2"]),
        ({"Connection": "X-Forwarded-Proto, host", "X-Forwarded-Proto": "wss"}, "X-Forwarded-Proto", ["wss"]),
        ({"Content-Length": "5", "transfer-encoding": "chunked"}, "Content-Length", []),
        ({"Transfer-Encoding": "chunked"}, "Transfer-Encoding", []),
    ],
)
async def test_custom_request_headers(custom: dict[str, str], name: str, expected: list[str]) -> None:
    origin = Origin()
    request = make_request(headers=[("X-Old", "1"), ("x-old", "2"), ("Accept", "*/*")])
    await run(build("headers", Headers(custom_request_headers=custom), origin), request)
    assert values(origin.last, name) == expected
    assert values(origin.last, "Accept") == ["*/*"]


@pytest.mark.parametrize("name", ["Content-Length", "transfer-encoding"])
async def test_how_long_an_answer_is_nobody_can_choose(name: str) -> None:
    config = Headers(custom_response_headers={name: "5", "X-A": "1"})
    assert await run(build("headers", config, Origin()), make_request()) == (200, {"X-A": "1"}, b"hello")


async def test_names_are_written_as_go_writes_them() -> None:
    origin = Origin()
    config = Headers(custom_request_headers={"x-api-KEY": "1"}, custom_response_headers={"x-a": "2"})
    _, headers, _ = await run(build("headers", config, origin), make_request())
    assert origin.last.headers.fields == [(b"X-Api-Key", b"1")]
    assert headers == {"X-A": "2"}


async def test_host_and_forwarded_for_are_special() -> None:
    origin = Origin()
    config = Headers(custom_request_headers={"host": "inner.example.com", "X-Forwarded-For": ""})
    await run(build("headers", config, origin), make_request(headers=[("X-Forwarded-For", "192.0.2.7")]))
    assert origin.last.authority == b"inner.example.com"
    assert values(origin.last, "X-Forwarded-For") == []
    assert origin.last.notes == {"no_forwarded_for": True}


@pytest.mark.parametrize(
    ("value", "host"),
    [
        ("a.example.com:81", b"a.example.com:81"),
        ("ü.example.com:81", b"xn--tda.example.com:81"),
        ("[::1]:81", b"[::1]:81"),
        ("a b", b""),
        ("a/b", b""),
        ('a"b', b""),
        ("ü..b", b""),
    ],
)
async def test_a_host_that_none_can_be_is_not_sent(value: str, host: bytes) -> None:
    origin = Origin()
    await run(build("headers", Headers(custom_request_headers={"Host": value}), origin), make_request())
    assert origin.last.authority == host


def test_a_request_header_that_cannot_be_sent_is_refused() -> None:
    with pytest.raises(ValueError, match="invalid header name 'X Y'"):
        build("headers", Headers(custom_request_headers={"X Y": "1"}), Origin())


async def test_custom_response_headers() -> None:
    origin = Origin(headers=[("Server", "x"), ("X-Kept", "1"), ("x-set", "old")])
    config = Headers(custom_response_headers={"Server": "", "X-Set": "new", "bad name": "1"})
    _, headers, body = await run(build("headers", config, origin), make_request())
    assert headers == {"X-Kept": "1", "X-Set": "new"}
    assert body == b"hello"


@pytest.mark.parametrize(
    ("kind", "status", "body"),
    [
        (Kind.UNREACHABLE, 502, b"Bad Gateway"),
        (Kind.TIMEOUT, 504, b"Gateway Timeout"),
        (Kind.BAD_RESPONSE, 500, b"Internal Server Error"),
        (Kind.NO_SERVER, 503, b"no available server\n"),
    ],
)
async def test_failed_requests_get_the_headers_too(kind: Kind, status: int, body: bytes) -> None:
    async def fail(request: Request) -> Response:
        raise ProxyError(kind)

    config = Headers(custom_response_headers={"X-A": "1"}, frame_deny=True)
    answer = await run(build("headers", config, fail), make_request())
    assert (answer[0], answer[2]) == (status, body)
    assert answer[1]["X-A"] == "1"
    assert answer[1]["X-Frame-Options"] == "DENY"


# === CORS ===

PREFLIGHT = [("Origin", "https://a.example.com"), ("Access-Control-Request-Method", "PUT")]


@pytest.mark.parametrize(
    ("config", "extra", "expected"),
    [
        (Headers(access_control_allow_origin_list=("*",)), [], {"Access-Control-Allow-Origin": "*"}),
        (
            Headers(access_control_allow_origin_list=("*",), access_control_allow_credentials=True),
            [],
            {
                "Access-Control-Allow-Credentials": "true",
                "Access-Control-Allow-Origin": "https://a.example.com",
            },
        ),
        (Headers(access_control_allow_origin_list=("https://b.example.com",)), [], {}),
        (
            Headers(access_control_allow_origin_list_regex=(r"^https://\w+\.example\.com$",)),
            [],
            {"Access-Control-Allow-Origin": "https://a.example.com"},
        ),
        (
            Headers(access_control_allow_headers=("X-A", "X-B"), access_control_allow_methods=("GET", "PUT")),
            [],
            {"Access-Control-Allow-Headers": "X-A,X-B", "Access-Control-Allow-Methods": "GET,PUT"},
        ),
        (
            Headers(
                access_control_allow_headers=("*",),
                access_control_allow_methods=("*",),
                access_control_allow_credentials=True,
            ),
            [("Access-Control-Request-Headers", "x-c")],
            {
                "Access-Control-Allow-Credentials": "true",
                "Access-Control-Allow-Headers": "x-c",
                "Access-Control-Allow-Methods": "PUT",
            },
        ),
        (
            Headers(access_control_allow_headers=("*",), access_control_allow_methods=("*",)),
            [("Access-Control-Request-Headers", "x-c")],
            {"Access-Control-Allow-Headers": "*", "Access-Control-Allow-Methods": "*"},
        ),
        (Headers(access_control_max_age=0), [], {"Access-Control-Max-Age": "0"}),
        (Headers(access_control_max_age=60), [], {"Access-Control-Max-Age": "60"}),
        (Headers(access_control_expose_headers=("X-A", "X-B")), [], {"Access-Control-Expose-Headers": "X-A,X-B"}),
        (
            Headers(access_control_expose_headers=("*",), access_control_allow_credentials=True),
            [],
            {"Access-Control-Allow-Credentials": "true"},
        ),
    ],
)
async def test_preflight(config: Headers, extra: list[tuple[str, str]], expected: dict[str, str]) -> None:
    origin = Origin()
    request = make_request(method="OPTIONS", headers=[*PREFLIGHT, *extra])
    status, headers, body = await run(build("headers", config, origin), request)
    assert (status, headers, body) == (200, expected, b"")
    assert origin.requests == []


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", PREFLIGHT),
        ("OPTIONS", PREFLIGHT[:1]),
        ("OPTIONS", PREFLIGHT[1:]),
        ("OPTIONS", [("Origin", ""), PREFLIGHT[1]]),
    ],
)
async def test_no_preflight(method: str, headers: list[tuple[str, str]]) -> None:
    origin = Origin()
    config = Headers(access_control_max_age=1)
    await run(build("headers", config, origin), make_request(method=method, headers=headers))
    assert len(origin.requests) == 1


@pytest.mark.parametrize(
    ("config", "origin_header", "upstream", "expected"),
    [
        (Headers(access_control_allow_origin_list=("https://a", "*")), "https://a", [], "https://a"),
        (Headers(access_control_allow_origin_list=("https://a", "*")), "https://b", [], "*"),
        (Headers(access_control_allow_origin_list=("https://a",)), "https://A", [], None),
        (
            Headers(access_control_allow_origin_list=("https://a",)),
            "https://a",
            [("access-control-allow-origin", "https://z")],
            "https://a",
        ),
        (
            Headers(access_control_allow_origin_list=("https://a",)),
            "https://b",
            [("Access-Control-Allow-Origin", "https://z")],
            "https://z",
        ),
    ],
)
async def test_allowed_origin(
    config: Headers, origin_header: str, upstream: list[tuple[str, str]], expected: str | None
) -> None:
    handler = build("headers", config, Origin(headers=upstream))
    _, headers, _ = await run(handler, make_request(headers=[("Origin", origin_header)]))
    assert headers.get("Access-Control-Allow-Origin") == expected


@pytest.mark.parametrize(
    ("upstream", "expected"),
    [([], "Origin"), ([("Vary", "Origin")], "Origin"), ([("Vary", "Accept")], "Accept,Origin")],
)
async def test_vary(upstream: list[tuple[str, str]], expected: str) -> None:
    handler = build("headers", Headers(add_vary_header=True), Origin(headers=upstream))
    _, headers, _ = await run(handler, make_request())
    assert headers == {"Vary": expected}


async def test_cors_fields_of_answers_win_over_custom_ones() -> None:
    config = Headers(
        access_control_allow_credentials=True,
        access_control_expose_headers=("X-A",),
        custom_response_headers={"access-control-expose-headers": "X-B"},
    )
    _, headers, _ = await run(build("headers", config, Origin()), make_request())
    assert headers == {"Access-Control-Allow-Credentials": "true", "Access-Control-Expose-Headers": "X-A"}


def test_a_bad_origin_expression() -> None:
    with pytest.raises(ValueError, match=r"^error occurred during origin parsing: error parsing regexp: missing \)"):
        build("headers", Headers(access_control_allow_origin_list_regex=("(",)), Origin())


# === security ===


@pytest.mark.parametrize(
    ("config", "is_tls", "expected"),
    [
        (Headers(frame_deny=True), False, {"X-Frame-Options": "DENY"}),
        (Headers(frame_deny=True, custom_frame_options_value="SAMEORIGIN"), False, {"X-Frame-Options": "SAMEORIGIN"}),
        (Headers(content_type_nosniff=True), False, {"X-Content-Type-Options": "nosniff"}),
        (Headers(browser_xss_filter=True), False, {"X-Xss-Protection": "1; mode=block"}),
        (Headers(browser_xss_filter=True, custom_browser_xss_value="0"), False, {"X-Xss-Protection": "0"}),
        (
            Headers(content_security_policy="default-src 'self';\n"),
            False,
            {"Content-Security-Policy": "default-src 'self';"},
        ),
        (Headers(content_security_policy_report_only="p"), False, {"Content-Security-Policy-Report-Only": "p"}),
        (Headers(referrer_policy="same-origin"), False, {"Referrer-Policy": "same-origin"}),
        (Headers(permissions_policy="camera=()"), False, {"Permissions-Policy": "camera=()"}),
        (Headers(feature_policy="camera 'none'"), False, {}),
        (Headers(sts_seconds=60), False, {}),
        (Headers(sts_seconds=60), True, {"Strict-Transport-Security": "max-age=60"}),
        (Headers(sts_seconds=0, sts_preload=True), True, {}),
        (
            Headers(sts_seconds=60, sts_include_subdomains=True, sts_preload=True, force_sts_header=True),
            False,
            {"Strict-Transport-Security": "max-age=60; includeSubDomains; preload"},
        ),
        (Headers(sts_seconds=60, force_sts_header=True, is_development=True), True, {}),
        (
            Headers(sts_seconds=60, ssl_proxy_headers={"X-Forwarded-Proto": "https"}),
            False,
            {"Strict-Transport-Security": "max-age=60"},
        ),
        (Headers(sts_seconds=60, ssl_proxy_headers={"X-Forwarded-Proto": "wss"}), False, {}),
        (Headers(public_key='pin-sha256="x"'), True, {"Public-Key-Pins": 'pin-sha256="x"'}),
        (Headers(public_key='pin-sha256="x"'), False, {}),
        (Headers(public_key='pin-sha256="x"', is_development=True), True, {}),
    ],
)
async def test_security_fields(config: Headers, is_tls: bool, expected: dict[str, str]) -> None:
    origin = Origin(headers=[("x-frame-options", "ALLOW")] if config.frame_deny else [])
    request = make_request(is_tls=is_tls, headers=[("X-Forwarded-Proto", "https")])
    _, headers, _ = await run(build("headers", config, origin), request)
    assert headers == expected


async def test_every_answer_has_its_own_nonce() -> None:
    config = Headers(content_security_policy="script-src $NONCE", content_security_policy_report_only="s $NONCE")
    handler = build("headers", config, Origin())
    seen = set()
    for _ in range(3):
        _, headers, _ = await run(handler, make_request())
        nonce = re.fullmatch(r"script-src ('nonce-[A-Za-z0-9+/=]{24}')", headers["Content-Security-Policy"])
        assert nonce is not None
        assert headers["Content-Security-Policy-Report-Only"] == f"s {nonce[1]}"
        seen.add(nonce[1])
    assert len(seen) == 3


@pytest.mark.parametrize(
    ("config", "host", "is_served"),
    [
        (Headers(allowed_hosts=("example.com",)), "EXAMPLE.com", True),
        (Headers(allowed_hosts=("example.com",)), "example.com:80", False),
        (Headers(allowed_hosts=("Example.com:80",)), "example.com:80", True),
        (Headers(allowed_hosts=("example.com",), is_development=True), "example.org", True),
        (Headers(allowed_hosts=("a.example.com",), hosts_proxy_headers=("X-Empty", "X-Host")), "example.org", True),
    ],
)
async def test_allowed_hosts(config: Headers, host: str, is_served: bool) -> None:
    request = make_request(host=host, headers=[("X-Empty", ""), ("X-Host", "a.example.com")])
    status, headers, body = await run(build("headers", config, Origin()), request)
    if is_served:
        assert (status, body) == (200, b"hello")
    else:
        assert (status, body) == (500, b"Bad Host\n")
        assert headers == {"Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff"}


async def test_a_refused_host_gets_custom_headers_but_no_security_headers() -> None:
    config = Headers(allowed_hosts=("b",), frame_deny=True, custom_response_headers={"X-A": "1"})
    _, headers, _ = await run(build("headers", config, Origin()), make_request())
    assert headers["X-A"] == "1"
    assert "X-Frame-Options" not in headers


async def test_the_codec_learns_what_was_set() -> None:
    handler = build("headers", Headers(custom_request_headers={"X-Forwarded-For": "192.0.2.9"}), origin := Origin())
    await run(handler, make_request())
    assert origin.last.marks & MANAGED


@pytest.mark.parametrize(("value", "is_dated"), [("then", True), ("", False)])
async def test_a_date_of_ones_own(value: str, is_dated: bool) -> None:
    async def dated(request: Request) -> Response:
        response = Response(200, Fields([(b"Date", b"now")]))
        response.marks = DATE
        return response

    response = await build("headers", Headers(custom_response_headers={"date": value}), dated)(make_request())
    assert bool(response.marks & DATE) is is_dated
    assert (response.headers.get(b"Date") == b"then") is is_dated
