"""A server as the access log sees it: when it was asked, and what it answered before any middleware touched that."""

from __future__ import annotations

import time

from trafficcop.http.messages import Handler, Origin, Request, Response


class Observed:
    """Stands before a forwarder where an access log is kept, nowhere else."""

    __slots__ = ("_has_headers", "_server")

    def __init__(self, server: Handler, *, has_headers: bool) -> None:
        self._server = server
        self._has_headers = has_headers

    async def __call__(self, request: Request) -> Response:
        request.origin = origin = Origin(time.time_ns())
        response = await self._server(request)
        origin.answered = time.time_ns()
        origin.status = response.status
        if self._has_headers:
            origin.headers = response.headers.fields.copy()
            origin.length = response.body.length
        return response
