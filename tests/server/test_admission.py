"""What an entry point does to a request before it is routed, as tables."""

import socket
from dataclasses import replace

import pytest

from tests.support import make_request
from trafficcop.config.entry_points import EntryPoint, EntryPointHTTP, ForwardedHeaders
from trafficcop.errors import ProxyError
from trafficcop.http.headers import bits_of, learn
from trafficcop.http.messages import Request
from trafficcop.server.admission import Admission

SERVER = socket.gethostname()


def admitted(request: Request, http: EntryPointHTTP | None = None, forwarded: ForwardedHeaders | None = None) -> int:
    """0, or the status of the refusal. The marks and the odd forms are what the decoder would have found."""
    for name, _ in request.headers:
        request.marks |= bits_of(name) or learn(name)
    entry_point = EntryPoint(http=http or EntryPointHTTP(), forwarded_headers=forwarded or ForwardedHeaders())
    try:
        refusal = Admission(entry_point).admit(request)
    except ProxyError as error:
        return error.status
    return 0 if refusal is None else refusal.status


@pytest.mark.parametrize(
    ("target", "raw", "path", "query"),
    [
        ("/", "/", "/", None),
        ("/a/../b/./c//d/", "/b/c/d/", "/b/c/d/", None),
        ("/a/.", "/a", "/a", None),
        ("/a/..", "/", "/", None),
        ("/%2e%2E/%61", "/a", "/a", None),
        ("/a%2fb%c3%a9", "/a%2Fb%C3%A9", "/a%2Fbé", None),
        ("/a b|c", "/a%20b%7Cc", "/a b|c", None),
        ("/?", "/", "/", ""),
        ("/?a;b=c;d", "/", "/", "a&b=c&d"),
        ("/?a=/../b//c", "/", "/", "a=/../b//c"),
        ("/a?b#c", "/a", "/a", "b#c"),
        ("http://other.test/x/../y?z", "/y", "/y", "z"),
        ("HTTPS://other.test", "/", "/", None),
        ("http://user:secret@other.test/x", "/x", "/x", None),
    ],
)
def test_targets(target: str, raw: str, path: str, query: str | None) -> None:
    request = make_request(target)
    assert admitted(request) == 0
    assert (request.raw_path, request.path) == (raw.encode(), path.encode())
    assert request.query == (None if query is None else query.encode())
    assert request.host == (b"other.test" if "://" in target else b"example.com")


@pytest.mark.parametrize(
    ("status", "method", "target"),
    [
        (400, "GET", "/a#b"),
        (400, "GET", "/%"),
        (400, "GET", "/%zz"),
        (400, "GET", "*"),
        (200, "OPTIONS", "*"),
        (501, "CONNECT", "a:443"),
        (501, "CONNECT", "/"),
        (400, "GET", "ftp://a/b"),
        (400, "GET", "http://"),
        (400, "GET", "http:///b"),
        (400, "GET", "http://a b/"),
        (400, "GET", "http://a@/"),
    ],
)
def test_refused_targets(status: int, method: str, target: str) -> None:
    assert admitted(make_request(target, method=method)) == status


@pytest.mark.parametrize(("is_sanitizing", "expected"), [(True, b"/b"), (False, b"/a/..//b")])
def test_sanitize_path(is_sanitizing: bool, expected: bytes) -> None:
    request = make_request("/%61/..//b")
    assert admitted(request, EntryPointHTTP(sanitize_path=is_sanitizing)) == 0
    assert request.raw_path == expected


def test_semicolons_escaped() -> None:
    request = make_request("/;x?a;b")
    assert admitted(request, EntryPointHTTP(encode_query_semicolons=True)) == 0
    assert request.target == b"/;x?a%3Bb"


@pytest.mark.parametrize(
    ("strategy", "status", "kept"),
    [("keep", 0, 2), ("", 0, 2), ("delete", 0, 1), ("reject", 400, 2), ("REJECT", 400, 2)],
)
def test_underscores(strategy: str, status: int, kept: int) -> None:
    request = make_request(headers=[("X_A", "b"), ("X-C", "d")])
    assert admitted(request, EntryPointHTTP(underscore_headers_strategy=strategy)) == status
    assert sum(name.startswith(b"X_A") or name == b"X-C" for name, _ in request.headers) == kept


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("Example.COM", "example.com"),
        ("example.com:8080", "example.com"),
        ("[::1]:80", "::1"),
        ("[::1]", "::1"),
        ("a:b:c", "a:b:c"),
        ("", ""),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
    ],
)
def test_hosts(host: str, expected: str) -> None:
    request = make_request(host=host)
    assert admitted(request) == 0
    assert request.host == expected.encode()


@pytest.mark.parametrize("host", ["a b", "a/b", "a@b", "a?b", "a#b", 'a"b', "a\\b", "a<b", "é"])
def test_malformed_hosts(host: str) -> None:
    assert admitted(make_request(host=host)) == 400


# === X-Forwarded-* ===

OWN = {
    "X-Real-Ip": "192.0.2.1",
    "X-Forwarded-Proto": "http",
    "X-Forwarded-Port": "80",
    "X-Forwarded-Host": "example.com",
    "X-Forwarded-Server": SERVER,
}
SENT = [
    ("X-Real-Ip", "203.0.113.9"),
    ("X-Forwarded-For", "203.0.113.9"),
    ("x-forwarded-for", "198.51.100.7"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Server", "liar"),
    ("X-Forwarded-Prefix", "/p"),
    ("X_Forwarded_Uri", "/u"),
]


def fields(request: Request) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in request.headers.fields}


@pytest.mark.parametrize(
    ("options", "host", "is_tls", "changed"),
    [
        ({}, "example.com", False, {}),
        ({}, "example.com:8080", False, {"X-Forwarded-Port": "8080", "X-Forwarded-Host": "example.com:8080"}),
        ({}, "example.com", True, {"X-Forwarded-Port": "443", "X-Forwarded-Proto": "https"}),
        ({}, "[::1]:81", False, {"X-Forwarded-Port": "81", "X-Forwarded-Host": "[::1]:81"}),
    ],
)
def test_added_fields(options: dict[str, str], host: str, is_tls: bool, changed: dict[str, str]) -> None:
    request = make_request(host=host, is_tls=is_tls)
    assert admitted(request) == 0
    assert fields(request) == OWN | changed


@pytest.mark.parametrize(
    "forwarded", [ForwardedHeaders(), ForwardedHeaders(trusted_ips=("10.0.0.0/8", "2001:db8::/32"))]
)
def test_fields_of_an_untrusted_peer_are_dropped(forwarded: ForwardedHeaders) -> None:
    request = make_request(headers=SENT)
    assert admitted(request, forwarded=forwarded) == 0
    assert fields(request) == OWN


@pytest.mark.parametrize(
    "forwarded",
    [
        ForwardedHeaders(insecure=True),
        ForwardedHeaders(trusted_ips=("192.0.2.0/24",)),
        ForwardedHeaders(trusted_ips=("192.0.2.1",)),
    ],
)
def test_fields_of_a_trusted_peer_stay(forwarded: ForwardedHeaders) -> None:
    request = make_request(headers=SENT)
    assert admitted(request, forwarded=forwarded) == 0
    assert fields(request) == {
        "X-Real-Ip": "203.0.113.9",
        "X-Forwarded-For": "203.0.113.9, 198.51.100.7",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Port": "443",
        "X-Forwarded-Host": "example.com",
        "X-Forwarded-Server": SERVER,
        "X-Forwarded-Prefix": "/p",
        "X_Forwarded_Uri": "/u",
    }


@pytest.mark.parametrize(("is_tls", "proto", "port"), [(False, "ws", "80"), (True, "wss", "443")])
def test_websocket_scheme(is_tls: bool, proto: str, port: str) -> None:
    request = make_request(is_tls=is_tls)
    request.upgrade = b"WebSocket"
    assert admitted(request) == 0
    assert fields(request) == OWN | {"X-Forwarded-Proto": proto, "X-Forwarded-Port": port}


def test_an_upgrade_to_something_else() -> None:
    request = make_request()
    request.upgrade = b"h2c"
    assert admitted(request) == 0
    assert fields(request)["X-Forwarded-Proto"] == "http"


def test_fields_that_connection_names_end_here() -> None:
    forwarded = replace(ForwardedHeaders(), connection=("X-Kept",), insecure=True)
    request = make_request(headers=[("X-A", "1"), ("X-Kept", "2"), ("X-Real-Ip", "192.0.2.7"), ("X-B", "3")])
    request.connection_options = [b"x-a", b"x-kept", b"x-real-ip", b"close"]
    assert admitted(request, forwarded=forwarded) == 0
    kept = fields(request)
    assert "X-A" not in kept
    assert (kept["X-Real-Ip"], kept["X-B"]) == ("192.0.2.7", "3")
    assert "X-Kept" not in kept  # for servers; who asks gets it
    assert (request.headers.get(b"x-kept"), request.headers.get(b"connection")) == (b"2", b"X-Kept")


@pytest.mark.parametrize(
    ("options", "upgrade", "seen"),
    [
        ([], None, None),
        ([b"x-a"], None, None),
        ([], b"websocket", b"Upgrade"),
        ([b"x-a", b"x-kept"], b"websocket", b"X-Kept,Upgrade"),
    ],
)
def test_what_is_left_of_connection(options: list[bytes], upgrade: bytes | None, seen: bytes | None) -> None:
    request = make_request(headers=[("connection", "x"), ("Keep-Alive", "1"), ("connection", "y")])
    request.connection_options, request.upgrade = options, upgrade
    assert admitted(request, forwarded=ForwardedHeaders(connection=("x-kept",))) == 0
    assert request.headers.get_all(b"Connection") == ([] if seen is None else [seen])
    assert request.headers.get(b"keep-alive") == b"1"


def test_thousands_of_options_beside_thousands_of_fields() -> None:
    names = [f"x-{number}" for number in range(20000)]
    request = make_request(headers=[*((name, "") for name in names), ("X-Kept", "1")])
    request.connection_options = [name.encode() for name in names]
    assert admitted(request) == 0
    assert fields(request) == OWN | {"X-Kept": "1"}


def test_no_host_is_no_forwarded_host() -> None:
    request = make_request("/")
    request.authority = b""
    assert admitted(request) == 0
    assert b"x-forwarded-host" not in request.headers
    assert request.headers.get(b"x-forwarded-server") == SERVER.encode()
