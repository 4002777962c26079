"""The life of one request on the way in and out: admit, handle, send. The only place that turns errors into answers."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Awaitable, Coroutine
from typing import TYPE_CHECKING, Any

from trafficcop.errors import Kind, ProxyError, Side
from trafficcop.http.answer import Answer
from trafficcop.http.exchange import Exchange
from trafficcop.http.failure import failure_response
from trafficcop.http.messages import Handler, Ready, Request, Response, text_response
from trafficcop.server.admission import Admission
from trafficcop.telemetry.log import get_logger

if TYPE_CHECKING:
    from trafficcop.server.observer import Observer

_log = get_logger(__name__)


class Pipeline:
    """What requests of one entry point go through. `handler` is swapped by a reload, read once per request."""

    __slots__ = ("admission", "handler")

    def __init__(self, admission: Admission, handler: Handler) -> None:
        self.admission = admission
        self.handler = handler

    def begin(self, exchange: Exchange, request: Request) -> Answer | Coroutine[Any, Any, None]:
        """What is left to do for a request: follow the Answer and `complete` it, or drive the coroutine."""
        try:
            response = self.admission.admit(request)
            coming = self.handler(request) if response is None else Ready(response)
        except Exception as error:
            coming = Ready(answer_to(error))
        if isinstance(coming, Answer):
            return coming
        return self._serve(exchange, coming)

    def complete(self, exchange: Exchange, answer: Answer) -> Coroutine[Any, Any, None] | None:
        """Send what has come. None: that was all; otherwise the coroutine does the rest."""
        response = answer.response
        if response is None:
            response = answer_to(answer.error or ProxyError(Kind.BAD_RESPONSE))
        return send(exchange, response)

    def give_up(self, answer: Answer) -> None:
        """The client has gone before there was anything to send."""
        answer.give_up()

    async def serve(self, exchange: Exchange, request: Request) -> None:
        """All of it in one coroutine, for who would rather not follow an Answer."""
        step = self.begin(exchange, request)
        if isinstance(step, Answer):
            with contextlib.suppress(Exception):  # it stays in the Answer: `complete` tells the client
                await step
            rest = self.complete(exchange, step)
        else:
            rest = step
        if rest is not None:
            await rest

    async def _serve(self, exchange: Exchange, coming: Awaitable[Response]) -> None:
        try:
            response = await coming
        except Exception as error:
            response = answer_to(error)
        rest = send(exchange, response)
        if rest is not None:
            await rest


def answer_to(error: BaseException) -> Response:
    """What the client is told when there is no answer."""
    if isinstance(error, ProxyError):
        return failure_response(error)
    if not isinstance(error, Exception):
        raise error
    _log.error("unexpected error while serving a request\n%s", "".join(traceback.format_exception(error)))
    return text_response(500, b"Internal Server Error")


def send(exchange: Exchange, response: Response) -> Coroutine[Any, Any, None] | None:
    """Send an answer, at once if it is all here; the coroutine sends any other."""
    body = response.body
    whole = body.take()
    if whole is not None and body.trailers is None:
        exchange.send_head(response, whole, True)
        return None
    return stream(exchange, response, whole)


async def stream(exchange: Exchange, response: Response, whole: bytes | None) -> None:
    """A body that is not all here (or is, as `whole`, and has trailers): each piece goes out as it comes, no faster
    than the client reads."""
    body = response.body
    try:
        exchange.send_head(response, body.take_available() if whole is None else whole, False)
        while True:
            if exchange.is_congested:
                await exchange.drained()
            chunk = await body.read()
            if not chunk:
                break
            exchange.send_data(chunk)
    except ProxyError as error:
        body.close()
        if error.side is not Side.DOWNSTREAM:
            _log.debug("a server broke off its answer: %s", error)
        exchange.abort()
        return
    except BaseException:
        body.close()
        exchange.abort()
        raise
    exchange.finish(response)


def pipeline_of(admission: Admission, handler: Handler, observer: Observer | None) -> Pipeline:
    """What is not observed costs nothing for it, not even the reading of the code."""
    if observer is None:
        return Pipeline(admission, handler)
    from trafficcop.server.observed_pipeline import ObservedPipeline

    return ObservedPipeline(admission, handler, observer)
