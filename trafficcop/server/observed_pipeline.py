"""The pipeline of an entry point whose requests are logged or counted."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine
from functools import partial
from time import monotonic
from typing import Any, Final

from trafficcop.errors import Kind, ProxyError
from trafficcop.http.answer import Answer
from trafficcop.http.body import EMPTY
from trafficcop.http.exchange import Exchange
from trafficcop.http.headers import KIND, UPGRADE
from trafficcop.http.messages import Handler, Ready, Request, Response
from trafficcop.http.watched import WatchedTunnel
from trafficcop.server.admission import Admission
from trafficcop.server.observer import Observer
from trafficcop.server.pipeline import Pipeline, answer_to, send, stream

_SPEAKS_MORE: Final = KIND | UPGRADE  # marks of requests that may speak something over HTTP


class ObservedPipeline(Pipeline):
    """Tells an observer of each request when it comes and when its exchange is over."""

    __slots__ = ("_keeps_all", "_observer")

    def __init__(self, admission: Admission, handler: Handler, observer: Observer) -> None:
        super().__init__(admission, handler)
        self._observer = observer
        self._keeps_all = observer.keeps_all

    def begin(self, exchange: Exchange, request: Request) -> Answer | Coroutine[Any, Any, None]:
        if not request.started:
            request.started = monotonic()
        try:
            response = self.admission.admit(request)
        except Exception as error:
            response = answer_to(error)
        if response is not None:
            return self._serve_observed(exchange, self._observer.begin(request, False), Ready(response))
        record: Any = request
        if self._keeps_all or request.body is not EMPTY or request.marks & _SPEAKS_MORE or request.method != b"GET":
            record = self._observer.begin(request, True)
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
        tunnel = response.tunnel
        if tunnel is not None:  # the exchange is over when that is closed
            response.tunnel = WatchedTunnel(tunnel, partial(self._observer.end, answer, response, 0))
            return send(exchange, response)
        body = response.body
        whole = body.take()
        if whole is None or body.trailers is not None:
            return self._stream(exchange, answer, response, whole)
        # Looked at before it goes out, as in Traefik: after it the kernel has had the caches to itself, and the same
        # work takes five times as long.
        if isinstance(answer.record, Request):
            self._observer.end_usual(answer.record, answer, response.status, len(whole))
        else:
            self._observer.end_whole(answer, response, len(whole))
        exchange.send_head(response, whole, True)
        return None

    def give_up(self, answer: Answer) -> None:
        answer.give_up()
        self._observer.end(answer, None, 0)

    async def _serve_observed(self, exchange: Exchange, record: Any, coming: Awaitable[Response]) -> None:
        answer = Answer()  # of the pipeline's own: it says nothing of a server
        answer.record = record
        try:
            answer.response = await coming
        except Exception as error:
            answer.response = answer_to(error)
        except BaseException:
            self._observer.end(answer, None, 0)
            raise
        rest = self.complete(exchange, answer)
        if rest is not None:
            await rest

    async def _stream(self, exchange: Exchange, answer: Answer, response: Response, whole: bytes | None) -> None:
        try:
            await stream(exchange, response, whole)
        finally:
            self._observer.end(answer, response, exchange.sent_size)
