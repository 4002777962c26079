"""`basicAuth`: user and password in every request (RFC 7617)."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Awaitable
from typing import Final

from trafficcop.config.middlewares import BasicAuth as Configuration
from trafficcop.http.body import Bytes
from trafficcop.http.headers import Headers, learn
from trafficcop.http.messages import Handler, Ready, Request, Response
from trafficcop.middleware.context import MiddlewareContext
from trafficcop.middleware.credentials import Users, is_password
from trafficcop.middleware.fields import is_field_name

# Verified credentials that are remembered: a bcrypt hash costs 50 ms by design, a client sends it with every request.
_REMEMBERED = 1024
_LONGEST: Final = 1024


class BasicAuth:
    __slots__ = (
        "_challenge",
        "_field",
        "_is_removed",
        "_marks",
        "_pending",
        "_secrets",
        "_users",
        "_verified",
        "next",
    )

    def __init__(self, config: Configuration, users: Users, next: Handler) -> None:
        self.next = next
        self._users = users
        self._secrets = users.secrets
        self._challenge = (b"WWW-Authenticate", b'Basic realm="' + (config.realm or "traefik").encode() + b'"')
        self._field = config.header_field.encode()
        self._marks = learn(self._field)
        self._is_removed = config.remove_header
        # By what Authorization said, as heads that come again are remembered, too: the user's name as it came, and as
        # text. What is looked up is found by a keyed hash, so that the time tells nothing about what is in there.
        self._verified: dict[bytes, tuple[bytes, str]] = {}
        self._pending: dict[bytes, asyncio.Future[bool]] = {}

    def __call__(self, request: Request) -> Awaitable[Response]:
        value = request.headers.get(b"Authorization")
        if value is not None:
            if self._users.is_changed():
                self._secrets = self._users.secrets
                self._verified.clear()
                self._pending.clear()
            known = self._verified.get(value)
            if known is not None:
                return self._pass(request, known[0], known[1])
            credentials = decode_basic(value)
            if credentials is not None:
                return self._verify(request, value, credentials[0], credentials[1])
        return Ready(self._refuse(request, b""))

    async def _verify(self, request: Request, value: bytes, user: bytes, password: bytes) -> Response:
        pending = self._pending.get(value)
        if pending is None:  # clients open several connections at once, with the same credentials
            secret = self._secrets.get(user)
            # An unknown user costs as much as a known one: the time must not tell them apart.
            checked = next(iter(self._secrets.values())) if secret is None else secret
            pending = asyncio.get_running_loop().run_in_executor(None, is_password, password, checked)
            self._pending[value] = pending
            pending.add_done_callback(_Verdict(self, value, user, secret))
        if not await asyncio.shield(pending) or user not in self._secrets:
            return self._refuse(request, user)
        return await self._pass(request, user, user.decode(errors="replace"))

    def conclude(self, value: bytes, user: bytes, secret: bytes | None, future: asyncio.Future[bool]) -> None:
        """A check has ended: remember good credentials."""
        if self._pending.get(value) is future:
            del self._pending[value]
        # Users may have changed meanwhile: what was good then need not be remembered.
        if (
            secret is None
            or len(value) > _LONGEST
            or self._secrets.get(user) != secret
            or future.cancelled()
            or future.exception() is not None
            or not future.result()
        ):
            return
        if len(self._verified) >= _REMEMBERED:
            del self._verified[next(iter(self._verified))]
        self._verified[value] = (user, user.decode(errors="replace"))

    def _pass(self, request: Request, user: bytes, text: str) -> Awaitable[Response]:
        request.note("ClientUsername", text)
        if self._field:
            request.headers.set(self._field, user)
            request.marks |= self._marks
        if self._is_removed:
            request.headers.remove(b"Authorization")
        return self.next(request)

    def _refuse(self, request: Request, user: bytes) -> Response:
        request.note("ClientUsername", user.decode(errors="replace"))
        fields = [(b"Content-Type", b"text/plain"), self._challenge]
        return Response(401, Headers(fields), Bytes(b"401 Unauthorized\n"))


class _Verdict:
    """What to do with the outcome of one check."""

    __slots__ = ("_middleware", "_secret", "_user", "_value")

    def __init__(self, middleware: BasicAuth, value: bytes, user: bytes, secret: bytes | None) -> None:
        self._middleware = middleware
        self._value = value
        self._user = user
        self._secret = secret

    def __call__(self, future: asyncio.Future[bool]) -> None:
        self._middleware.conclude(self._value, self._user, self._secret, future)


def decode_basic(value: bytes) -> tuple[bytes, bytes] | None:
    """User and password; None if the credentials are of another scheme or malformed."""
    if value[:6].lower() != b"basic ":
        return None
    try:
        decoded = base64.b64decode(value[6:], validate=True)
    except binascii.Error:
        return None
    user, colon, password = decoded.partition(b":")
    return (user, password) if colon else None


def _parse_user(line: str) -> tuple[str, str]:
    name, colon, secret = line.partition(":")
    if not colon or ":" in secret:
        raise ValueError(f"error parsing BasicUser: {line}")
    return name, secret


def build(config: Configuration, context: MiddlewareContext, next: Handler) -> Handler:
    if config.header_field and not is_field_name(config.header_field):
        raise ValueError(f"invalid header name {config.header_field!r}")
    return BasicAuth(config, Users(config.users_file, config.users, _parse_user), next)
