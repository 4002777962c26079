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
        """From the request's head to the last byte of its answer."""
        observer = self.observer
        record = None if observer is None else observer.begin(request)
        response: Response | None = None
        try:
            try:
                response = self.admission.admit(request)
                if response is None:
                    if record is not None:
                        admitted(record)
                    response = await self.handler(request)
            except ProxyError as error:
                response = failure_response(error)
            except asyncio.CancelledError:
                raise
            except Exception:
                _log.error("unexpected error while serving a request\n%s", traceback.format_exc())
                response = text_response(500, b"Internal Server Error")
            body = response.body
            whole = body.take()
            if whole is not None and body.trailers is None:
                if record is not None:
                    record.is_whole = True
                exchange.send_head(response, whole, True)
            else:
                await _stream(exchange, response, whole)
        finally:
            if observer is not None and record is not None:
                observer.end(record, response, exchange.sent_size)


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
