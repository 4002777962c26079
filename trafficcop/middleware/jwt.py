"""`jwt`: only requests with a signed token (RFC 7519, RFC 6750); its claims may become header fields. Ours."""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import os
import time
from collections.abc import Awaitable, Mapping
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import jwt

from trafficcop.config.own import JWT as Configuration  # noqa: N811
from trafficcop.http.body import Bytes
from trafficcop.http.headers import FRAMING, HOP, HOST, Field, Headers, learn
from trafficcop.http.messages import Handler, Ready, Request, Response, text_response
from trafficcop.http.status import STATUS_TEXT
from trafficcop.middleware.context import MiddlewareContext
from trafficcop.middleware.fields import field_name, is_field_name, is_field_value
from trafficcop.middleware.tokens import Key, KeySet, NoKeys, public_key, secret_key

_REMEMBERED = 1024
_LONGEST_TOKEN: Final = 16384
_LONGEST_KEY: Final = 2048
_KNOWN: Final = frozenset(("HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512")) | {
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
}
# What went wrong, in words that a client may see.
_REASONS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (jwt.ExpiredSignatureError, "the token has expired"),
    (jwt.ImmatureSignatureError, "the token is not valid yet"),
    (jwt.InvalidIssuedAtError, "the token was issued in the future"),
    (jwt.InvalidAudienceError, "the audience is wrong"),
    (jwt.InvalidIssuerError, "the issuer is wrong"),
    (jwt.MissingRequiredClaimError, "a claim is missing"),
    (jwt.InvalidSignatureError, "the signature is wrong"),
)


class Refused(Exception):
    """A token that is not accepted, with the reason."""


class Verifier:
    """Checks tokens: the signature, the times, who made them for whom, and the claims that must be there."""

    def __init__(self, config: Configuration, keys: tuple[Key, ...], key_set: KeySet | None) -> None:
        self._keys = keys
        self.key_set = key_set
        self._algorithms = frozenset(config.algorithms) or _KNOWN
        self._audience = list(config.audience)
        self._issuer = list(config.issuer)
        self._leeway = config.leeway.seconds
        self._claims = dict(config.claims)
        self._options: Any = {"require": list(config.required_claims), "verify_aud": bool(config.audience)}

    def candidates(self, token: bytes) -> tuple[str, list[Key]]:
        """The algorithm of a token and the keys that may have signed it; Refused if it is none that we accept."""
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError:
            raise Refused("it is no token") from None
        algorithm, identifier = header.get("alg"), header.get("kid")
        if not isinstance(algorithm, str) or algorithm not in self._algorithms:
            raise Refused("the algorithm is not accepted")
        fetched = () if self.key_set is None else self.key_set.keys
        named = [key for key in fetched if identifier is None or key.identifier in (None, identifier)]
        return algorithm, [key for key in (*self._keys, *named) if algorithm in key.algorithms]

    def claims(self, token: bytes, algorithm: str, keys: list[Key]) -> dict[str, Any]:
        """What the token says, once one of the keys has verified it; Refused otherwise."""
        failure: Exception = Refused("no key for the token")
        for key in keys:
            try:
                claims: dict[str, Any] = jwt.decode(
                    token,
                    key.value,
                    algorithms=[algorithm],
                    options=self._options,
                    audience=self._audience or None,
                    issuer=self._issuer or None,
                    leeway=self._leeway,
                )
            except jwt.InvalidSignatureError as error:
                failure = error
            except (jwt.PyJWTError, ValueError, TypeError, OverflowError) as error:
                failure = error
                break
            else:
                self._judge(claims)
                return claims
        if isinstance(failure, Refused):
            raise failure
        raise Refused(next((text for kind, text in _REASONS if isinstance(failure, kind)), "the token is malformed"))

    def _judge(self, claims: dict[str, Any]) -> None:
        for name, expected in self._claims.items():
            value = claim(claims, name)
            if not (expected in value if isinstance(value, list) else text_of(value) == expected):
                raise Refused("a claim has another value")


def claim(claims: Mapping[str, Any], name: str) -> Any:
    """A claim by its name, or by the names that lead to it (`realm_access.roles`); None without it."""
    if name in claims:
        return claims[name]
    value: Any = claims
    for step in name.split("."):
        if not isinstance(value, Mapping) or step not in value:
            return None
        value = value[step]
    return value


def text_of(value: Any) -> str | None:
    """A claim as text: lists of plain values with commas, other structures as JSON."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list) and not any(isinstance(item, (dict, list)) for item in value):
        return ",".join([text_of(item) or "" for item in value])
    return json.dumps(value, separators=(",", ":"))


class Passed:
    """What is remembered of a good token: until when, for which keys, and what it brings."""

    __slots__ = ("end", "fields", "user", "version")

    def __init__(self, end: float, version: int, fields: list[Field], user: str) -> None:
        self.end = end
        self.version = version
        self.fields = fields
        self.user = user


class TokenAuth:
    def __init__(self, config: Configuration, verifier: Verifier, next: Handler) -> None:
        self.next = next
        self._verifier = verifier
        self._key_set = verifier.key_set
        self._header = config.header.encode()
        self._cookie = config.cookie.encode() + b"=" if config.cookie else b""
        self._query = config.query.encode() + b"=" if config.query else b""
        self._is_removed = config.remove_header
        self._leeway = config.leeway.seconds
        self._fields = [(field_name(name), claim) for name, claim in config.claim_headers.items()]
        self._marks = 0
        for name, _ in self._fields:
            self._marks |= learn(name)
        self._secret = os.urandom(32)
        self._passed: dict[bytes, Passed] = {}

    def __call__(self, request: Request) -> Awaitable[Response]:
        token = self._token(request)
        if not token:
            return Ready(_refusal(b""))
        if len(token) > _LONGEST_TOKEN:
            return Ready(_refusal(b"the token is too long"))
        # Long ones by a digest: it is clients who choose what is remembered.
        digest = token if len(token) <= _LONGEST_KEY else self._digest(token)
        key_set = self._key_set
        if key_set is not None and key_set.is_due() and key_set.keys:
            key_set.refresh()  # the old keys serve meanwhile
        passed = self._passed.get(digest)
        if passed is not None:
            if passed.end > time.time() and (key_set is None or key_set.version == passed.version):
                return self._pass(request, passed)
            del self._passed[digest]
        return self._verify(request, token, digest)

    def _digest(self, token: bytes) -> bytes:
        return hashlib.blake2b(token, key=self._secret, digest_size=16).digest()

    # === where tokens are ===

    def _token(self, request: Request) -> bytes:
        value = request.headers.get(self._header) if self._header else None
        if value is not None:
            if value[:7].lower() == b"bearer ":
                return value[7:].strip()
            if self._header.lower() != b"authorization":
                return value.strip()
        if self._cookie:
            for cookies in request.headers.get_all(b"Cookie"):
                for pair in cookies.split(b";"):
                    if pair.strip().startswith(self._cookie):
                        return pair.strip()[len(self._cookie) :].strip(b'"')
        if self._query and request.query:
            for pair in request.query.split(b"&"):
                if pair.startswith(self._query):
                    return unquote_to_bytes(pair[len(self._query) :])
        return b""

    # === what they are worth ===

    async def _verify(self, request: Request, token: bytes, digest: bytes) -> Response:
        try:
            passed = await self._judge(token)
        except Refused as refused:
            return _refusal(str(refused).encode())
        except NoKeys:
            return text_response(503, b"the keys for tokens are not available")
        if len(self._passed) >= _REMEMBERED:
            del self._passed[next(iter(self._passed))]
        self._passed[digest] = passed
        return await self._pass(request, passed)

    async def _judge(self, token: bytes) -> Passed:
        verifier, key_set = self._verifier, self._key_set
        algorithm, keys = verifier.candidates(token)
        if not keys and key_set is not None:
            # The first token, or one that was signed with a key newer than our set.
            if key_set.can_refresh():
                await asyncio.shield(key_set.refresh())
                algorithm, keys = verifier.candidates(token)
            if not keys and not key_set.keys:
                raise NoKeys
        claims = verifier.claims(token, algorithm, keys)
        fields = []
        for name, path in self._fields:
            text = text_of(claim(claims, path))
            value = b"" if text is None else text.encode(errors="replace")
            if value and is_field_value(value):
                fields.append((name, value))
        end = claims.get("exp")
        return Passed(
            end + self._leeway if isinstance(end, (int, float)) else math.inf,
            0 if key_set is None else key_set.version,
            fields,
            (claims.get("sub") or "").encode(errors="replace").decode(),
        )

    def _pass(self, request: Request, passed: Passed) -> Awaitable[Response]:
        request.note("ClientUsername", passed.user)
        headers = request.headers
        if self._is_removed and self._header:
            headers.remove(self._header)
        for name, _ in self._fields:
            headers.remove(name)  # whatever the client says it is
        for name, value in passed.fields:
            headers.add(name, value)
        request.marks |= self._marks
        return self.next(request)


def _refusal(reason: bytes) -> Response:
    """RFC 6750 §3: no error code for a request that carries no token at all."""
    challenge = b'Bearer error="invalid_token", error_description="%b"' % reason if reason else b"Bearer"
    return Response(401, Headers([(b"WWW-Authenticate", challenge)]), Bytes(STATUS_TEXT[401]))


def build(config: Configuration, context: MiddlewareContext, next: Handler) -> Handler:
    keys = []
    for option, read in ((config.secret, secret_key), (config.public_key, public_key)):
        if option:
            try:
                keys.append(read(option.read().rstrip(b"\r\n") if option.is_path else option.read()))
            except OSError as error:
                raise ValueError(f"open {option}: {(error.strerror or 'cannot be read').lower()}") from None
    key_set = KeySet(config.jwks_url, config.jwks_refresh_interval.seconds) if config.jwks_url else None
    if not keys and key_set is None:
        raise ValueError("one of secret, publicKey and jwksUrl is needed")
    for algorithm in config.algorithms:
        if algorithm not in _KNOWN:
            raise ValueError(f"unknown algorithm {algorithm!r}")
        if key_set is None and not any(algorithm in key.algorithms for key in keys):
            raise ValueError(f"no key for the algorithm {algorithm}")
    for name in (*config.claim_headers, *filter(None, [config.header])):
        if not is_field_name(name) or learn(name.encode()) & (HOP | FRAMING | HOST):
            raise ValueError(f"invalid header name {name!r}")
    if not (config.header or config.cookie or config.query):
        raise ValueError("one of header, cookie and query is needed")
    return TokenAuth(config, Verifier(config, tuple(keys), key_set), next)
