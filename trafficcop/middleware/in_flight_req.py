"""`inFlightReq`: so many requests of one source at the same time."""

from __future__ import annotations

from collections.abc import Awaitable

from trafficcop.config.middlewares import InFlightReq as Configuration
from trafficcop.config.middlewares import SourceCriterion
from trafficcop.http.messages import Handler, Ready, Request, Response, bare_response
from trafficcop.http.watched import watch
from trafficcop.middleware.context import MiddlewareContext
from trafficcop.middleware.source import Source, source_criteria
from trafficcop.store.interface import Counts


class InFlightReq:
    __slots__ = ("_amount", "_counts", "_refusal", "_source", "next")

    def __init__(self, amount: int, counts: Counts, source: Source, next: Handler) -> None:
        self._amount = amount
        self._counts = counts
        self._refusal = b"max connections reached: %d" % amount
        self._source = source
        self.next = next

    def __call__(self, request: Request) -> Awaitable[Response]:
        source = self._source(request)
        if not self._counts.acquire(source, self._amount):
            return Ready(bare_response(429, self._refusal))
        return self._serve(request, source)

    async def _serve(self, request: Request, source: str) -> Response:
        try:
            response = await self.next(request)
        except BaseException:
            self._counts.release(source)
            raise
        watch(response, _Release(self._counts, source))
        return response


class _Release:
    """What to do when the answer is over."""

    __slots__ = ("_counts", "_source")

    def __init__(self, counts: Counts, source: str) -> None:
        self._counts = counts
        self._source = source

    def __call__(self) -> None:
        self._counts.release(self._source)


def build(config: Configuration, context: MiddlewareContext, next: Handler) -> Handler:
    criterion = config.source_criterion
    if not config.source_criteria and (criterion is None or criterion == SourceCriterion()):
        criterion = SourceCriterion(request_host=True)
    try:
        source = source_criteria(config.source_criteria, criterion)
    except ValueError as error:
        raise ValueError(f"error creating requests limiter: {error}") from None
    return InFlightReq(config.amount, context.store.counts(context.scope), source, next)
