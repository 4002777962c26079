"""`rateLimit`: so many requests of one source in a period; a few more wait a little."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable

from trafficcop.config.middlewares import RateLimit as Configuration
from trafficcop.config.middlewares import RateLimitRedis
from trafficcop.config.scalars import Duration
from trafficcop.http.body import Bytes
from trafficcop.http.drive import in_task
from trafficcop.http.headers import Headers
from trafficcop.http.messages import Handler, Ready, Request, Response, text_response
from trafficcop.http.status import STATUS_TEXT
from trafficcop.middleware.context import MiddlewareContext
from trafficcop.middleware.source import Source, source_criteria
from trafficcop.store.interface import NANOSECONDS, Buckets, Rate, StoreUnavailable
from trafficcop.store.redis import RedisBuckets, split_endpoint
from trafficcop.telemetry.log import get_logger
from trafficcop.tls.client import trust_of

_log = get_logger(__name__)


class RateLimit:
    __slots__ = ("_buckets", "_longest_wait", "_source", "next")

    def __init__(self, buckets: Buckets, longest_wait: int, source: Source, next: Handler) -> None:
        self._buckets = buckets
        self._longest_wait = longest_wait
        self._source = source
        self.next = next

    def __call__(self, request: Request) -> Awaitable[Response]:
        wait = self._buckets.reserve(self._source(request), time.monotonic_ns())
        if not wait:
            return self.next(request)
        if wait > self._longest_wait:
            return Ready(_refusal(wait))
        return self._serve_later(request, wait)

    async def _serve_later(self, request: Request, wait: int) -> Response:
        await asyncio.sleep(wait / NANOSECONDS)
        return await self.next(request)


class RedisRateLimit:
    """Asks Redis, for each request."""

    __slots__ = ("_buckets", "_longest_wait", "_source", "next")

    def __init__(self, buckets: RedisBuckets, longest_wait: int, source: Source, next: Handler) -> None:
        self._buckets = buckets
        self._longest_wait = longest_wait
        self._source = source
        self.next = next

    async def __call__(self, request: Request) -> Response:
        try:
            wait = await in_task(self._buckets.reserve(self._source(request)))
        except StoreUnavailable as error:
            _log.error("rateLimit: Redis: %s", error)
            return text_response(500, b"Could not insert/update bucket")
        if wait > self._longest_wait:
            return _refusal(wait)
        if wait:
            await asyncio.sleep(wait / NANOSECONDS)
        return await self.next(request)


def _refusal(wait: int) -> Response:
    fields = [(b"Retry-After", b"%d" % -(-wait // NANOSECONDS)), (b"X-Retry-In", str(Duration(wait)).encode())]
    return Response(429, Headers(fields), Bytes(STATUS_TEXT[429]))


def build(config: Configuration, context: MiddlewareContext, next: Handler) -> Handler:
    try:
        source = source_criteria(config.source_criteria, config.source_criterion)
    except ValueError as error:
        raise ValueError(f"getting source extractor: {error}") from None
    if config.period < 0:
        raise ValueError(f"negative value not valid for period: {config.period}")
    if config.average <= 0:
        return next
    rate = config.average * NANOSECONDS / (config.period or NANOSECONDS)
    # Rates below one a second would let a request wait for very long.
    longest_wait = NANOSECONDS // 2 if rate < 1 else NANOSECONDS // (int(rate) * 2)
    time_to_live = 2 if rate >= 1 else 1 + int(1 / rate)
    terms = Rate(rate, max(config.burst, 1), longest_wait, time_to_live)
    if config.redis is not None:
        return RedisRateLimit(_redis_buckets(config.redis, context.name, terms), longest_wait, source, next)
    buckets = context.store.buckets(context.scope, terms)
    return RateLimit(buckets, longest_wait, source, next)


def _redis_buckets(config: RateLimitRedis, name: str, rate: Rate) -> RedisBuckets:
    if config.tls is not None:
        try:
            trust_of(config.tls)
        except ValueError as error:
            raise ValueError(f"creating redis limiter: {error}") from None
    if not config.endpoints:
        raise ValueError("creating redis limiter: no endpoints")
    for endpoint in config.endpoints:
        try:
            split_endpoint(endpoint)
        except ValueError as error:
            raise ValueError(f"creating redis limiter: {error}") from None
    return RedisBuckets(config, name, rate)
