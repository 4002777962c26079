"""`forwardAuth`: another server decides who may pass (Traefik `pkg/middlewares/auth/forward.go`)."""

from __future__ import annotations

import asyncio
from typing import Final
from urllib.parse import urljoin

from trafficcop.config.middlewares import ForwardAuth as Configuration
from trafficcop.errors import ProxyError, Side
from trafficcop.http.body import EMPTY, Body, Bytes
from trafficcop.http.drive import in_task
from trafficcop.http.headers import FRAMING, HOST, Field, learn
from trafficcop.http.messages import Handler, Request, Response, bare_response
from trafficcop.http.spool import Spool
from trafficcop.http.watched import watch
from trafficcop.middleware.auth_cache import AuthCache
from trafficcop.middleware.auth_request import AuthRequests
from trafficcop.middleware.context import MiddlewareContext
from trafficcop.middleware.fields import field_name
from trafficcop.middleware.patterns import Pattern
from trafficcop.middleware.redirects import found, location_of
from trafficcop.telemetry.log import get_logger
from trafficcop.tls.client import DEFAULT_TRUST, trust_of

_log = get_logger(__name__)

ANSWER_SECONDS = 30.0
_MEMORY: Final = 1048576  # of a body that is told, too; what is longer goes to a file


class Granted:
    """What a positive answer brings: fields for the request, cookies for the response, a user for the log."""

    __slots__ = ("cookies", "fields", "marks", "removed", "user")

    def __init__(
        self, removed: frozenset[bytes], fields: list[Field], cookies: list[bytes], user: bytes | None
    ) -> None:
        self.removed = removed
        self.fields = fields
        self.cookies = cookies
        self.user = user
        self.marks = 0
        for name, _ in fields:
            self.marks |= learn(name)


class ForwardAuth:
    __slots__ = (
        "_ask",
        "_body_limit",
        "_cache",
        "_config",
        "_cookies",
        "_has_body",
        "_names",
        "_pattern",
        "_requests",
        "_response_limit",
        "_user_field",
        "next",
    )

    def __init__(
        self,
        config: Configuration,
        ask: Handler,
        cache: AuthCache[Granted] | None,
        pattern: Pattern | None,
        next: Handler,
    ) -> None:
        self.next = next
        self._ask = ask
        self._cache = cache
        self._config = config
        self._requests = AuthRequests(config)
        self._has_body = config.forward_body
        self._body_limit = config.max_body_size
        self._response_limit = -1 if config.max_response_body_size is None else config.max_response_body_size
        names = [name for name in map(field_name, config.auth_response_headers) if not learn(name) & (HOST | FRAMING)]
        self._names = frozenset(name.lower() for name in names)
        self._pattern = pattern
        self._cookies = frozenset(name.encode() for name in config.add_auth_cookies_to_response)
        self._user_field = config.header_field.encode()

    async def __call__(self, request: Request) -> Response:
        if not self._has_body or request.body is EMPTY:
            return await self._serve(request, EMPTY)
        given = request.body
        limit = self._body_limit
        if not limit and await given.read():
            return bare_response(401)
        spool = Spool(_MEMORY)
        try:
            if not await spool.fill(given, max(limit, 0)):
                spool.close()
                return bare_response(401)
            request.body = spool.body()
            told = spool.body()
            told.trailers = None
            response = await self._serve(request, told)
        except BaseException:
            spool.close()
            raise
        # A server may answer before it has read the request: the file lives as long as the answer.
        if spool.is_in_file:
            watch(response, spool.close)
        return response

    async def _serve(self, request: Request, told: Body) -> Response:
        """`told`: the body that the auth server gets."""
        cache = self._cache
        key = None if cache is None else cache.key_of(request)
        granted = None if cache is None or key is None else cache.get(key)
        if granted is None:
            answer = await self._judge(request, told)
            if isinstance(answer, Response):
                return answer
            granted = answer
            if cache is not None and key is not None and not granted.cookies:
                cache.put(key, granted)
        return await self._pass(request, granted)

    # === asking ===

    async def _judge(self, request: Request, body: Body) -> Response | Granted:
        try:
            response = await self._ask(self._requests.make(request, body))
            data = response.body.take()
            if data is None:
                data = await in_task(_read_in_time(response.body, self._response_limit))
            elif 0 <= self._response_limit < len(data):
                data = None
        except (ProxyError, TimeoutError) as error:
            if isinstance(error, ProxyError) and error.side is Side.DOWNSTREAM:
                raise
            _log.error("forwardAuth: %s: %s", self._config.address, error)
            return bare_response(500)
        if data is None:
            return bare_response(401)
        if self._user_field:
            user = response.headers.get(self._user_field)
            if user is not None:
                request.note("ClientUsername", user.decode(errors="replace"))
        if 200 <= response.status < 300:
            return self._granted(request, response)
        return self._refused(request, response, data)

    def _refused(self, request: Request, response: Response, data: bytes) -> Response:
        """The auth server's own answer goes to the client."""
        config = self._config
        if config.auth_signin_url and response.status == 401:
            return found(request, config.auth_signin_url)
        response.body = Bytes(data, None if data else response.body.length)
        response.headers.hop = None
        response.tunnel = None
        location = response.headers.get(b"Location")
        if location:
            try:
                target = location_of(location)
            except ValueError as error:
                _log.error("forwardAuth: Location of %s: %s", config.address, error)
                return bare_response(500)
            if not config.preserve_location_header:
                target = urljoin(config.address, target.decode("latin-1")).encode("latin-1")
            response.headers.set(b"Location", target)
        return response

    # === passing ===

    def _granted(self, request: Request, response: Response) -> Granted:
        names = self._names
        fields = [field for field in response.headers if field[0].lower() in names]
        removed = names
        pattern = self._pattern
        if pattern is not None:
            matching = [field[0] for field in request.headers if pattern.is_in(_canonical(field[0]))]
            removed = removed.union(name.lower() for name in matching)
            more = [field for field in response.headers if pattern.is_in(_canonical(field[0]))]
            replaced = frozenset(field[0].lower() for field in more)
            fields = [field for field in fields if field[0].lower() not in replaced]
            fields += [field for field in more if not learn(field[0]) & (HOST | FRAMING)]
            removed |= replaced
        cookies = []
        if self._cookies:
            values = response.headers.get_all(b"Set-Cookie")
            cookies = [value for value in values if _cookie_name(value) in self._cookies]
        user = response.headers.get(self._user_field) if self._user_field else None
        return Granted(removed, fields, cookies, user)

    async def _pass(self, request: Request, granted: Granted) -> Response:
        if granted.user is not None:
            request.note("ClientUsername", granted.user.decode(errors="replace"))
        headers = request.headers
        for name in granted.removed:
            headers.remove(name)
        for name, value in granted.fields:
            headers.add(name, value)
        request.marks |= granted.marks
        if not granted.cookies:
            return await self.next(request)
        response = await self.next(request)
        names = self._cookies
        response.headers.fields = [
            field
            for field in response.headers.fields
            if field[0].lower() != b"set-cookie" or _cookie_name(field[1]) not in names
        ]
        response.headers.fields += [(b"Set-Cookie", value) for value in granted.cookies]
        return response


def _canonical(name: bytes) -> bytes:
    """The spelling that Go keeps names in, which expressions of users are written for."""
    return b"-".join([part.capitalize() for part in name.split(b"-")])


def _cookie_name(value: bytes) -> bytes:
    return value.partition(b"=")[0].strip()


async def _read(body: Body, limit: int) -> bytes | None:
    """All of a body; None when it has more than `limit` bytes (if that is not negative)."""
    whole = body.take()
    if whole is not None:
        return None if 0 <= limit < len(whole) else whole
    chunks: list[bytes] = []
    size = 0
    while chunk := await body.read():
        size += len(chunk)
        if 0 <= limit < size:
            body.close()
            return None
        chunks.append(chunk)
    return b"".join(chunks)


async def _read_in_time(body: Body, limit: int) -> bytes | None:
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await _read(body, limit)
    except BaseException:
        body.close()
        raise


def build(config: Configuration, context: MiddlewareContext, next: Handler) -> Handler:
    if not config.address:
        raise ValueError("the address of the auth server is missing")
    try:
        trust = DEFAULT_TRUST if config.tls is None else trust_of(config.tls)
    except ValueError as error:
        raise ValueError(f"unable to create client TLS configuration: {error}") from None
    ask = context.fetch(config.address, ANSWER_SECONDS, trust)
    pattern = None
    if config.auth_response_headers_regex:
        try:
            pattern = Pattern(config.auth_response_headers_regex)
        except ValueError as error:
            text = f"error compiling regular expression {config.auth_response_headers_regex}: {error}"
            raise ValueError(text) from None
    cache: AuthCache[Granted] | None = None
    if config.cache is not None and config.cache.ttl > 0:
        if config.forward_body:
            raise ValueError("cache and forwardBody are mutually exclusive: every body is another question")
        if pattern is not None:
            raise ValueError("cache and authResponseHeadersRegex are mutually exclusive")
        cache = AuthCache(config.cache)
    return ForwardAuth(config, ask, cache, pattern, next)
