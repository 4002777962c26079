"""What is said of each middleware."""

from __future__ import annotations

from typing import Any

import pytest

from tests.control.explain.asking import SERVICE, ask
from trafficcop.config.middlewares import Middleware
from trafficcop.control.explain.kinds import _TERMS, is_pure
from trafficcop.middleware import MIDDLEWARES

# A JWT that is signed with the secret below: {"sub": "ann"}.
TOKEN = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbm4ifQ."


def step(middleware: str, url: str = "http://example.com/a/b?q=1", **question: Any) -> dict[str, Any]:
    answer = asked(middleware, url, **question)
    (found,) = answer["router"]["middlewares"]
    return dict(found)


def asked(middleware: str, url: str = "http://example.com/a/b?q=1", **question: Any) -> dict[str, Any]:
    text = (
        "http:\n"
        "  routers: {r: {rule: PathPrefix(`/`), service: s, entryPoints: [web], middlewares: [m]}}\n"
        f"  middlewares: {{m: {{{middleware}}}, n: {{addPrefix: {{prefix: /n}}}}}}\n"
    )
    return ask(text + SERVICE, url, **question)


@pytest.mark.parametrize(
    ("middleware", "changes"),
    [
        ("addPrefix: {prefix: /x}", [("path", "/a/b", "/x/a/b")]),
        ("stripPrefix: {prefixes: [/a]}", [("path", "/a/b", "/b"), ("requestHeader", None, "/a")]),
        ("stripPrefix: {prefixes: [/z]}", []),
        ("stripPrefixRegex: {regex: ['^/[a-z]']}", [("path", "/a/b", "/b"), ("requestHeader", None, "/a")]),
        ("replacePath: {path: /z}", [("path", "/a/b", "/z"), ("requestHeader", None, "/a/b")]),
        (
            "replacePathRegex: {regex: '^/a/(.*)', replacement: '/z/$1'}",
            [("path", "/a/b", "/z/b"), ("requestHeader", None, "/a/b")],
        ),
        ("headers: {customRequestHeaders: {X-New: v}}", [("requestHeader", None, "v")]),
        ("headers: {customRequestHeaders: {X-Old: ''}}", [("requestHeader", "1, 2", None)]),
        ("headers: {customRequestHeaders: {X-Old: v}}", [("requestHeader", "1, 2", "v")]),
        ("headers: {customRequestHeaders: {Host: other}}", [("host", "example.com", "other")]),
        ("headers: {customRequestHeaders: {X-Forwarded-For: ''}}", [("requestHeader", None, None)]),
        (
            "headers: {customResponseHeaders: {X-Out: v, Server: ''}}",
            [("responseHeader", None, "v"), ("responseHeader", None, None)],
        ),
        ("headers: {frameDeny: true}", [("responseHeader", None, "DENY")]),
        ("redirectScheme: {scheme: http}", []),
        ("redirectRegex: {regex: '^http://other', replacement: x}", []),
        ("ipAllowList: {sourceRange: [127.0.0.1]}", []),
        ("ipDenyList: {sourceRange: [192.0.2.0/24]}", []),
        ("limit: {maxRequestBodyBytes: 10}", []),
        ("encodedCharacters: {allowEncodedHash: true}", []),
        ("passTLSClientCert: {pem: true}", []),
    ],
)
def test_what_it_changes(middleware, changes):
    found = step(middleware, headers=[("X-Old", "1"), ("x-old", "2")])
    assert [(one["part"], one.get("from"), one["to"]) for one in found["changes"]] == changes
    assert set(found) == {"name", "type", "changes"}


REDIRECT = "redirectRegex: {regex: '^http://(.*)', replacement: 'https://new.$1', permanent: true}"


@pytest.mark.parametrize(
    ("middleware", "question", "status", "headers", "why"),
    [
        ("redirectScheme: {scheme: https}", {}, 302, {"Location": "https://example.com/a/b?q=1"}, None),
        (
            "redirectScheme: {scheme: https, port: '8443'}",
            {"method": "POST"},
            307,
            {"Location": "https://example.com:8443/a/b?q=1"},
            None,
        ),
        (REDIRECT, {}, 301, {"Location": "https://new.example.com/a/b?q=1"}, None),
        ("ipAllowList: {sourceRange: [192.0.2.0/24, 10.0.0.1]}", {}, 403, None, "only 192.0.2.0/24, 10.0.0.1 may pass"),
        ("ipAllowList: {sourceRange: [192.0.2.1], rejectStatusCode: 404}", {}, 404, None, "only 192.0.2.1 may pass"),
        ("ipDenyList: {sourceRange: [127.0.0.0/8]}", {}, 403, None, "127.0.0.0/8 may not pass"),
        (
            "limit: {maxRequestBodyBytes: 10}",
            {"headers": [("Content-Length", "11")]},
            413,
            None,
            "the body is longer than 10 bytes",
        ),
        (
            "basicAuth: {users: ['ann:{SHA}x'], realm: here}",
            {},
            401,
            {"WWW-Authenticate": 'Basic realm="here"', "Content-Type": "text/plain"},
            "there is no Authorization field",
        ),
        (
            "basicAuth: {users: ['ann:{SHA}x']}",
            {"headers": [("Authorization", "Basic YW5uOm5v")]},
            401,
            None,
            "the credentials are wrong",
        ),
        ("digestAuth: {users: ['ann:traefik:00']}", {}, 401, None, "there is no Authorization field"),
        ("jwt: {secret: abcdefghijklmnopqrstuvwxyz012345}", {}, 401, {"WWW-Authenticate": "Bearer"}, None),
        (
            "jwt: {secret: abcdefghijklmnopqrstuvwxyz012345}",
            {"headers": [("Authorization", f"Bearer {TOKEN}x")]},
            401,
            None,
            None,
        ),
        ("respond: {status: 204}", {}, 204, None, None),
        (
            "encodedCharacters: {allowEncodedHash: true}",
            {"url": "http://example.com/a%2Fb"},
            400,
            None,
            "the path has an encoded character that is not allowed",
        ),
        ("headers: {allowedHosts: [other.example.com]}", {}, 500, None, "the host is not one of allowedHosts"),
        (
            "headers: {accessControlAllowMethods: [PUT]}",
            {"method": "OPTIONS", "headers": [("Origin", "https://a"), ("Access-Control-Request-Method", "PUT")]},
            200,
            None,
            "it is a CORS preflight",
        ),
    ],
)
def test_what_it_answers(middleware, question, status, headers, why):
    answer = asked(middleware, **question)
    result = answer["result"]
    assert (result["kind"], result["by"], result["name"]) == ("answer", "middleware", "m@file")
    assert (result["status"], result.get("why")) == (status, why)
    if headers is not None:
        assert result["headers"] == headers
    told = answer["router"]["middlewares"][-1]["answers"]
    assert told == {key: result[key] for key in told}
    assert "service" not in answer["router"]


def test_a_costly_password_is_checked():
    users = "ann:$2y$05$6fHVsyZWPzDl2bNo0CvLAO5hCsWrpl2WTlSBu5gwJjqPqoW7xNMW2"
    header = [("Authorization", "Basic YW5uOm5v")]
    assert asked(f"basicAuth: {{users: ['{users}']}}", headers=header)["result"]["why"] == "the credentials are wrong"


def test_good_credentials_pass():
    users = "ann:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="
    header = [("Authorization", "Basic YW5uOnNlY3JldA==")]
    found = step(f"basicAuth: {{users: ['{users}'], removeHeader: true, headerField: X-User}}", headers=header)
    assert [(one["name"], one["from"], one["to"]) for one in found["changes"]] == [
        ("Authorization", "Basic YW5uOnNlY3JldA==", None),
        ("X-User", None, "ann"),
    ]


@pytest.mark.parametrize(
    ("middleware", "text", "is_doubtful"),
    [
        (
            "rateLimit: {average: 100, burst: 50}",
            "lets it pass within 100 requests per 1s and client address, bursts of 50: 429 beyond",
            True,
        ),
        (
            "rateLimit: {average: 1, sourceCriterion: {requestHeaderName: X-Key}}",
            "lets it pass within 1 requests per 1s and value of X-Key, bursts of 1: 429 beyond",
            True,
        ),
        ("rateLimit: {burst: 2}", "lets everything pass: average is 0", False),
        (
            "inFlightReq: {amount: 5, sourceCriterion: {requestHost: true}}",
            "lets it pass while fewer than 5 requests per host are under way: 429",
            True,
        ),
        (
            "circuitBreaker: {expression: 'NetworkErrorRatio() > 0.5'}",
            "lets it pass unless the circuit is open (NetworkErrorRatio() > 0.5): 503",
            True,
        ),
        (
            "forwardAuth: {address: 'http://192.0.2.1/auth'}",
            "asks http://192.0.2.1/auth first, whose answer decides",
            True,
        ),
        (
            "buffering: {maxRequestBodyBytes: 9}",
            "holds the body back until it is complete; more than 9 bytes: 413",
            True,
        ),
        ("buffering: {memRequestBodyBytes: 5}", "holds the body back until it is complete", True),
        (
            "jwt: {jwksUrl: 'http://192.0.2.1/jwks'}",
            "wants a token that a key of http://192.0.2.1/jwks signed (header Authorization): 401 otherwise",
            True,
        ),
        (
            "compress: {}",
            "compresses the answer if the client accepts one of gzip, br, zstd, and its type is worth it",
            False,
        ),
        ("retry: {attempts: 3}", "up to 3 attempts while no server can be reached", False),
        (
            "retry: {attempts: 3, status: ['502-504']}",
            "up to 3 attempts while no server can be reached or the answer is 502-504",
            False,
        ),
        (
            "errors: {status: ['500', '502-504'], service: s, query: /}",
            "fetches another page from service s@file if the answer is 500, 502-504",
            False,
        ),
        ("grpcWeb: {allowOrigins: ['*']}", "translates gRPC-Web calls; everything else passes", False),
        ("contentType: {autoDetect: true}", "guesses the Content-Type of an answer that has none", False),
    ],
)
def test_what_it_depends_on(middleware, text, is_doubtful):
    answer = asked(middleware)
    assert answer["router"]["middlewares"] == [
        {"name": "m@file", "type": middleware.partition(":")[0], "depends": text}
    ]
    assert answer["result"].get("if") == (["m@file"] if is_doubtful else None)
    assert "service" in answer["router"]


def test_every_kind_is_either_run_or_described():
    assert all(is_pure(key, None) != (key in _TERMS) for key in MIDDLEWARES if key != "chain")
    assert set(MIDDLEWARES) <= set(Middleware.__slots__)


def test_a_chain_and_its_members():
    answer = asked("chain: {middlewares: [n]}")
    assert answer["router"]["middlewares"][0] == {"name": "m@file", "type": "chain", "middlewares": ["n@file"]}
    assert answer["router"]["middlewares"][1]["name"] == "n@file"
    assert answer["router"]["service"]["sent"]["path"] == "/n/a/b?q=1"


def test_fields_of_a_trusted_client_are_seen():
    given = "entryPoints: {web: {address: ':80', forwardedHeaders: {trustedIPs: [10.0.0.0/8]}}}"
    middleware = "ipAllowList: {sourceRange: [192.0.2.7], ipStrategy: {depth: 1}}"
    headers = [("X-Forwarded-For", "192.0.2.7")]
    assert "answers" in step(middleware, headers=headers, given=given)
    assert "answers" not in step(middleware, headers=headers, given=given, client_ip="10.1.2.3")


def test_a_file_that_went_away_is_told(tmp_path, monkeypatch):
    users = tmp_path / "users"
    users.write_text("ann:{SHA}x\n")
    text = f"basicAuth: {{usersFile: '{users}'}}"

    def gone(*given: object) -> None:
        raise ValueError("open users: no such file")

    monkeypatch.setattr("trafficcop.control.explain.middlewares._build", gone)
    assert step(text)["depends"] == "open users: no such file"
