"""A time limit for whole exchanges: `respondingTimeouts.roundTrip` of a router. Ours, not Traefik's.

The time runs from the routing of a request to the last byte of its answer's body that was read from the server. Before
the head of the answer is there the client gets 504; later it can only be cut off. An upgraded connection has no limit.
"""

from __future__ import annotations

import asyncio

from trafficcop.errors import Kind, ProxyError
from trafficcop.http.drive import Drive, Wakeup
from trafficcop.http.messages import Handler, Request, Response
from trafficcop.http.watched import watch


class RoundTrip:
    """Gives everything behind it `seconds` from the routing of a request on."""

    __slots__ = ("_seconds", "next")

    def __init__(self, seconds: float, next: Handler) -> None:
        self._seconds = seconds
        self.next = next

    async def __call__(self, request: Request) -> Response:
        return await _Trip(self.next, request).make(self._seconds)


class _Trip:
    """One exchange. The handler runs in a Drive of its own, where the end of its time can be thrown in."""

    __slots__ = ("_done", "_drive", "_error", "_next", "_request", "_response", "_timer")

    def __init__(self, next: Handler, request: Request) -> None:
        self._next = next
        self._request = request
        self._done = Wakeup()
        self._drive = Drive(self._on_done)
        self._error: BaseException | None = None
        self._response: Response | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def make(self, seconds: float) -> Response:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._on_time)
        try:
            self._drive.start(self._call())
            await self._done
        except BaseException as error:
            self._stop_timer()
            self._drive.throw(error)  # the client is gone
            raise
        response = self._response
        if self._error is not None or response is None:
            self._stop_timer()
            raise self._error or ProxyError(Kind.TIMEOUT)
        if response.tunnel is not None:
            self._stop_timer()
        else:
            watch(response, self._stop_timer)
        return response

    async def _call(self) -> None:
        self._response = await self._next(self._request)

    def _on_done(self, error: BaseException | None) -> None:
        self._error = error
        self._done.set()

    def _on_time(self) -> None:
        self._timer = None
        if self._response is None:
            self._drive.throw(ProxyError(Kind.TIMEOUT, "the exchange takes too long"))
            return
        self._response.body.close()
        if self._request.exchange is not None:
            self._request.exchange.abort()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
