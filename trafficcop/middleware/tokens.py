"""Signed tokens (RFC 7519) and the keys they are checked with: a secret, a public key, or a set of keys from a URL."""

from __future__ import annotations

import asyncio
import http.client
import json
import urllib.request
from time import monotonic
from typing import Any, Final

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate

from trafficcop.telemetry.log import get_logger

_log = get_logger(__name__)

_RSA: Final = frozenset(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"))
_CURVES: Final = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_RSA_BITS: Final = 2048  # RFC 7518 §3.3
_FETCH_SECONDS: Final = 10.0
_FETCH_BYTES: Final = 1024 * 1024
_RETRY_SECONDS: Final = 10.0  # between two fetches that somebody's token asks for


class NoKeys(Exception):
    """The set of keys has never been there."""


class Key:
    """One key and what may be signed with it. An algorithm is never taken from the token alone."""

    __slots__ = ("algorithms", "identifier", "value")

    def __init__(self, value: Any, algorithms: frozenset[str], identifier: str | None = None) -> None:
        self.value = value
        self.algorithms = algorithms
        self.identifier = identifier


def secret_key(secret: bytes) -> Key:
    """For the algorithms whose hash is no longer than it (RFC 7518 §3.2); ValueError if there is none."""
    algorithms = frozenset(name for name, size in (("HS256", 32), ("HS384", 48), ("HS512", 64)) if len(secret) >= size)
    if not algorithms:
        raise ValueError(f"the secret has {len(secret)} bytes: HS256 needs 32, HS384 48 and HS512 64")
    return Key(secret, algorithms)


def public_key(pem: bytes) -> Key:
    """From a public key or a certificate in PEM; ValueError for anything else."""
    try:
        if b"BEGIN CERTIFICATE" in pem:
            value: Any = load_pem_x509_certificate(pem).public_key()
        else:
            value = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("the public key cannot be read: PEM is expected") from None
    algorithms = _algorithms_of(value)
    if not algorithms:
        raise ValueError("the public key is of a kind that signs no tokens, or too short")
    return Key(value, algorithms)


def _algorithms_of(value: Any) -> frozenset[str]:
    if isinstance(value, rsa.RSAPublicKey):
        return _RSA if value.key_size >= _RSA_BITS else frozenset()
    if isinstance(value, ec.EllipticCurvePublicKey):
        name = _CURVES.get(value.curve.name)
        return frozenset() if name is None else frozenset((name,))
    if isinstance(value, (ed25519.Ed25519PublicKey, ed448.Ed448PublicKey)):
        return frozenset(("EdDSA",))
    return frozenset()


def decode_key_set(text: bytes) -> tuple[Key, ...]:
    """The public keys of a JWK set (RFC 7517 §5); ValueError when there is none that we can use."""
    try:
        items = json.loads(text)["keys"]
        keys = [key for item in items if (key := _decode_key(item)) is not None]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(f"no set of keys: {type(error).__name__}: {error}") from None
    if not keys:
        raise ValueError("no key that signs tokens")
    return tuple(keys)


def _decode_key(item: dict[str, Any]) -> Key | None:
    """None for a key of another use or kind: a set may hold such (RFC 7517 §5)."""
    if item.get("use", "sig") != "sig" or item.get("kty") == "oct":
        return None
    try:
        value = jwt.PyJWK(item).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError, AttributeError):
        return None
    algorithms = _algorithms_of(value)
    if "alg" in item:
        algorithms &= {item["alg"]}
    return Key(value, algorithms, item.get("kid")) if algorithms else None


class KeySet:
    """Keys from a URL: fetched when first needed, again after a while, and kept as long as nothing better comes."""

    __slots__ = ("_fetching", "_next_refresh", "_next_try", "_refresh_seconds", "_url", "keys", "version")

    def __init__(self, url: str, refresh_seconds: float) -> None:
        if not url.lower().startswith(("http://", "https://")):
            raise ValueError(f"jwksUrl: {url!r} is no URL of a server")
        self._url = url
        self._refresh_seconds = refresh_seconds
        self._fetching: asyncio.Future[None] | None = None
        self._next_refresh = 0.0
        self._next_try = 0.0
        self.keys: tuple[Key, ...] = ()
        self.version = 0

    def is_due(self) -> bool:
        return monotonic() >= self._next_refresh

    def can_refresh(self) -> bool:
        """Whether a fetch is under way, or was not made too short a time ago."""
        return self._fetching is not None or monotonic() >= self._next_try

    def refresh(self) -> asyncio.Future[None]:
        """Fetch; whoever comes meanwhile waits for the same."""
        if self._fetching is None:
            now = monotonic()
            self._next_refresh = now + self._refresh_seconds
            self._next_try = now + _RETRY_SECONDS
            self._fetching = asyncio.ensure_future(self._fetch())
        return self._fetching

    async def _fetch(self) -> None:
        try:
            text = await asyncio.get_running_loop().run_in_executor(None, fetch, self._url)
            keys = decode_key_set(text)
        except (OSError, ValueError, http.client.HTTPException) as error:
            self._next_refresh = self._next_try
            _log.error("jwt: the keys of %s stay as they were: %s", self._url, error)
        else:
            self.keys = keys
            self.version += 1
        finally:
            self._fetching = None


def fetch(url: str) -> bytes:
    """What is there; blocks, so it is for a thread. OSError when it is not to be had."""
    with urllib.request.urlopen(url, timeout=_FETCH_SECONDS) as answer:  # noqa: S310 -- KeySet has looked at it
        text: bytes = answer.read(_FETCH_BYTES + 1)
    if len(text) > _FETCH_BYTES:
        raise ValueError("too long for a set of keys")
    return text
