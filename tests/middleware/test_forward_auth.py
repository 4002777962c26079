"""`forwardAuth`: what the auth server is asked, and what its answers do, option by option."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.live import Seen, ask, backend, live, plain, routed
from tests.pieces import Pieces, body_of
from tests.support import CONTEXT, Origin, build, make_request, read_all, run
from tests.tls_servers import authority, pair_for, server_context
from trafficcop.config.middlewares import ForwardAuth, ForwardAuthTLS
from trafficcop.config.own import ForwardAuthCache
from trafficcop.config.scalars import Duration
from trafficcop.errors import Kind, ProxyError
from trafficcop.http.body import Bytes
from trafficcop.http.headers import Headers
from trafficcop.http.messages import Handler, Request, Response
from trafficcop.middleware import forward_auth

ADDRESS = "http://auth.example.com:8080/check?a=b"


def guarded(auth: Handler, next: Handler, **options: Any) -> Handler:
    """The middleware in front of `next`, with `auth` as the auth server."""
    config = ForwardAuth(**{"address": ADDRESS, **options})
    return build("forward_auth", config, next, replace(CONTEXT, fetch=lambda url, timeout, trust: auth))


def fields_of(request: Request) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in request.headers}


SENT = [
    ("User-Agent", "test"),
    ("Cookie", "a=b"),
    ("Connection", "keep-alive, X-Hop"),
    ("Te", "trailers"),
    ("Proxy-Authorization", "Basic eA=="),
    ("X-Forwarded-For", "198.51.100.1"),
    ("X-Forwarded-Proto", "wss"),
    ("X-Forwarded-Prefix", "/p"),
    ("X-Real-Ip", "198.51.100.2"),
]
COPIED = {"User-Agent": "test", "Cookie": "a=b", "Proxy-Authorization": "Basic eA=="}
TOLD = {
    "X-Forwarded-For": "192.0.2.1",
    "X-Forwarded-Proto": "http",
    "X-Forwarded-Method": "POST",
    "X-Forwarded-Host": "example.com:81",
    "X-Forwarded-Uri": "/x%20y?q=1",
}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, COPIED | {"X-Forwarded-Prefix": "/p", "X-Real-Ip": "198.51.100.2"} | TOLD),
        ({"trust_forward_header": False}, COPIED | TOLD | {"X-Forwarded-Port": "81"}),
        (
            {"trust_forward_header": True},
            {
                **COPIED,
                **TOLD,
                "X-Forwarded-Prefix": "/p",
                "X-Real-Ip": "198.51.100.2",
                "X-Forwarded-For": "198.51.100.1, 192.0.2.1",
                "X-Forwarded-Proto": "wss",
                "X-Forwarded-Port": "81",
            },
        ),
        ({"auth_request_headers": ("cookie", "Absent")}, {"Cookie": "a=b"} | TOLD),
        (
            {"auth_request_headers": ("Cookie",), "trust_forward_header": True},
            {
                **TOLD,
                "Cookie": "a=b",
                "X-Forwarded-Prefix": "/p",
                "X-Real-Ip": "198.51.100.2",
                "X-Forwarded-For": "198.51.100.1, 192.0.2.1",
                "X-Forwarded-Proto": "wss",
                "X-Forwarded-Port": "81",
            },
        ),
        (
            {"auth_request_headers": ("Cookie",), "trust_forward_header": False},
            {"Cookie": "a=b", "X-Forwarded-Port": "81"} | TOLD,
        ),
    ],
)
async def test_what_is_asked(options: dict[str, Any], expected: dict[str, str]) -> None:
    auth, origin = Origin(), Origin()
    request = make_request("/x%20y?q=1", method="POST", host="example.com:81", headers=SENT, body=b"data")
    assert (await run(guarded(auth, origin, **options), request))[0] == 200
    asked = auth.last
    assert fields_of(asked) == expected
    assert (asked.method, asked.target, asked.authority) == (b"GET", b"/check?a=b", b"auth.example.com:8080")
    assert asked.body.take() == b""
    assert origin.last is request
    assert origin.last.body.take() == b"data"


@pytest.mark.parametrize(
    ("host", "is_tls", "expected"),
    [
        ("example.com", False, "80"),
        ("example.com", True, "443"),
        ("[2001:db8::1]:90", False, "90"),
        ("[2001:db8::1]", False, "80"),
    ],
)
async def test_the_port_that_is_told(host: str, is_tls: bool, expected: str) -> None:
    auth = Origin()
    handler = guarded(auth, Origin(), trust_forward_header=False)
    await run(handler, make_request(host=host, is_tls=is_tls))
    assert fields_of(auth.last)["X-Forwarded-Port"] == expected
    assert fields_of(auth.last)["X-Forwarded-Proto"] == ("https" if is_tls else "http")


async def test_the_method_may_be_kept_and_the_address_may_hold_a_user() -> None:
    auth = Origin()
    handler = guarded(auth, Origin(), preserve_request_method=True, address="http://me:a%20b@auth.example.com")
    await run(handler, make_request(method="PUT"))
    assert (auth.last.method, auth.last.target, auth.last.authority) == (b"PUT", b"/", b"auth.example.com")
    assert fields_of(auth.last)["Authorization"] == "Basic bWU6YSBi"
    await run(handler, make_request(headers=[("Authorization", "Bearer x")]))
    assert auth.last.headers.get_all(b"Authorization") == [b"Bearer x"]


@pytest.mark.parametrize("given", [b"12345", Pieces(b"12", b"345")], ids=["whole", "streamed"])
async def test_the_body_may_be_told(given: bytes | Pieces) -> None:
    body = body_of(given)
    auth, origin = Origin(), Origin()
    handler = guarded(auth, origin, forward_body=True, max_body_size=5)
    assert (await run(handler, make_request(method="POST", body=body)))[0] == 200
    assert auth.last.body.take() == b"12345"
    assert origin.last.body.take() == b"12345"


@pytest.mark.parametrize("limit", [-1, 3_000_000])
async def test_a_long_body_is_told_from_a_file(limit: int) -> None:
    told: list[bytes] = []

    async def read(request: Request) -> Response:
        assert request.body.length == 3_000_000
        assert request.body.take() is None
        told.append(await read_all(request.body))
        return Response(200, Headers())

    body = Pieces(*[b"x" * 100_000] * 30).stream()
    handler = guarded(read, read, forward_body=True, max_body_size=limit)
    assert (await run(handler, make_request(method="POST", body=body)))[0] == 200
    assert told == [b"x" * 3_000_000] * 2


@pytest.mark.parametrize(("given", "status"), [(b"", 200), (b"x", 401), (Pieces(), 200), (Pieces(b"x"), 401)])
async def test_no_byte_may_be_told(given: bytes | Pieces, status: int) -> None:
    handler = guarded(Origin(), Origin(), forward_body=True, max_body_size=0)
    assert (await run(handler, make_request(method="POST", body=body_of(given))))[0] == status


@pytest.mark.parametrize("given", [b"123456", Pieces(b"123", b"456")], ids=["whole", "streamed"])
async def test_a_body_too_long_to_be_told(given: bytes | Pieces) -> None:
    body = body_of(given)
    auth, origin = Origin(), Origin()
    handler = guarded(auth, origin, forward_body=True, max_body_size=5)
    assert await run(handler, make_request(method="POST", body=body)) == (401, {}, b"")
    assert not auth.requests + origin.requests


@pytest.mark.parametrize(
    ("limit", "pieces", "expected"),
    [(None, 3, 200), (-1, 3, 200), (6, 3, 200), (5, 3, 401), (0, 0, 200), (0, 1, 401), (2, 1, 200), (1, 1, 401)],
)
async def test_the_answer_may_be_limited(limit: int | None, pieces: int, expected: int) -> None:
    body = Pieces(*[b"12"] * pieces)

    async def auth(request: Request) -> Response:
        return Response(200, Headers(), Bytes(b"12") if pieces == 1 else body.stream())

    status, headers, _ = await run(guarded(auth, Origin(), max_response_body_size=limit), make_request())
    assert (status, headers) == (expected, {})


@pytest.mark.parametrize("kind", [Kind.UNREACHABLE, Kind.TIMEOUT, Kind.SERVER_CLOSED, Kind.BAD_RESPONSE])
async def test_an_auth_server_that_fails(kind: Kind) -> None:
    async def auth(request: Request) -> Response:
        raise ProxyError(kind)

    origin = Origin()
    assert await run(guarded(auth, origin), make_request()) == (500, {}, b"")
    assert not origin.requests


async def test_a_client_that_leaves_meanwhile_is_no_failure_of_the_server() -> None:
    async def auth(request: Request) -> Response:
        raise ProxyError(Kind.CLIENT_GONE)

    with pytest.raises(ProxyError):
        await guarded(auth, Origin())(make_request())


async def test_an_answer_that_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forward_auth, "ANSWER_SECONDS", 0.01)

    body = Pieces(is_endless=True)

    async def auth(request: Request) -> Response:
        return Response(200, Headers(), body.stream())

    assert await run(guarded(auth, Origin()), make_request()) == (500, {}, b"")
    assert body.is_abandoned


@pytest.mark.parametrize(
    ("status", "headers", "options", "expected"),
    [
        (401, [("WWW-Authenticate", "x"), ("Keep-Alive", "5")], {}, {"WWW-Authenticate": "x"}),
        (302, [("Location", "/login?a")], {}, {"Location": "http://auth.example.com:8080/login?a"}),
        (302, [("Location", "in")], {}, {"Location": "http://auth.example.com:8080/in"}),
        (302, [("Location", "https://id.example.com/")], {}, {"Location": "https://id.example.com/"}),
        (302, [("Location", "/login")], {"preserve_location_header": True}, {"Location": "/login"}),
        (302, [("Location", "")], {}, {"Location": ""}),
        (403, [("Set-Cookie", "a=b"), ("Set-Cookie", "c=d")], {}, {"Set-Cookie": "a=b|c=d"}),
        (500, [], {"auth_signin_url": "https://id.example.com/"}, {}),
        (199, [], {}, {}),
        (300, [], {}, {}),
    ],
)
async def test_a_refusal_is_the_auth_servers_own(
    status: int, headers: list[tuple[str, str]], options: dict[str, Any], expected: dict[str, str]
) -> None:
    origin = Origin()
    answer = await run(guarded(Origin(status, headers, b"no"), origin, **options), make_request())
    assert answer == (status, expected, b"no")
    assert not origin.requests


async def test_a_location_that_is_none() -> None:
    auth = Origin(302, [("Location", "http://[x")])
    assert await run(guarded(auth, Origin()), make_request()) == (500, {}, b"")


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("https://id.example.com/?a=1&b", None),
        ("/in/../login/?x", "/login/?x"),
        ("login", "/a/login"),
        ("https://id.example.com/é", "https://id.example.com/%C3%A9"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
async def test_where_to_sign_in(url: str, location: str | None, method: str) -> None:
    handler = guarded(Origin(401, [("X", "y")], b"no"), Origin(), auth_signin_url=url)
    assert await run(handler, make_request("/a/b", method=method)) == (302, {"Location": location or url}, b"")


async def test_where_to_sign_in_beside_a_path_that_was_changed() -> None:
    request = make_request("/a/b")
    request.raw_path = b"/p%3Fx/a%2Fb"
    handler = guarded(Origin(401), Origin(), auth_signin_url="login")
    assert (await run(handler, request))[1] == {"Location": "/p%3Fx/a/login"}


async def test_signing_in_after_a_post() -> None:
    handler = guarded(Origin(401), Origin(), auth_signin_url="https://id.example.com/")
    assert await run(handler, make_request(method="POST")) == (302, {"Location": "https://id.example.com/"}, b"")


@pytest.mark.parametrize(
    ("options", "sent", "answered", "expected"),
    [
        ({}, [("X-User", "forged")], [("X-User", "me")], {"X-User": "forged"}),
        ({"auth_response_headers": ("x-user",)}, [("X-USER", "forged")], [("X-User", "me")], {"X-User": "me"}),
        ({"auth_response_headers": ("X-User",)}, [("x-user", "forged"), ("A", "b")], [], {"A": "b"}),
        (
            {"auth_response_headers_regex": "^X-Auth-"},
            [("x-auth-a", "1"), ("X-Auth-B", "2"), ("A", "b")],
            [("x-auth-b", "3"), ("X-Auth-C", "4"), ("C", "d")],
            {"A": "b", "x-auth-b": "3", "X-Auth-C": "4"},
        ),
        (
            {"auth_response_headers_regex": "User$", "auth_response_headers": ("X-User", "X-Group")},
            [("X-User", "forged")],
            [("X-User", "me"), ("X-Group", "us")],
            {"X-Group": "us", "X-User": "me"},
        ),
        ({"auth_response_headers": ("Host", "Content-Length")}, [], [("Host", "x"), ("Content-Length", "9")], {}),
    ],
)
async def test_what_the_server_gets(
    options: dict[str, Any], sent: list[tuple[str, str]], answered: list[tuple[str, str]], expected: dict[str, str]
) -> None:
    origin = Origin()
    await run(guarded(Origin(204, answered, b""), origin, **options), make_request(headers=sent))
    assert fields_of(origin.last) == expected


async def test_cookies_of_the_auth_server() -> None:
    auth = Origin(headers=[("Set-Cookie", "session=new; Path=/"), ("Set-Cookie", "other=1")])
    origin = Origin(headers=[("Set-Cookie", "session=old"), ("Set-Cookie", "mine=2"), ("A", "b")])
    handler = guarded(auth, origin, add_auth_cookies_to_response=("session", "absent"))
    _, headers, _ = await run(handler, make_request())
    assert headers == {"A": "b", "Set-Cookie": "mine=2|session=new; Path=/"}
    auth.headers = []
    assert (await run(handler, make_request()))[1]["Set-Cookie"] == "session=old|mine=2"


@pytest.mark.parametrize("status", [200, 403])
async def test_the_user_in_the_access_log(status: int) -> None:
    request = make_request()
    await run(guarded(Origin(status, [("X-User", "me")]), Origin(), header_field="x-user"), request)
    assert request.notes == {"ClientUsername": "me"}


# === the cache, ours ===


async def test_positive_answers_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("trafficcop.middleware.auth_cache.monotonic", lambda: now)
    auth, origin = Origin(headers=[("X-User", "me")]), Origin()
    cache = ForwardAuthCache(("Authorization",), Duration.of("10s"))
    handler = guarded(auth, origin, cache=cache, auth_response_headers=("X-User",), header_field="X-User")
    first = [("Authorization", "a"), ("X-User", "forged")]
    variants: list[dict[str, Any]] = [
        {"headers": first},
        {"headers": [("Authorization", "b")]},
        {"headers": first, "peer": "192.0.2.2"},
        {"headers": first, "method": "POST"},
        {"headers": first, "host": "other.example.com"},
        {"headers": first, "target": "/other"},
        {"headers": first, "target": "/?q"},
        {"headers": [("Authorization", "a"), ("Authorization", "b")]},
        {"headers": []},
    ]
    for count, variant in enumerate(variants, 1):
        for _ in range(2):
            request = make_request(**variant)
            assert (await run(handler, request))[0] == 200
            assert len(auth.requests) == count
            assert fields_of(origin.last)["X-User"] == "me"
            assert request.notes == {"ClientUsername": "me"}
    now = 110.0
    await run(handler, make_request(**variants[0]))
    assert len(auth.requests) == len(variants) + 1


async def test_what_is_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    cache = ForwardAuthCache(ttl=Duration.of("10s"))
    refusing = Origin(403)
    handler = guarded(refusing, Origin(), cache=cache)
    for _ in range(2):
        await run(handler, make_request())
    assert len(refusing.requests) == 2
    setting = Origin(headers=[("Set-Cookie", "a=b")])
    handler = guarded(setting, Origin(), cache=cache, add_auth_cookies_to_response=("a",))
    for _ in range(2):
        assert (await run(handler, make_request()))[1] == {"Set-Cookie": "a=b"}
    assert len(setting.requests) == 2
    off = Origin()
    handler = guarded(off, Origin(), cache=ForwardAuthCache())
    for _ in range(2):
        await run(handler, make_request())
    assert len(off.requests) == 2
    monkeypatch.setattr("trafficcop.middleware.auth_cache._ENTRIES", 1)
    bounded = Origin()
    handler = guarded(bounded, Origin(), cache=cache)
    for target in ("/a", "/b", "/a"):
        await run(handler, make_request(target))
    assert len(bounded.requests) == 3


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"address": ""}, "the address of the auth server is missing"),
        (
            {"address": "https://a.example.com", "tls": ForwardAuthTLS(cert="a")},
            "unable to create client TLS configuration: both TLS cert and key must be defined",
        ),
        (
            {"address": "https://a.example.com", "tls": ForwardAuthTLS(ca="none.pem")},
            "unable to create client TLS configuration: failed to parse CA",
        ),
        ({"address": "auth"}, '"auth" is no URL of a server'),
        ({"address": "http://a:b"}, "Port could not be cast to integer value as 'b'"),
        (
            {"auth_response_headers_regex": "("},
            "error compiling regular expression (: error parsing regexp: missing ): (",
        ),
        (
            {"cache": ForwardAuthCache(ttl=Duration.of("1s")), "forward_body": True},
            "cache and forwardBody are mutually exclusive: every body is another question",
        ),
        (
            {"cache": ForwardAuthCache(ttl=Duration.of("1s")), "auth_response_headers_regex": "x"},
            "cache and authResponseHeadersRegex are mutually exclusive",
        ),
    ],
)
def test_bad_options(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError) as failure:
        build("forward_auth", ForwardAuth(**{"address": ADDRESS, **options}), Origin())
    assert str(failure.value) == text


# === on the wire ===

ROUTES = """
http:
  routers: {{r: {{rule: PathPrefix(`/`), service: s, middlewares: [m]}}}}
  services: {{s: {{loadBalancer: {{servers: [{{url: 'http://127.0.0.1:{server}'}}]}}}}}}
  middlewares: {{m: {{forwardAuth: {{address: 'http://127.0.0.1:{auth}/check', forwardBody: true,
    authResponseHeaders: [X-User], addAuthCookiesToResponse: [s]}}}}}}
"""


async def test_through_a_listener() -> None:
    asked, served = Seen(), Seen()

    def judge(number: int, head: str, body: bytes) -> bytes:
        if "Authorization: good" not in head:
            return plain(401, b"who are you?", "WWW-Authenticate: Custom\r\n")
        return plain(200, b"", "X-User: me\r\nSet-Cookie: s=1\r\n")

    async with backend(judge, asked) as auth, backend(lambda *_: plain(200, b"hello"), served) as server:
        async with live(ROUTES.format(server=server, auth=auth)) as port:
            status, headers, body = await ask(port, "POST /a?b\nX-User: forged", b"data")
            assert (status, headers["www-authenticate"], body) == (401, "Custom", b"who are you?")
            assert not served.heads
            status, headers, body = await ask(port, "POST /a?b\nX-User: forged\nAuthorization: good", b"data")
            assert (status, headers["set-cookie"], body) == (200, "s=1", b"hello")
    assert asked.bodies == [b"data"] * 2
    assert served.bodies == [b"data"]
    assert "X-User: me\r\n" in served.heads[0]
    assert "forged" not in served.heads[0]
    assert asked.heads[1].startswith("GET /check HTTP/1.1\r\nHost: 127.0.0.1:")
    assert "X-Forwarded-For: 127.0.0.1\r\n" in asked.heads[1]
    assert "X-Forwarded-Uri: /a?b\r\n" in asked.heads[1]
    assert asked.heads[1].count("X-Forwarded-For") == 1


async def test_an_auth_server_that_is_not_there() -> None:
    async with backend(lambda *_: plain(200)) as server, live(ROUTES.format(server=server, auth=1)) as port:
        status, headers, body = await ask(port, "GET /")
        assert (status, headers["content-length"], body) == (500, "0", b"")


@pytest.mark.parametrize(("options", "status"), [("ca: {ca}", 200), ("insecureSkipVerify: true", 200), ("", 500)])
async def test_an_auth_server_with_tls(tmp_path: Path, options: str, status: int) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_bytes(authority().pem)
    context = server_context(tmp_path, pair_for("127.0.0.1"))
    async with backend(lambda *_: plain(200), tls=context) as auth, backend(lambda *_: plain(200)) as port:
        tls = f", tls: {{{options.format(ca=ca)}}}" if options else ""
        middleware = f"forwardAuth: {{address: 'https://127.0.0.1:{auth}/'{tls}}}"
        async with live(routed(middleware, port)) as entry:
            assert (await ask(entry, "GET /"))[0] == status
