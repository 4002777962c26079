"""The pipeline of an entry point whose requests are logged or counted."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine
from functools import partial
from time import perf_counter_ns
from typing import Any

from trafficcop.errors import Kind, ProxyError
from trafficcop.http.answer import Answer
from trafficcop.http.exchange import Exchange
from trafficcop.http.messages import Handler, Ready, Request, Response
from trafficcop.http.watched import WatchedTunnel
from trafficcop.server.admission import Admission
from trafficcop.server.observer import Observer
from trafficcop.server.pipeline import Pipeline, answer_to, send


class ObservedPipeline(Pipeline):
    """Tells an observer of each request when it comes and when its exchange is over."""

    __slots__ = ("_observer",)

    def __init__(self, admission: Admission, handler: Handler, observer: Observer) -> None:
        super().__init__(admission, handler)
        self._observer = observer

    def begin(self, exchange: Exchange, request: Request) -> Answer | Coroutine[Any, Any, None]:
        started = perf_counter_ns()
        try:
            response = self.admission.admit(request)
        except Exception as error:
            response = answer_to(error)
        if response is not None:
            return self._serve_observed(exchange, self._observer.begin(request, started, False), Ready(response))
        record = self._observer.begin(request, started, True)
        try:
            coming = self.handler(request)
        except Exception as error:
            coming = Ready(answer_to(error))
        if isinstance(coming, Answer):
            coming.record = record
            return coming
        return self._serve_observed(exchange, record, coming)

    def complete(self, exchange: Exchange, answer: Answer) -> Coroutine[Any, Any, None] | None:
        response = answer.response
        if response is None:
            response = answer_to(answer.error or ProxyError(Kind.BAD_RESPONSE))
        if response.tunnel is not None:
            return self._send(exchange, answer.record, answer, response)
        try:
            rest = send(exchange, response)
        except BaseException:
            self._observer.end(answer.record, answer, response, exchange.sent_size, False)
            raise
        if rest is not None:
            return self._finish(exchange, answer.record, answer, response, rest)
        self._observer.end(answer.record, answer, response, exchange.sent_size, True)
        return None

    def give_up(self, answer: Answer) -> None:
        answer.give_up()
        self._observer.end(answer.record, answer, None, 0, False)

    async def _serve_observed(self, exchange: Exchange, record: Any, coming: Awaitable[Response]) -> None:
        try:
            response = await coming
        except Exception as error:
            response = answer_to(error)
        except BaseException:
            self._observer.end(record, None, None, 0, False)
            raise
        rest = self._send(exchange, record, None, response)
        if rest is not None:
            await rest

    def _send(
        self, exchange: Exchange, record: Any, answer: Answer | None, response: Response
    ) -> Coroutine[Any, Any, None] | None:
        if response.tunnel is not None:  # the exchange is over when that is closed
            over = partial(self._observer.end, record, answer, response, 0, True)
            response.tunnel = WatchedTunnel(response.tunnel, over)
            return send(exchange, response)
        try:
            rest = send(exchange, response)
        except BaseException:
            self._observer.end(record, answer, response, exchange.sent_size, False)
            raise
        if rest is not None:
            return self._finish(exchange, record, answer, response, rest)
        self._observer.end(record, answer, response, exchange.sent_size, True)
        return None

    async def _finish(
        self,
        exchange: Exchange,
        record: Any,
        answer: Answer | None,
        response: Response,
        rest: Coroutine[Any, Any, None],
    ) -> None:
        try:
            await rest
        finally:
            self._observer.end(record, answer, response, exchange.sent_size, False)
