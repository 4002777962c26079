"""A handler whose exchanges are looked at one by one: a server, or a router behind another one."""

from __future__ import annotations

from collections.abc import Awaitable
from time import monotonic
from typing import Final

from trafficcop.errors import ProxyError
from trafficcop.http.answer import Answer
from trafficcop.http.messages import Handler, Origin, Request, Response
from trafficcop.http.observed import Observed

_NANOSECONDS: Final = 10**9


class ObservedHandler:
    """Stands before a handler whose exchanges are `observed`."""

    __slots__ = ("_handler", "_observed")

    def __init__(self, handler: Handler, observed: Observed) -> None:
        self._handler = handler
        self._observed = observed

    def __call__(self, request: Request) -> Awaitable[Response]:
        observed, asked = self._observed, monotonic()
        try:
            coming = self._handler(request)
        except ProxyError:
            if observed.has_origins:
                request.origin = Origin(asked)
            raise
        if not isinstance(coming, Answer):
            return observed.awaited(coming, request, asked)
        if coming.observed is None:
            coming.observe(observed, request, asked)
        else:
            coming.watch(self, request, round(asked * _NANOSECONDS))  # there is another one, nearer to the server
        return coming

    def on_settled(self, answer: Answer) -> None:
        if answer.request is not None:
            self._observed.settle(answer.request, answer.started / _NANOSECONDS, answer.response, answer.error)
