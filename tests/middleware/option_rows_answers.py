"""Rows for middlewares that look at answers, talk to other servers, or are ours."""

from __future__ import annotations

from tests.middleware.option_rows import ORIGIN, PREFLIGHT, row

HEADERS = [
    row("headers: {customRequestHeaders: {X-New: a, X-Old: ''}}", "GET /\nX-Old: b", "X-New: a", "!X-Old"),
    row(
        "headers: {customResponseHeaders: {X-New: a, X-Old: ''}}", "GET /", "x-new: a", "!x-old", server="200\nX-Old: b"
    ),
    row(
        "headers: {accessControlAllowOriginList: ['https://a.example.com']}",
        f"GET /\n{ORIGIN}",
        "access-control-allow-origin: https://a.example.com",
    ),
    row(
        "headers: {accessControlAllowOriginListRegex: ['^https://a[.]']}",
        f"GET /\n{ORIGIN}\n\nGET /\nOrigin: https://b.example.com",
        "access-control-allow-origin: https://a.example.com",
        "!allow-origin: https://b.example.com",
    ),
    row(
        "headers: {accessControlAllowOriginList: ['*'], accessControlAllowCredentials: true}",
        f"GET /\n{ORIGIN}",
        "access-control-allow-origin: https://a.example.com",
        "access-control-allow-credentials: true",
    ),
    row("headers: {accessControlAllowHeaders: [X-A, X-B]}", PREFLIGHT, "access-control-allow-headers: X-A,X-B", "!<<"),
    row("headers: {accessControlAllowMethods: [GET, PUT]}", PREFLIGHT, "access-control-allow-methods: GET,PUT"),
    row("headers: {accessControlMaxAge: 0}", PREFLIGHT, ">> 200", "access-control-max-age: 0"),
    row("headers: {accessControlExposeHeaders: [X-A, X-B]}", "GET /", "access-control-expose-headers: X-A,X-B"),
    row("headers: {addVaryHeader: true}", "GET /", "vary: Accept,Origin", server="200\nVary: Accept"),
    row("headers: {allowedHosts: [other.example.com]}", "GET /", ">> 500", "Bad Host", "!<<"),
    row(
        "headers: {allowedHosts: [other.example.com], hostsProxyHeaders: [X-Host]}",
        "GET /\nX-Host: other.example.com",
        ">> 200",
    ),
    row("headers: {allowedHosts: [other.example.com], isDevelopment: true}", "GET /", ">> 200"),
    row("headers: {stsSeconds: 9}", "GET /", "!strict-transport"),
    row(
        "headers: {stsSeconds: 9, forceSTSHeader: true, stsIncludeSubdomains: true, stsPreload: true}",
        "GET /",
        "strict-transport-security: max-age=9; includeSubDomains; preload",
    ),
    row(
        "headers: {stsSeconds: 9, publicKey: pin, sslProxyHeaders: {X-Proto: https}}",
        "GET /\nX-Proto: https",
        "strict-transport-security: max-age=9",
        "public-key-pins: pin",
    ),
    row("headers: {frameDeny: true}", "GET /", "x-frame-options: DENY"),
    row("headers: {customFrameOptionsValue: SAMEORIGIN}", "GET /", "x-frame-options: SAMEORIGIN"),
    row("headers: {contentTypeNosniff: true}", "GET /", "x-content-type-options: nosniff"),
    row("headers: {browserXssFilter: true}", "GET /", "x-xss-protection: 1; mode=block"),
    row("headers: {customBrowserXSSValue: '0'}", "GET /", "x-xss-protection: 0"),
    row("headers: {contentSecurityPolicy: default-src x}", "GET /", "content-security-policy: default-src x"),
    row("headers: {contentSecurityPolicyReportOnly: a b}", "GET /", "content-security-policy-report-only: a b"),
    row("headers: {referrerPolicy: no-referrer}", "GET /", "referrer-policy: no-referrer"),
    row("headers: {permissionsPolicy: camera=()}", "GET /", "permissions-policy: camera=()"),
    # Known, and without effect since Traefik v3.
    row("headers: {featurePolicy: x}", "GET /", ">> 200", "!feature-policy"),
    row("headers: {sslRedirect: true, sslTemporaryRedirect: true, sslHost: x, sslForceHost: true}", "GET /", ">> 200"),
]

GZIP = "GET /\nAccept-Encoding: gzip, br, zstd"
ERRORS = "errors: {status: ['500-599'], service: page@file"
ANSWERS = [
    row(
        "compress: {}",
        GZIP,
        "content-encoding: gzip",
        "vary: Accept-Encoding",
        size=2000,
        server="200\nContent-Type: a/b",
    ),
    row(
        "compress: {encodings: [zstd, br]}", GZIP, "content-encoding: zstd", size=2000, server="200\nContent-Type: a/b"
    ),
    row(
        "compress: {encodings: [zstd, br], defaultEncoding: br}",
        "GET /",
        "content-encoding: br",
        size=2000,
        server="200\nContent-Type: a/b",
    ),
    row("compress: {minResponseBodyBytes: 5}", GZIP, "content-encoding: gzip", server="200\nContent-Type: a/b"),
    row(
        "compress: {excludedContentTypes: [a/b]}",
        GZIP,
        "!content-encoding",
        "vary: Accept-Encoding",
        size=2000,
        server="200\nContent-Type: a/b",
    ),
    row(
        "compress: {includedContentTypes: [a/c]}", GZIP, "!content-encoding", size=2000, server="200\nContent-Type: a/b"
    ),
    row("contentType: {}", "GET /", "content-type: text/plain; charset=utf-8"),
    row("contentType: {autoDetect: false}", "GET /", "!content-type"),
    row(f"{ERRORS}, query: '/{{status}}?{{url}}'}}", "GET /a", ">> 503", "<< GET /503?http%3A%2F%2Fexa", server="503"),
    row(
        f"{ERRORS}, query: '/{{status}}-{{originalStatus}}', statusRewrites: {{'503': 502}}}}",
        "GET /a",
        ">> 502",
        "<< GET /502-503 ",
        server="503",
    ),
    row(f"{ERRORS}, errorRequestHeaders: [X-A]}}", "GET /\nX-A: 1\nX-B: 2", "X-B: 2 (1)", "!X-B: 2 (2)", server="503"),
    row(
        "grpcWeb: {allowOrigins: ['*']}",
        "POST /\nContent-Type: application/grpc-web",
        "Content-Type: application/grpc (1)",
    ),
    row("passTLSClientCert: {pem: true}", "GET /\nX-Forwarded-Tls-Client-Cert: a", ">> 200"),
]

FORWARD = [
    row(
        "forwardAuth: {address: '@auth/?status=401'}",
        "GET /a",
        ">> 401",
        "X-Forwarded-Uri: /a",
        "X-Forwarded-Method: GET",
    ),
    row("forwardAuth: {address: '@auth/', authResponseHeaders: [X-Who]}", "GET /\nX-Who: me", "X-Who: auth (2)"),
    row("forwardAuth: {address: '@auth/', authResponseHeadersRegex: ^X-W}", "GET /\nX-Who: me", "X-Who: auth (2)"),
    row(
        "forwardAuth: {address: '@auth/', authRequestHeaders: [X-A]}",
        "GET /\nX-A: 1\nX-B: 2",
        "X-A: 1 (1)",
        "!X-B: 2 (1)",
    ),
    row("forwardAuth: {address: '@auth/', addAuthCookiesToResponse: [a]}", "GET /", "set-cookie: a=b"),
    row("forwardAuth: {address: '@auth/', headerField: X-Who}", "GET /", ">> 200"),
    row("forwardAuth: {address: '@auth/', forwardBody: true}", "POST /", "12345 (1)", "12345 (2)", body="12345"),
    row("forwardAuth: {address: '@auth/', forwardBody: true, maxBodySize: 3}", "POST /", ">> 401", "!<<", body="12345"),
    row("forwardAuth: {address: '@auth/', maxResponseBodySize: 2}", "GET /", ">> 401", "!(2)"),
    row("forwardAuth: {address: '@auth/?status=302'}", "GET /", ">> 302", "location: http://127.0.0.1:"),
    row("forwardAuth: {address: '@auth/?status=302', preserveLocationHeader: true}", "GET /", "location: /login"),
    row("forwardAuth: {address: '@auth/?status=401', preserveRequestMethod: true}", "PUT /", "<< PUT /?status=401"),
    row(
        "forwardAuth: {address: '@auth/?status=401', authSigninURL: 'https://x/'}",
        "GET /",
        ">> 302",
        "location: https://x/",
    ),
    row(
        "forwardAuth: {address: '@auth/?status=401', trustForwardHeader: true}",
        "GET /\nX-Forwarded-Uri: /mine",
        "X-Forwarded-Uri: /mine (1)",
    ),
    row(
        "forwardAuth: {address: '@auth/?status=401', trustForwardHeader: false}",
        "GET /\nX-Forwarded-Uri: /mine",
        "X-Forwarded-Uri: / (1)",
    ),
    row("forwardAuth: {address: '@auth/', tls: {insecureSkipVerify: true, caOptional: true}}", "GET /", ">> 200"),
    row(
        "forwardAuth: {address: '@auth/', cache: {ttl: 1h, keyHeaders: [X-Key]}}",
        "GET /\nX-Key: a\n\nGET /\nX-Key: a\n\nGET /\nX-Key: b",
        "(5)",
        "!(6)",
    ),
]

# HS256 of {"sub": "me", "role": "a", "iss": "us", "aud": "it", "exp": 4102444800}.
TOKEN = "@token"
JWT = "jwt: {secret: 0123456789abcdef0123456789abcdef"
OWN = [
    row(f"{JWT}}}", "GET /", ">> 401", "www-authenticate: Bearer\n", "!<<"),
    row(f"{JWT}}}", f"GET /\nAuthorization: Bearer {TOKEN}", ">> 200", "Authorization: Bearer"),
    row(
        f"{JWT}{2 * '0123456789abcdef'}, algorithms: [HS512]}}",
        f"GET /\nAuthorization: Bearer {TOKEN}",
        "the algorithm",
    ),
    row(f"{JWT}, audience: [other]}}", f"GET /\nAuthorization: Bearer {TOKEN}", "the audience is wrong"),
    row(f"{JWT}, issuer: [other]}}", f"GET /\nAuthorization: Bearer {TOKEN}", "the issuer is wrong"),
    row(f"{JWT}, leeway: 1h}}", f"GET /\nAuthorization: Bearer {TOKEN}", ">> 200"),
    row(f"{JWT}, requiredClaims: [nbf]}}", f"GET /\nAuthorization: Bearer {TOKEN}", "a claim is missing"),
    row(f"{JWT}, claims: {{role: b}}}}", f"GET /\nAuthorization: Bearer {TOKEN}", "a claim has another value"),
    row(
        f"{JWT}, claimHeaders: {{X-Sub: sub}}}}",
        f"GET /\nAuthorization: Bearer {TOKEN}\nX-Sub: x",
        "X-Sub: me",
        "!X-Sub: x",
    ),
    row(f"{JWT}, removeHeader: true}}", f"GET /\nAuthorization: Bearer {TOKEN}", ">> 200", "!Bearer"),
    row(f"{JWT}, header: X-Token}}", f"GET /\nX-Token: {TOKEN}", ">> 200"),
    row(f"{JWT}, cookie: t}}", f"GET /\nCookie: a=b; t={TOKEN}", ">> 200"),
    row(f"{JWT}, query: t}}", f"GET /?t={TOKEN}", ">> 200"),
    row("jwt: {publicKey: '@key'}", "GET /\nAuthorization: Bearer @signed", ">> 200"),
    row("jwt: {jwksUrl: '@auth/?keys', jwksRefreshInterval: 1h}", "GET /\nAuthorization: Bearer @signed", ">> 200"),
    row(
        "respond: {status: 503, body: later, headers: {Retry-After: '9'}}",
        "GET /",
        ">> 503",
        "later",
        "retry-after: 9",
        "!<<",
    ),
    row("respond: {file: '@page'}", "GET /", ">> 200", "a page", "!<<"),
]
