"""`jwt`: tokens of every kind, wrong in every way, from every place; keys that come, change and go."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from tests.live import Seen, ask, backend, live, plain, routed
from tests.support import Origin, build, make_request, run, run_now, values
from trafficcop.config.own import JWT
from trafficcop.config.scalars import Duration, FileOrContent
from trafficcop.http.messages import Handler
from trafficcop.middleware import tokens

SECRET = "s" * 64
NOW = int(time.time())  # when the tests were collected: a run may take minutes
RSA = rsa.generate_private_key(65537, 2048)
KEYS: dict[str, Any] = {
    "RS": RSA,
    "PS": RSA,
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "ES384": ec.generate_private_key(ec.SECP384R1()),
    "ES512": ec.generate_private_key(ec.SECP521R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}


def pem(key: Any) -> FileOrContent:
    encoded = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return FileOrContent(encoded.decode())


def token(algorithm: str = "HS256", key: Any = SECRET, kid: str | None = None, **claims: Any) -> str:
    return jwt.encode({"sub": "me", **claims}, key, algorithm, {"kid": kid} if kid else None)


def guarded(origin: Origin, **options: Any) -> Handler:
    if not {"secret", "public_key", "jwks_url"} & options.keys():
        options["secret"] = FileOrContent(SECRET)
    return build("jwt", JWT(**options), origin)


async def judged(handler: Handler, text: str) -> tuple[int, str]:
    """Status and challenge."""
    request = make_request(headers=[("Authorization", f"Bearer {text}")])
    status, headers, _ = await run(handler, request)
    return status, headers.get("WWW-Authenticate", "")


def refusal(reason: str) -> tuple[int, str]:
    return 401, f'Bearer error="invalid_token", error_description="{reason}"'


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
async def test_secrets(algorithm: str) -> None:
    handler = guarded(Origin())
    assert await judged(handler, token(algorithm)) == (200, "")
    assert await judged(handler, token(algorithm, "x" * 64)) == refusal("the signature is wrong")


@pytest.mark.parametrize(
    "algorithm",
    ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"],
)
async def test_public_keys(algorithm: str, tmp_path: Path) -> None:
    key = KEYS.get(algorithm) or KEYS[algorithm[:2]]
    file = tmp_path / "key.pem"
    file.write_text(pem(key))
    for public in (pem(key), FileOrContent(str(file))):
        handler = guarded(Origin(), public_key=public)
        assert await judged(handler, token(algorithm, key)) == (200, "")
        header, payload, signature = token(algorithm, key).split(".")
        forged = base64.urlsafe_b64encode(b'{"sub":"you"}').decode().rstrip("=")
        assert (await judged(handler, f"{header}.{forged}.{signature}"))[0] == 401
        assert payload != forged


async def test_a_public_key_is_no_secret() -> None:
    """The oldest trick: a token signed with the text of the public key, as if it were a secret."""
    public = pem(KEYS["RS"])
    part = [base64.urlsafe_b64encode(json.dumps(item).encode()).decode().rstrip("=") for item in ({"alg": "HS256"}, {})]
    mark = hmac.digest(public.encode(), ".".join(part).encode(), hashlib.sha256)
    forged = ".".join([*part, base64.urlsafe_b64encode(mark).decode().rstrip("=")])
    assert await judged(guarded(Origin(), public_key=public), forged) == refusal("no key for the token")
    unsigned = jwt.encode({"sub": "me"}, None, "none")
    assert await judged(guarded(Origin()), unsigned) == refusal("the algorithm is not accepted")


@pytest.mark.parametrize(
    ("options", "claims", "reason"),
    [
        ({}, {"exp": NOW - 10}, "the token has expired"),
        ({"leeway": Duration.of("1h")}, {"exp": NOW - 10}, ""),
        ({}, {"exp": NOW + 1000}, ""),
        ({}, {"exp": "soon"}, "the token is malformed"),
        ({}, {"nbf": NOW + 1000}, "the token is not valid yet"),
        ({"leeway": Duration.of("1h")}, {"nbf": NOW + 1000}, ""),
        ({}, {"iat": NOW + 1000}, "the token is not valid yet"),
        ({"issuer": ("a", "b")}, {"iss": "b"}, ""),
        ({"issuer": ("a", "b")}, {"iss": "c"}, "the issuer is wrong"),
        ({"issuer": ("a",)}, {}, "a claim is missing"),
        ({"audience": ("a", "b")}, {"aud": "a"}, ""),
        ({"audience": ("a", "b")}, {"aud": ["x", "b"]}, ""),
        ({"audience": ("a",)}, {"aud": "x"}, "the audience is wrong"),
        ({"audience": ("a",)}, {}, "a claim is missing"),
        ({}, {"aud": "whoever"}, ""),
        ({"required_claims": ("exp", "email")}, {"exp": NOW + 1000, "email": "x"}, ""),
        ({"required_claims": ("exp", "email")}, {"exp": NOW + 1000}, "a claim is missing"),
        ({"claims": {"role": "admin"}}, {"role": "admin"}, ""),
        ({"claims": {"role": "admin"}}, {"role": ["user", "admin"]}, ""),
        ({"claims": {"role": "admin"}}, {"role": "administrator"}, "a claim has another value"),
        ({"claims": {"role": "admin"}}, {}, "a claim has another value"),
        ({"claims": {"a.b": "true"}}, {"a": {"b": True}}, ""),
        ({"algorithms": ("HS512",)}, {}, "the algorithm is not accepted"),
    ],
)
async def test_claims(options: dict[str, Any], claims: dict[str, Any], reason: str) -> None:
    handler = guarded(Origin(), **options)
    for _ in range(2):  # the second time from memory, if it was good
        assert await judged(handler, token(**claims)) == (refusal(reason) if reason else (200, ""))


async def test_good_tokens_are_remembered_until_they_expire(monkeypatch: pytest.MonkeyPatch) -> None:
    decode, calls, now = jwt.decode, [], time.time()

    def counted(*args: Any, **options: Any) -> Any:
        calls.append(args)
        return decode(*args, **options)

    monkeypatch.setattr("trafficcop.middleware.jwt.jwt.decode", counted)
    monkeypatch.setattr("trafficcop.middleware.jwt.time.time", lambda: now)
    handler = guarded(Origin())
    text = token(exp=int(now) + 100)
    for later, expected in ((0, 1), (90, 1), (20, 2), (0, 3)):  # after its end it is looked at each time
        now += later
        assert (await judged(handler, text))[0] == 200  # by the clock of the library it is good for long
        assert len(calls) == expected
    monkeypatch.setattr("trafficcop.middleware.jwt._REMEMBERED", 1)
    texts = [token(n=number) for number in range(3)]
    for text in (*texts, *texts):
        assert await judged(handler, text) == (200, "")
    assert len(calls) == 9


@pytest.mark.parametrize(
    ("options", "target", "headers", "status"),
    [
        ({}, "/", {"Authorization": "bearer {}"}, 200),
        ({}, "/", {"Authorization": "{}"}, 401),
        ({}, "/", {"Authorization": "Basic {}"}, 401),
        ({"header": "X-Token"}, "/", {"X-Token": "{}"}, 200),
        ({"header": "X-Token"}, "/", {"X-Token": "Bearer {}"}, 200),
        ({"header": "X-Token"}, "/", {"Authorization": "Bearer {}"}, 401),
        ({"cookie": "session"}, "/", {"Cookie": "a=b; session={}; c=d"}, 200),
        ({"cookie": "session"}, "/", {"Cookie": 'session="{}"'}, 200),
        ({"cookie": "session"}, "/", {"Cookie": "xsession={}"}, 401),
        ({"query": "token"}, "/?a=b&token={}", {}, 200),
        ({"query": "token"}, "/?xtoken={}", {}, 401),
        ({"query": "token"}, "/", {}, 401),
        ({"header": "", "query": "token"}, "/?token={}", {"Authorization": "Bearer x"}, 200),
    ],
)
async def test_where_tokens_are(options: dict[str, Any], target: str, headers: dict[str, str], status: int) -> None:
    text = token()
    request = make_request(target.format(text), headers=[(name, value.format(text)) for name, value in headers.items()])
    assert (await run(guarded(Origin(), **options), request))[0] == status


async def test_no_token_is_no_wrong_token() -> None:
    origin = Origin()
    assert await run(guarded(origin), make_request()) == (401, {"WWW-Authenticate": "Bearer"}, b"Unauthorized")
    assert await judged(guarded(origin), "x" * 20_000) == refusal("the token is too long")
    assert not origin.requests


async def test_claims_become_headers() -> None:
    origin = Origin()
    names = {"x-user": "sub", "X-Roles": "roles", "X-Deep": "a.b", "X-Json": "a", "X-Bad": "bad", "X-None": "none"}
    handler = guarded(origin, claim_headers=names, remove_header=True)
    text = token(roles=["a", 1, True], a={"b": 7}, bad="x\r\nX-Evil: 1")
    headers = [("Authorization", f"Bearer {text}"), ("X-USER", "forged"), ("X-None", "forged"), ("X-Bad", "forged")]
    request = make_request(headers=headers)
    assert (await run(handler, request))[0] == 200
    assert request.notes == {"ClientUsername": "me"}
    given = {name: values(origin.last, name) for name in names}
    assert given == {
        "x-user": ["me"],
        "X-Roles": ["a,1,true"],
        "X-Deep": ["7"],
        "X-Json": ['{"b":7}'],
        "X-Bad": [],
        "X-None": [],
    }
    assert values(origin.last, "Authorization") == []


@given(st.one_of(st.binary(max_size=60), st.builds(lambda a, b: a + b"." + b + b".x", st.binary(), st.binary())))
def test_whatever_comes_is_refused(data: bytes) -> None:
    request = make_request()
    request.headers.add(b"Authorization", b"Bearer " + data)
    assert run_now(guarded(Origin()), request)[0] == 401


# === sets of keys ===


def key_set(**keys: Any) -> bytes:
    items = []
    for kid, key in keys.items():
        algorithm = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
        item = jwt.get_algorithm_by_name(algorithm).to_jwk(key.public_key(), as_dict=True)
        items.append({**item, "kid": kid, "use": "sig"})
    return json.dumps({"keys": items}).encode()


async def test_keys_from_a_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    now = 1000.0
    monkeypatch.setattr("trafficcop.middleware.tokens.monotonic", lambda: now)
    content, seen = plain(200, key_set(a=KEYS["RS"])), Seen()
    async with backend(lambda *_: content, seen) as port:
        handler = guarded(Origin(), jwks_url=f"http://127.0.0.1:{port}/keys", jwks_refresh_interval=Duration.of("60s"))
        good, other = token("RS256", KEYS["RS"], "a"), token("ES256", KEYS["ES256"], "b")
        assert await judged(handler, good) == (200, "")
        assert await judged(handler, token("RS256", KEYS["RS"])) == (200, "")
        assert await judged(handler, other) == refusal("no key for the token")
        assert await judged(handler, token("RS256", KEYS["RS"], "z")) == refusal("no key for the token")
        assert len(seen.heads) == 1
        content = plain(200, key_set(b=KEYS["ES256"]))
        now += 11  # another key id may be looked for again
        assert await judged(handler, other) == (200, "")
        assert (await judged(handler, good))[0] == 401  # that key is gone, whatever was remembered
        assert len(seen.heads) == 2
        for garbage in (
            plain(500, b"no"),
            plain(200, b"<html>"),
            plain(200, b'{"keys": []}'),
            plain(200, b"[]"),
            b"x\r\n\r\n",
        ):
            content = garbage
            now += 61
            refreshed = handler._key_set.refresh()  # type: ignore[attr-defined]
            await refreshed
            assert await judged(handler, other) == (200, "")
        assert len(seen.heads) >= 6
    now += 61
    await handler._key_set.refresh()  # type: ignore[attr-defined]
    assert await judged(handler, other) == (200, "")  # the endpoint is down


async def test_keys_are_fetched_again_beside_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    now, fetched = 1000.0, []
    monkeypatch.setattr("trafficcop.middleware.tokens.monotonic", lambda: now)
    monkeypatch.setattr(tokens, "fetch", lambda url: fetched.append(url) or key_set(a=KEYS["RS"]))
    handler = guarded(Origin(), jwks_url="http://keys.example.com/", jwks_refresh_interval=Duration.of("60s"))
    text = token("RS256", KEYS["RS"], "a")
    for expected, gap in ((1, 1), (1, 60), (2, 1), (2, 0)):
        assert await judged(handler, text) == (200, "")
        if handler._key_set._fetching is not None:  # type: ignore[attr-defined]
            await handler._key_set._fetching  # type: ignore[attr-defined]
        assert len(fetched) == expected
        now += gap


async def test_keys_that_never_came(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    handler = guarded(Origin(), jwks_url="http://127.0.0.1:1/")
    for _ in range(2):
        status, _, body = await run(handler, make_request(headers=[("Authorization", f"Bearer {token()}")]))
        assert (status, body) == (503, b"the keys for tokens are not available\n")


def test_keys_that_are_not_used() -> None:
    small = rsa.generate_private_key(65537, 1024)
    content = json.loads(key_set(a=KEYS["RS"], small=small))
    content["keys"] += [
        {**content["keys"][0], "use": "enc"},
        {**content["keys"][0], "kid": "c", "alg": "PS512"},
        {**content["keys"][0], "alg": "ES256"},
        {"kty": "oct", "k": "c2VjcmV0"},
        {"kty": "odd"},
        {},
    ]
    keys = tokens.decode_key_set(json.dumps(content).encode())
    assert [(key.identifier, len(key.algorithms)) for key in keys] == [("a", 6), ("c", 1)]


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x), max_leaves=12
    )
)
def test_other_content_is_no_set_of_keys(content: Any) -> None:
    for text in (json.dumps(content), json.dumps({"keys": content}), json.dumps({"keys": [content]})):
        with pytest.raises(ValueError):
            tokens.decode_key_set(text.encode())


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"secret": FileOrContent("")}, "one of secret, publicKey and jwksUrl is needed"),
        ({"secret": FileOrContent("short")}, "the secret has 5 bytes: HS256 needs 32, HS384 48 and HS512 64"),
        ({"public_key": FileOrContent("x")}, "the public key cannot be read: PEM is expected"),
        ({"algorithms": ("none",)}, "unknown algorithm 'none'"),
        ({"algorithms": ("RS256",)}, "no key for the algorithm RS256"),
        ({"jwks_url": "ftp://example.com/"}, "jwksUrl: 'ftp://example.com/' is no URL of a server"),
        ({"jwks_url": "file:///etc/passwd"}, "jwksUrl: 'file:///etc/passwd' is no URL of a server"),
        ({"header": ""}, "one of header, cookie and query is needed"),
        ({"header": "a b"}, "invalid header name 'a b'"),
        ({"claim_headers": {"Host": "sub"}}, "invalid header name 'Host'"),
    ],
)
def test_bad_options(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError) as failure:
        guarded(Origin(), **options)
    assert str(failure.value) == text


async def test_through_a_listener() -> None:
    seen = Seen()
    async with backend(lambda *_: plain(200, b"hello"), seen) as server:
        options = f"jwt: {{secret: {SECRET}, claimHeaders: {{X-User: sub}}, requiredClaims: [exp]}}"
        async with live(routed(options, server)) as port:
            assert (await ask(port, "GET /"))[0] == 401
            status, headers, _ = await ask(port, f"GET /\nAuthorization: Bearer {token()}")
            assert (status, headers["www-authenticate"]) == refusal("a claim is missing")
            status, _, body = await ask(port, f"GET /\nAuthorization: Bearer {token(exp=NOW + 1000)}\nX-User: you")
            assert (status, body) == (200, b"hello")
    assert len(seen.heads) == 1
    assert "X-User: me\r\n" in seen.heads[0]
    assert "you" not in seen.heads[0].split("Authorization")[0]
