"""`inFlightReq`: so many requests of one source at the same time."""

from __future__ import annotations

from collections.abc import Awaitable

from trafficcop.config.middlewares import InFlightReq as Configuration
from trafficcop.config.middlewares import SourceCriterion
from trafficcop.http.answer import Answer, Changed
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
        release = _Release(self._counts, source)
        try:
            coming = self.next(request)
        except BaseException:
            release()
            raise
        if isinstance(coming, Answer):
            return _Held(release, request, coming)
        return _serve(release, coming)


async def _serve(release: _Release, coming: Awaitable[Response]) -> Response:
    try:
        response = await coming
    except BaseException:
        release()
        raise
    watch(response, release)
    return response


class _Release:
    """What to do when the answer is over, whoever is the first to see it."""

    __slots__ = ("_counts", "_is_over", "_source")

    def __init__(self, counts: Counts, source: str) -> None:
        self._counts = counts
        self._is_over = False
        self._source = source

    def __call__(self) -> None:
        if not self._is_over:
            self._is_over = True
            self._counts.release(self._source)

    def change(self, request: Request, response: Response) -> None:
        watch(response, self)


class _Held(Changed):
    """An answer that counts as long as it is not over, or nobody waits for it any more."""

    def __init__(self, release: _Release, request: Request, coming: Answer) -> None:
        self._release = release  # before the answer may come
        super().__init__(release, request, coming)

    def fail(self, error: BaseException) -> None:
        self._release()
        super().fail(error)

    def give_up(self) -> None:
        self._release()
        super().give_up()


def build(config: Configuration, context: MiddlewareContext, next: Handler) -> Handler:
    criterion = config.source_criterion
    if not config.source_criteria and (criterion is None or criterion == SourceCriterion()):
        criterion = SourceCriterion(request_host=True)
    try:
        source = source_criteria(config.source_criteria, criterion)
    except ValueError as error:
        raise ValueError(f"error creating requests limiter: {error}") from None
    return InFlightReq(config.amount, context.store.counts(context.scope), source, next)
