"""One row of the table of options: a middleware as YAML, what is asked, and what must and must not come of it."""

from __future__ import annotations

from dataclasses import dataclass

SHA = "{SHA}PLzZCtxLGSqHpiWFC38jHK3fDrM="  # of "word"


@dataclass(frozen=True, slots=True)
class Row:
    """`outcome`: texts of the exchange, as the server saw it and as the client got it; `!text` is in none of it.

    `asked`: the request line and fields, several requests with an empty line between them. `server`: the status and
    the fields of the server's answers.
    """

    middleware: str
    asked: str
    outcome: tuple[str, ...]
    server: str = "200"
    size: int = 5
    body: str = ""


def row(middleware: str, asked: str, *outcome: str, server: str = "200", size: int = 5, body: str = "") -> Row:
    return Row(middleware, asked, outcome, server, size, body)


FROM = "X-Forwarded-For: 192.0.2.1, 198.51.100.1"
ORIGIN = "Origin: https://a.example.com"
PREFLIGHT = f"OPTIONS /\n{ORIGIN}\nAccess-Control-Request-Method: PUT\nAccess-Control-Request-Headers: X-A"

PATHS = [
    row("addPrefix: {prefix: /v1}", "GET /a", "<< GET /v1/a HTTP"),
    row("stripPrefix: {prefixes: [/x, /a]}", "GET /a/b", "<< GET /b HTTP", "X-Forwarded-Prefix: /a"),
    row("stripPrefix: {prefixes: [/a], forceSlash: true}", "GET /a", "<< GET / HTTP"),
    row("stripPrefixRegex: {regex: ['/[a-z]+']}", "GET /ab/c", "<< GET /c HTTP", "X-Forwarded-Prefix: /ab"),
    row("replacePath: {path: /n}", "GET /a?b", "<< GET /n?b HTTP", "X-Replaced-Path: /a"),
    row("replacePathRegex: {regex: '^/a/(.*)', replacement: /n/$1}", "GET /a/b", "<< GET /n/b HTTP"),
    row("encodedCharacters: {allowEncodedSlash: true}", "GET /a%2Fb\n\nGET /a%3Bb", ">> 200", ">> 400"),
    row("encodedCharacters: {allowEncodedBackSlash: true}", "GET /a%5Cb\n\nGET /a%2Fb", ">> 200", ">> 400"),
    row("encodedCharacters: {allowEncodedNullCharacter: true}", "GET /a%00b\n\nGET /a%2Fb", ">> 200", ">> 400"),
    row("encodedCharacters: {allowEncodedSemicolon: true}", "GET /a%3Bb\n\nGET /a%2Fb", ">> 200", ">> 400"),
    row("encodedCharacters: {allowEncodedPercent: true}", "GET /a%25b\n\nGET /a%2Fb", ">> 200", ">> 400"),
    row("encodedCharacters: {allowEncodedQuestionMark: true}", "GET /a%3Fb\n\nGET /a%2Fb", ">> 200", ">> 400"),
    row("encodedCharacters: {allowEncodedHash: true}", "GET /a%23b\n\nGET /a%2Fb", ">> 200", ">> 400"),
    row(
        "redirectRegex: {regex: '^http://(.*)/a$', replacement: 'https://$1/b'}",
        "GET /a\n\nPOST /a",
        ">> 302",
        ">> 307",
        "location: https://example.com/b",
        "!<<",
    ),
    row("redirectRegex: {regex: a$, replacement: b, permanent: true}", "GET /a\n\nPOST /a", ">> 301", ">> 308"),
    row("redirectScheme: {scheme: https}", "GET /a?b", ">> 302", "location: https://example.com/a?b"),
    row(
        "redirectScheme: {scheme: https, port: '8443', permanent: true}",
        "GET /a",
        ">> 301",
        "location: https://example.com:8443/a",
    ),
    row("chain: {middlewares: [other]}", "GET /", "X-Other: 1"),
]

ADDRESSES = [
    row("ipAllowList: {sourceRange: [127.0.0.0/8]}", "GET /", ">> 200"),
    row("ipAllowList: {sourceRange: [192.0.2.0/24]}", "GET /", ">> 403", "Forbidden", "!<<"),
    row("ipAllowList: {sourceRange: [192.0.2.0/24], rejectStatusCode: 404}", "GET /", ">> 404", "Not Found"),
    row("ipAllowList: {sourceRange: [192.0.2.0/24], ipStrategy: {depth: 2}}", f"GET /\n{FROM}", ">> 200"),
    row("ipAllowList: {sourceRange: [192.0.2.0/24], ipStrategy: {depth: 1}}", f"GET /\n{FROM}", ">> 403"),
    row(
        "ipAllowList: {sourceRange: [192.0.2.0/24], ipStrategy: {excludedIPs: [198.51.100.0/24]}}",
        f"GET /\n{FROM}",
        ">> 200",
    ),
    row(
        "ipAllowList: {sourceRange: ['2001:db8::/128'], ipStrategy: {depth: 1, ipv6Subnet: 64}}",
        "GET /\nX-Forwarded-For: 2001:db8::7",
        ">> 200",
    ),
    row("ipDenyList: {sourceRange: [127.0.0.0/8]}", "GET /", ">> 403", "Forbidden"),
    row("ipDenyList: {sourceRange: [127.0.0.0/8], rejectStatusCode: 410}", "GET /", ">> 410", "Gone"),
    row("ipDenyList: {sourceRange: [192.0.2.0/24], ipStrategy: {depth: 2}}", f"GET /\n{FROM}", ">> 403"),
    row(
        "ipDenyList: {sourceRange: [192.0.2.0/24], ipStrategy: {excludedIPs: [198.51.100.0/24]}}",
        f"GET /\n{FROM}",
        ">> 403",
    ),
    row(
        "ipDenyList: {sourceRange: ['2001:db8::/128'], ipStrategy: {depth: 1, ipv6Subnet: 64}}",
        "GET /\nX-Forwarded-For: 2001:db8::7",
        ">> 403",
    ),
    row("ipWhiteList: {sourceRange: [192.0.2.0/24]}", "GET /", ">> 403", "Forbidden"),
    row("ipWhiteList: {sourceRange: [192.0.2.0/24], ipStrategy: {depth: 2}}", f"GET /\n{FROM}", ">> 200"),
    row(
        "ipWhiteList: {sourceRange: [192.0.2.0/24], ipStrategy: {excludedIPs: [198.51.100.0/24]}}",
        f"GET /\n{FROM}",
        ">> 200",
    ),
    row(
        "ipWhiteList: {sourceRange: ['2001:db8::/128'], ipStrategy: {depth: 1, ipv6Subnet: 64}}",
        "GET /\nX-Forwarded-For: 2001:db8::7",
        ">> 200",
    ),
]

LOGIN = "GET /\nAuthorization: Basic dXNlcjp3b3Jk"
AUTH = [
    row(f"basicAuth: {{users: ['user:{SHA}']}}", LOGIN, ">> 200", "Authorization: Basic"),
    row(
        f"basicAuth: {{users: ['user:{SHA}'], realm: here}}",
        "GET /",
        ">> 401",
        'www-authenticate: Basic realm="here"',
        "401 Unauthorized",
        "content-type: text/plain",
        "!<<",
    ),
    row(
        f"basicAuth: {{users: ['user:{SHA}'], headerField: X-Who, removeHeader: true}}", LOGIN, "X-Who: user", "!Basic"
    ),
    row("basicAuth: {usersFile: '@users'}", LOGIN, ">> 200"),
    row(
        "digestAuth: {users: ['user:here:0123456789abcdef0123456789abcdef'], realm: here}",
        "GET /",
        ">> 401",
        'www-authenticate: Digest realm="here", nonce="',
        'algorithm="MD5", qop="auth"',
    ),
]

LIMITS = [
    row("inFlightReq: {amount: 0}", "GET /", ">> 429", "max connections reached: 0", "!<<"),
    row("inFlightReq: {amount: 1, sourceCriterion: {requestHost: true}}", "GET /\n\nGET /", ">> 200", "!>> 429"),
    row("inFlightReq: {amount: 0, sourceCriterion: {requestHeaderName: X-Key}}", "GET /\nX-Key: a", ">> 429"),
    *(
        row(f"inFlightReq: {{amount: 0, sourceCriterion: {{ipStrategy: {{{strategy}}}}}}}", f"GET /\n{FROM}", ">> 429")
        for strategy in ("depth: 1", "excludedIPs: [192.0.2.1]", "depth: 1, ipv6Subnet: 64")
    ),
    row("inFlightReq: {amount: 0, sourceCriteria: [{requestHost: true}, {requestHeaderName: X}]}", "GET /", ">> 429"),
    row(
        "rateLimit: {average: 1, period: 1h, burst: 1}",
        "GET /\n\nGET /",
        ">> 200",
        ">> 429",
        "Too Many Requests",
        "retry-after: 3600",
        "x-retry-in: ",
    ),
    row("rateLimit: {average: 1, period: 1h, burst: 3}", "GET /\n\nGET /\n\nGET /", ">> 200", "!>> 429"),
    row(
        "rateLimit: {average: 1, period: 1h, sourceCriterion: {requestHeaderName: X-Key}}",
        "GET /\nX-Key: a\n\nGET /\nX-Key: b",
        "!>> 429",
    ),
    row(
        "rateLimit: {average: 1, period: 1h, sourceCriterion: {requestHost: true}}",
        f"GET /\n\nGET /\n{FROM}",
        ">> 429",
    ),
    row(
        "rateLimit: {average: 1, period: 1h, sourceCriterion: {ipStrategy: {depth: 1}}}",
        f"GET /\n\nGET /\n{FROM}",
        "!>> 429",
    ),
    row(
        "rateLimit: {average: 1, period: 1h, sourceCriterion: {ipStrategy: {excludedIPs: [198.51.100.1]}}}",
        f"GET /\n{FROM}\n\nGET /\nX-Forwarded-For: 192.0.2.1",
        ">> 429",
    ),
    row(
        "rateLimit: {average: 1, period: 1h, sourceCriterion: {ipStrategy: {depth: 1, ipv6Subnet: 64}}}",
        "GET /\nX-Forwarded-For: 2001:db8::1\n\nGET /\nX-Forwarded-For: 2001:db8::2",
        ">> 429",
    ),
    row(
        "rateLimit: {average: 1, period: 1h, sourceCriteria: [{requestHost: true}, {requestHeaderName: X-Key}]}",
        "GET /\nX-Key: a\n\nGET /\nX-Key: b\n\nGET /\nX-Key: b",
        ">> 429",
    ),
    *(
        row(f"{kind}, sourceCriteria: [{{ipStrategy: {{{strategy}}}}}]}}", f"GET /\n{FROM}\n\nGET /\n{FROM}", ">> 429")
        for kind in ("inFlightReq: {amount: 0", "rateLimit: {average: 1, period: 1h")
        for strategy in ("depth: 1", "excludedIPs: [192.0.2.1]", "depth: 1, ipv6Subnet: 64")
    ),
    row(
        "rateLimit: {average: 1, redis: {endpoints: ['127.0.0.1:1'], username: a, password: b, db: 1, poolSize: 2,"
        " minIdleConns: 1, maxActiveConns: 3, readTimeout: 1s, writeTimeout: 1s, dialTimeout: 1s}}",
        "GET /",
        ">> 500",
        "Could not insert/update bucket",
        "!<<",
    ),
    row("limit: {maxRequestBodyBytes: 3}", "POST /", ">> 413", "Request Entity Too Large", "!<<", body="12345"),
    row("buffering: {maxRequestBodyBytes: 3}", "POST /", ">> 413", "Request Entity Too Large", "!<<", body="12345"),
    row("buffering: {memRequestBodyBytes: 3}", "POST /", ">> 200", "12345", body="12345"),
    row("buffering: {maxResponseBodyBytes: 3}", "GET /", ">> 500", "Internal Server Error"),
    row("buffering: {memResponseBodyBytes: 3}", "GET /", ">> 200", "xxxxx"),
    row(
        "buffering: {retryExpression: 'ResponseCode() == 500 && Attempts() < 2'}",
        "POST /again",
        "<< POST /again HTTP/1.1 (2)",
        "!(3)",
        server="500",
        body="1",
    ),
    row("circuitBreaker: {expression: NetworkErrorRatio() > 0.5}", "GET /", ">> 200"),
    row(
        "circuitBreaker: {expression: 'ResponseCodeRatio(500, 600, 0, 600) > 0.5', responseCode: 429,"
        " checkPeriod: 1ms, fallbackDuration: 1h, recoveryDuration: 1h}",
        "GET /\n\nGET /",
        ">> 500",
        ">> 429",
        "Too Many Requests",
        "!(2)",
        server="500",
    ),
    row("retry: {attempts: 3, status: ['500'], initialInterval: 1ms}", "GET /", "(3)", "!(4)", server="500"),
    row("retry: {attempts: 3, status: ['500'], timeout: 1ns}", "GET /", "!(2)", server="500"),
    row("retry: {attempts: 3, status: ['500'], maxRequestBodyBytes: 2}", "PUT /", "!(2)", server="500", body="12345"),
    row("retry: {attempts: 3, status: ['500']}", "POST /", "!(2)", server="500", body="1"),
    row(
        "retry: {attempts: 2, status: ['500'], retryNonIdempotentMethod: true}", "POST /", "(2)", server="500", body="1"
    ),
    row("retry: {attempts: 2, status: ['502'], disableRetryOnNetworkError: true}", "GET /", "(2)", server="502"),
    row("retry: {attempts: 20, status: ['500'], budget: 1%}", "GET /", "(11)", "!(12)", server="500"),
]
