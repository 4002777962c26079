"""Services that this process answers itself: `ping@internal`, `noop@internal` and `acme-http@internal`."""

from __future__ import annotations

from collections.abc import Awaitable

from trafficcop.http.messages import Ready, Request, Response, bare_response
from trafficcop.http.status import STATUS_TEXT


class PingHandler:
    """200 and `OK` while serving; `terminating_status` once `is_terminating` is set."""

    __slots__ = ("_terminating_status", "is_terminating")

    def __init__(self, terminating_status: int = 503) -> None:
        self._terminating_status = terminating_status
        self.is_terminating = False

    def __call__(self, request: Request) -> Awaitable[Response]:
        status = self._terminating_status if self.is_terminating else 200
        return Ready(bare_response(status, STATUS_TEXT.get(status, b"")))


class NoopHandler:
    """The service of routers whose middlewares answer every request."""

    __slots__ = ()

    def __call__(self, request: Request) -> Awaitable[Response]:
        return Ready(bare_response(418))


class NoChallengeHandler:
    """Where an authority asks for the answer to its challenge while none is under way (RFC 8555 §8.3)."""

    __slots__ = ()

    def __call__(self, request: Request) -> Awaitable[Response]:
        return Ready(bare_response(404))
