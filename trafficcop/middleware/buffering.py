"""`buffering`: bodies are read whole before they go on, within limits; answers may make the request go out again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from trafficcop.config.middlewares import Buffering as Configuration
from trafficcop.errors import ProxyError, Side
from trafficcop.http.body import EMPTY
from trafficcop.http.failure import failure_response
from trafficcop.http.messages import Handler, Request, Response, bare_response
from trafficcop.http.replay import Replay, discard
from trafficcop.http.spool import Spool
from trafficcop.http.status import STATUS_TEXT
from trafficcop.http.watched import watch
from trafficcop.middleware.context import MiddlewareContext

_MEMORY: Final = 1048576
_MOST_RETRIES: Final = 10


class Outcome:
    """What a `retryExpression` judges."""

    __slots__ = ("attempts", "method", "status")

    def __init__(self, method: str, status: int, attempts: int) -> None:
        self.method = method
        self.status = status
        self.attempts = attempts


Judge = Callable[[Outcome], bool]


class Buffering:
    __slots__ = ("_config", "_is_wanted_again", "_request_memory", "_response_memory", "next")

    def __init__(self, config: Configuration, is_wanted_again: Judge | None, next: Handler) -> None:
        self._config = config
        self._is_wanted_again = is_wanted_again
        self._request_memory = config.mem_request_body_bytes or _MEMORY
        self._response_memory = config.mem_response_body_bytes or _MEMORY
        self.next = next

    async def __call__(self, request: Request) -> Response:
        if request.body is EMPTY:
            return await self._buffered(request, await self.next(request))
        spool = Spool(self._request_memory)
        try:
            if not await spool.fill(request.body, self._config.max_request_body_bytes):
                spool.close()
                return bare_response(413, STATUS_TEXT[413])
            response = await self._send(request, spool)
        except BaseException:
            spool.close()
            raise
        # A server may answer before it has read the request: the file lives as long as the answer.
        if spool.is_in_file:
            watch(response, spool.close)
        return response

    async def _send(self, request: Request, spool: Spool) -> Response:
        request.body = spool.body() if spool.size else EMPTY
        is_wanted_again = self._is_wanted_again
        if is_wanted_again is None or not spool.size:
            return await self._buffered(request, await self.next(request))
        method = request.method.decode("latin-1")
        body, request.body = request.body, EMPTY  # the spool keeps the body, not the replay
        replay = Replay(request)
        request.body = body
        attempt = 1
        while True:
            response = await self._attempt(request)
            is_last = attempt > _MOST_RETRIES or response.tunnel is not None
            if is_last or not is_wanted_again(Outcome(method, response.status, attempt)):
                return response
            discard(response)
            attempt += 1
            replay.rewind()
            request.body = spool.body()

    async def _attempt(self, request: Request) -> Response:
        try:
            return await self._buffered(request, await self.next(request))
        except ProxyError as error:
            if error.side is Side.DOWNSTREAM:
                raise
            return failure_response(error)

    async def _buffered(self, request: Request, response: Response) -> Response:
        body = response.body
        status = response.status
        has_no_body = request.method == b"HEAD" or status < 200 or status in (204, 304) or body.length == 0
        if response.tunnel is not None or has_no_body:
            return response
        spool = Spool(self._response_memory)
        try:
            is_complete = await spool.fill(body, self._config.max_response_body_bytes)
        except BaseException:
            spool.close()
            body.close()
            raise
        if not is_complete:
            spool.close()
            body.close()
            return bare_response(500, STATUS_TEXT[500])
        response.body = spool.body()
        if spool.trailers:
            response.body.length = None  # trailers need chunks
        if spool.is_in_file:
            watch(response, spool.close)
        return response


def _judge(expression: str) -> Judge | None:
    if not expression:
        return None
    # The grammar is loaded by those who have an expression.
    from trafficcop.rules.predicates import Function, parse_predicate

    functions: dict[str, Function[Outcome]] = {
        "IsNetworkError": Function((), bool, lambda: lambda outcome: outcome.status in (502, 504)),
        "Attempts": Function((), int, lambda: lambda outcome: outcome.attempts),
        "ResponseCode": Function((), int, lambda: lambda outcome: outcome.status),
        "RequestMethod": Function((), str, lambda: lambda outcome: outcome.method),
    }
    return parse_predicate(expression, functions)


def build(config: Configuration, context: MiddlewareContext, next: Handler) -> Handler:
    for limit in (config.mem_request_body_bytes, config.mem_response_body_bytes):
        if limit < 0:
            raise ValueError(f"mem bytes should be >= 0 got {limit}")
    for limit in (config.max_request_body_bytes, config.max_response_body_bytes):
        if limit < 0:
            raise ValueError(f"max bytes should be >= 0 got {limit}")
    return Buffering(config, _judge(config.retry_expression), next)
