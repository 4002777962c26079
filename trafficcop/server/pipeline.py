"""The life of one request on the way in and out: admit, handle, send. The only place that turns errors into answers."""

from __future__ import annotations

import asyncio
import traceback

from trafficcop.errors import ProxyError, Side
from trafficcop.http.exchange import Exchange
from trafficcop.http.failure import failure_response
from trafficcop.http.messages import Handler, Request, Response, text_response
from trafficcop.server.admission import Admission
from trafficcop.server.observer import AccessObserver, admitted
from trafficcop.telemetry.access_record import AccessRecord
from trafficcop.telemetry.log import get_logger

_log = get_logger(__name__)


class Pipeline:
    """What requests of one entry point go through. `handler` is swapped by a reload, read once per request.

    `observer` is None when no access log is kept.
    """

    __slots__ = ("admission", "handler", "observer")

    def __init__(self, admission: Admission, handler: Handler, observer: AccessObserver | None = None) -> None:
        self.admission = admission
        self.handler = handler
        self.observer = observer

    async def serve(self, exchange: Exchange, request: Request) -> None:
        """From the request's head to the last byte of its answer. ProxyError: the client is gone."""
        observer = self.observer
        if observer is not None:
            await self._serve_observed(exchange, request, observer)
            return
        response = await self.respond(request)
        whole = response.body.take()
        if whole is not None and response.body.trailers is None:
            exchange.send_head(response, whole, True)
        else:
            await _stream(exchange, response, whole)

    async def _serve_observed(self, exchange: Exchange, request: Request, observer: AccessObserver) -> None:
        record = observer.begin(request)
        response: Response | None = None
        try:
            response = await self.respond(request, record)
            whole = response.body.take()
            if whole is not None and response.body.trailers is None:
                record.is_whole = True
                exchange.send_head(response, whole, True)
            else:
                await _stream(exchange, response, whole)
        finally:
            observer.end(record, response, exchange.sent_size)

    async def respond(self, request: Request, record: AccessRecord | None = None) -> Response:
        """The answer, whatever happens."""
        try:
            refusal = self.admission.admit(request)
            if refusal is not None:
                return refusal
            if record is not None:
                admitted(record)
            return await self.handler(request)
        except ProxyError as error:
            return failure_response(error)
        except asyncio.CancelledError:
            raise
        except Exception:
            _log.error("unexpected error while serving a request\n%s", traceback.format_exc())
            return text_response(500, b"Internal Server Error")


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
