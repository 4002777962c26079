"""A server whose requests are counted while they are under way, and timed if somebody wants to know."""

from __future__ import annotations

from collections.abc import Awaitable
from time import monotonic_ns

from trafficcop.http.answer import Answer
from trafficcop.http.body import Bytes
from trafficcop.http.messages import Request, Response
from trafficcop.http.watched import watch
from trafficcop.service.servers import Server


class Counted:
    """Stands before a server: an answer counts until its last byte is read, or nobody waits for it any more.

    Counting begins with an answer that is on its way: what is given up before it was begun is never counted.
    """

    __slots__ = ("_is_timing", "_server", "_tally")

    def __init__(self, server: Server, *, is_timing: bool) -> None:
        self._server = server
        self._tally = server.tally
        self._is_timing = is_timing

    def __call__(self, request: Request) -> Awaitable[Response]:
        started = monotonic_ns() if self._is_timing else 0
        coming = self._server.handler(request)
        if isinstance(coming, Answer):
            self._tally.enter()
            coming.watch(self, request, started)
            return coming
        return self._awaited(coming)

    async def _awaited(self, coming: Awaitable[Response]) -> Response:
        self._tally.enter()
        started = monotonic_ns() if self._is_timing else 0
        try:
            response = await coming
        except BaseException:
            self._tally.leave()
            raise
        self._came(response, started)
        return response

    def on_settled(self, answer: Answer) -> None:
        response = answer.response
        if response is None:
            self._tally.leave()
        else:
            self._came(response, answer.started)

    def _came(self, response: Response, started: int) -> None:
        if self._is_timing:
            self._server.times.add((monotonic_ns() - started) // 1_000_000)
        if type(response.body) is Bytes and response.tunnel is None:
            self._tally.leave()  # all of it is here, as it is of most
        else:
            watch(response, self._tally.leave)
