"""`digestAuth`: a proof of the password in every request, never the password (RFC 7616; MD5 as in Traefik)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import time
from collections.abc import Awaitable
from typing import Final

from trafficcop.config.middlewares import DigestAuth as Configuration
from trafficcop.http.body import Bytes
from trafficcop.http.headers import Headers, learn
from trafficcop.http.messages import Handler, Ready, Request, Response
from trafficcop.middleware.context import MiddlewareContext
from trafficcop.middleware.credentials import Users
from trafficcop.middleware.fields import is_field_name
from trafficcop.middleware.paths import unescape
from trafficcop.store.interface import Numbers

# A name is looked for where one begins, and never again within it: it may be as long as a head.
_PARAMETER: Final = re.compile(rb'(?<![\w-])([\w-]++)\s*+=\s*(?:"([^"\\]*(?:\\.[^"\\]*)*)"|([^\s,"]+))').findall
_QUOTED_PAIR: Final = re.compile(rb"\\(.)")
_NONCE_SECONDS = 3600
_MAC: Final = 16


class Nonces:
    """Numbers used once that nobody has to remember: the time, a few random bytes, and our own mark on both.

    What is remembered is how often each was used, in all workers together.
    """

    __slots__ = ("_keyed", "_numbers", "opaque")

    def __init__(self, secret: bytes, scope: str, numbers: Numbers) -> None:
        key = hashlib.blake2b(b"nonce " + scope.encode(), key=secret).digest()
        self._keyed = hashlib.blake2b(key=key, digest_size=_MAC)
        self._numbers = numbers
        opaque = hashlib.blake2b(b"opaque " + scope.encode(), key=secret, digest_size=12).digest()
        self.opaque = base64.b64encode(opaque)

    def make(self) -> bytes:
        content = int(time.monotonic()).to_bytes(4, "big") + os.urandom(4)
        return base64.b64encode(content + self._mark(content))

    def is_ours(self, nonce: bytes) -> bool:
        """Whether we made it, and not too long ago."""
        try:
            decoded = base64.b64decode(nonce, validate=True)
        except ValueError:
            return False
        content, mark = decoded[:8], decoded[8:]
        age = time.monotonic() - int.from_bytes(content[:4], "big")
        return hmac.compare_digest(mark, self._mark(content)) and 0 <= age < _NONCE_SECONDS

    def use(self, nonce: bytes, count: int) -> int:
        """The highest count it was used with before."""
        return self._numbers.exceed(nonce.decode("latin-1"), count, int(time.monotonic()) + _NONCE_SECONDS)

    def _mark(self, content: bytes) -> bytes:
        mark = self._keyed.copy()
        mark.update(content)
        return mark.digest()


class DigestAuth:
    __slots__ = ("_field", "_is_removed", "_marks", "_nonces", "_realm", "_users", "next")

    def __init__(self, config: Configuration, users: Users, nonces: Nonces, next: Handler) -> None:
        self.next = next
        self._users = users
        self._nonces = nonces
        self._realm = (config.realm or "traefik").encode()
        self._field = config.header_field.encode()
        self._marks = learn(self._field)
        self._is_removed = config.remove_header

    def __call__(self, request: Request) -> Awaitable[Response]:
        self._users.is_changed()
        parameters = decode_digest(request.headers.get(b"Authorization") or b"")
        user = parameters.get(b"username", b"")
        if not user or not self._is_proof(request, parameters):
            return self._refuse(request, user, b"")
        count = int(parameters[b"nc"], 16)
        highest = self._nonces.use(parameters[b"nonce"], count)
        if count <= highest:
            return self._refuse(request, user, b'stale="true", ' if count < highest else b"")
        request.note("ClientUsername", user.decode(errors="replace"))
        if self._field:
            request.headers.set(self._field, user)
            request.marks |= self._marks
        if self._is_removed:
            request.headers.remove(b"Authorization")
        return self.next(request)

    def _is_proof(self, request: Request, parameters: dict[bytes, bytes]) -> bool:
        """RFC 7616 §3.4, with the order of checks that costs least for what is wrong anyway."""
        get = parameters.get
        if get(b"opaque") != self._nonces.opaque or get(b"algorithm", b"MD5") != b"MD5" or get(b"qop") != b"auth":
            return False
        count, nonce, uri = get(b"nc", b""), get(b"nonce", b""), get(b"uri", b"")
        if not _is_count(count) or not _is_target(request, uri) or not self._nonces.is_ours(nonce):
            return False
        secret = self._users.secrets.get(parameters[b"username"] + b":" + self._realm)
        # An unknown user costs as much as a known one.
        first = b"\0" if secret is None else secret
        second = _md5(request.method + b":" + uri)
        expected = _md5(b":".join((first, nonce, count, get(b"cnonce", b""), b"auth", second)))
        return hmac.compare_digest(expected, get(b"response", b"")) and secret is not None

    def _refuse(self, request: Request, user: bytes, stale: bytes) -> Ready:
        if user:
            request.note("ClientUsername", user.decode(errors="replace"))
        challenge = b'Digest realm="%b", nonce="%b", opaque="%b", %balgorithm="MD5", qop="auth"' % (
            self._realm,
            self._nonces.make(),
            self._nonces.opaque,
            stale,
        )
        fields = [(b"Content-Type", b"text/plain"), (b"WWW-Authenticate", challenge)]
        return Ready(Response(401, Headers(fields), Bytes(b"401 Unauthorized\n")))


def decode_digest(value: bytes) -> dict[bytes, bytes]:
    """The parameters of credentials; none if they are of another scheme."""
    if value[:7].lower() != b"digest ":
        return {}
    found = {}
    for name, quoted, token in _PARAMETER(value, 7):
        if 0x5C in quoted:  # a backslash
            quoted = _QUOTED_PAIR.sub(rb"\1", quoted)
        found[name.lower()] = quoted or token
    return found


def _is_count(text: bytes) -> bool:
    return 0 < len(text) <= 12 and not text.translate(None, b"0123456789abcdefABCDEF")


def _is_target(request: Request, uri: bytes) -> bool:
    """What was signed must be what is asked for, or a path above it."""
    if uri == request.target:
        return True
    path = uri.partition(b"?")[0]
    if b"://" in path:
        path = b"/" + path.partition(b"://")[2].partition(b"/")[2]
    try:
        return path != b"" and unescape(request.raw_path).startswith(unescape(path))
    except ValueError:
        return False


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).hexdigest().encode()


def _parse_user(line: str) -> tuple[str, str]:
    parts = line.split(":")
    if len(parts) != 3:
        raise ValueError(f"error parsing DigestUser: {line}")
    return f"{parts[0]}:{parts[1]}", parts[2]


def build(config: Configuration, context: MiddlewareContext, next: Handler) -> Handler:
    if config.header_field and not is_field_name(config.header_field):
        raise ValueError(f"invalid header name {config.header_field!r}")
    users = Users(config.users_file, config.users, _parse_user)
    nonces = Nonces(context.store.secret, context.scope, context.store.numbers(context.scope))
    return DigestAuth(config, users, nonces, next)
