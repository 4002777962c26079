"""`rest@internal`: takes the configurations that are put, as an ASGI application (`pkg/provider/rest/rest.go`)."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from trafficcop.admin.app import Receive, Scope, Send, path_of
from trafficcop.config.dynamic import DynamicConfiguration
from trafficcop.config.encode import encode
from trafficcop.config.json_text import to_json
from trafficcop.errors import ConfigurationError

_SKIPPED = 256 * 1024 * 1024  # bytes of a body that are read although it is refused
LONGEST = 32 * 1024 * 1024  # bytes of a configuration: a hundred thousand routers

Put = Callable[[bytes], Awaitable[DynamicConfiguration]]

_PATH = re.compile(r"/api/providers/([^/]+)")
_WRONG_PROVIDER = "Only 'rest' provider can be updated through the REST API"


class RESTApp:
    """Answers 200 with the configuration as it was understood, or 400 with what is wrong with it."""

    def __init__(self, put: Put) -> None:
        self._put = put

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                response = await self._respond(Request(scope, receive))
            except ClientDisconnect:  # in the middle of its body: nobody is there to be answered
                return
            await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        # Read whatever is wrong: closed in the middle of a body, a connection would take the answer along.
        body = await _body(request)
        path = _PATH.fullmatch(path_of(request.scope))
        if path is None:
            return _plain(404, "404 page not found")
        if request.method != "PUT":
            return Response(status_code=405, headers={"Allow": "PUT"})
        if path[1] != "rest":
            return _plain(400, _WRONG_PROVIDER)
        if body is None:
            return _plain(413, f"the configuration is longer than {LONGEST} bytes")
        try:
            configuration = await self._put(body)
        except ConfigurationError as error:
            return _plain(400, "\n".join(str(issue) for issue in error.issues))
        text = to_json(encode(configuration)).removesuffix(b"\n")
        return Response(text, 200, {"Content-Type": "application/json; charset=UTF-8"})


async def _body(request: Request) -> bytes | None:
    """The whole body, None when it is too long: what is too much is not kept, and in the end not read."""
    body, size = bytearray(), 0
    async for piece in request.stream():
        size += len(piece)
        if size <= LONGEST:
            body += piece
        else:
            body.clear()
        if size > _SKIPPED:
            break
    return bytes(body) if size <= LONGEST else None


def _plain(status: int, text: str) -> Response:
    headers = {"Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff"}
    return Response(text + "\n", status, headers)
