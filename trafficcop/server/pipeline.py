"""The life of one request on the way in and out: admit, handle, send. The only place that turns errors into answers."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Awaitable, Coroutine
from functools import partial
from typing import Any

from trafficcop.errors import Kind, ProxyError, Side
from trafficcop.http.answer import Answer
from trafficcop.http.exchange import Exchange
from trafficcop.http.failure import failure_response
from trafficcop.http.messages import Handler, Ready, Request, Response, text_response
from trafficcop.http.watched import WatchedTunnel
from trafficcop.server.admission import Admission
from trafficcop.server.observer import Observer
from trafficcop.telemetry.log import get_logger

_log = get_logger(__name__)


class Pipeline:
    """What requests of one entry point go through. `handler` is swapped by a reload, read once per request.

    `observer` is None when neither access log nor metrics are kept.
    """

    __slots__ = ("admission", "handler", "observer")

    def __init__(self, admission: Admission, handler: Handler, observer: Observer | None = None) -> None:
        self.admission = admission
        self.handler = handler
        self.observer = observer

    def begin(self, exchange: Exchange, request: Request) -> Answer | Coroutine[Any, Any, None]:
        """What is left to do for a request: follow the Answer and `complete` it, or drive the coroutine."""
        if self.observer is not None:
            return self._begin_observed(self.observer, exchange, request)
        try:
            response = self.admission.admit(request)
            coming = self.handler(request) if response is None else Ready(response)
        except Exception as error:
            coming = Ready(_answer_to(error))
        if isinstance(coming, Answer):
            return coming
        return self._serve(exchange, coming)

    def complete(self, exchange: Exchange, answer: Answer) -> Coroutine[Any, Any, None] | None:
        """Send what has come. None: that was all; otherwise the coroutine does the rest."""
        response = answer.response
        if response is None:
            response = _answer_to(answer.error or ProxyError(Kind.BAD_RESPONSE))
        observer = self.observer
        if observer is None:
            return _send(exchange, response)
        return self._complete_observed(observer, exchange, answer.record, response)

    def give_up(self, answer: Answer) -> None:
        """The client has gone before there was anything to send."""
        answer.give_up()
        if self.observer is not None:
            self.observer.end(answer.record, None, 0, False)

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
            response = _answer_to(error)
        rest = _send(exchange, response)
        if rest is not None:
            await rest

    # === the same with an observer ===

    def _begin_observed(
        self, observer: Observer, exchange: Exchange, request: Request
    ) -> Answer | Coroutine[Any, Any, None]:
        record = observer.begin(request)
        try:
            response = self.admission.admit(request)
            if response is None:
                observer.admitted(record)
                coming = self.handler(request)
            else:
                coming = Ready(response)
        except Exception as error:
            coming = Ready(_answer_to(error))
        if isinstance(coming, Answer):
            coming.record = record
            return coming
        return self._serve_observed(observer, exchange, record, coming)

    async def _serve_observed(
        self, observer: Observer, exchange: Exchange, record: Any, coming: Awaitable[Response]
    ) -> None:
        try:
            response = await coming
        except Exception as error:
            response = _answer_to(error)
        except BaseException:
            observer.end(record, None, 0, False)
            raise
        rest = self._complete_observed(observer, exchange, record, response)
        if rest is not None:
            await rest

    def _complete_observed(
        self, observer: Observer, exchange: Exchange, record: Any, response: Response
    ) -> Coroutine[Any, Any, None] | None:
        if response.tunnel is not None:  # it is over when that is closed
            over = partial(observer.end, record, response, 0, True)
            response.tunnel = WatchedTunnel(response.tunnel, over)
            return _send(exchange, response)
        try:
            rest = _send(exchange, response)
        except BaseException:
            observer.end(record, response, exchange.sent_size, False)
            raise
        if rest is not None:
            return _observed(observer, exchange, record, response, rest)
        observer.end(record, response, exchange.sent_size, True)
        return None


async def _observed(
    observer: Observer, exchange: Exchange, record: Any, response: Response, rest: Coroutine[Any, Any, None]
) -> None:
    try:
        await rest
    finally:
        observer.end(record, response, exchange.sent_size, False)


def _answer_to(error: BaseException) -> Response:
    """What the client is told when there is no answer."""
    if isinstance(error, ProxyError):
        return failure_response(error)
    if not isinstance(error, Exception):
        raise error
    _log.error("unexpected error while serving a request\n%s", "".join(traceback.format_exception(error)))
    return text_response(500, b"Internal Server Error")


def _send(exchange: Exchange, response: Response) -> Coroutine[Any, Any, None] | None:
    """Send an answer, at once if it is all here; the coroutine sends any other."""
    body = response.body
    whole = body.take()
    if whole is not None and body.trailers is None:
        exchange.send_head(response, whole, True)
        return None
    return _stream(exchange, response, whole)


async def _stream(exchange: Exchange, response: Response, whole: bytes | None) -> None:
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
