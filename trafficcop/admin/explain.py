"""`POST /api/explain`: why a request goes where it goes, asked in JSON. Ours, not Traefik's."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from trafficcop.admin.views import error_response, json_response
from trafficcop.errors import BadQuestion

# Answers the members of a JSON object. BadQuestion when they make no request.
Explain = Callable[[Mapping[str, object]], Awaitable[dict[str, Any]]]

_LONGEST = 256 * 1024  # bytes of a question
_SKIPPED = 16 * 1024 * 1024  # bytes of a body that are read although it is refused


async def explained(request: Request, explain: Explain) -> Response:
    """The answer to `POST /api/explain`: the explanation, or 400 with a message for what makes no question."""
    try:
        # Read whatever is wrong: closed in the middle of a body, a connection would take the answer along.
        body = await _body(request)
    except ClientDisconnect:  # nobody is there to be answered
        return Response(status_code=400)
    if request.method != "POST":
        return Response(status_code=405, headers={"Allow": "POST"})
    if body is None:
        return error_response(400, f"the question is longer than {_LONGEST} bytes")
    try:
        return json_response(await explain(_members(body)))
    except BadQuestion as error:
        return error_response(400, str(error))


async def _body(request: Request) -> bytes | None:
    """The whole body, None when it is too long."""
    body, size = bytearray(), 0
    async for piece in request.stream():
        size += len(piece)
        if size <= _LONGEST:
            body += piece
        if size > _SKIPPED:
            break
    return bytes(body) if size <= _LONGEST else None


def _members(body: bytes) -> Mapping[str, object]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        # Bytes that are no text have a reason, but no place.
        place = f", line {error.lineno} column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        raise BadQuestion(f"the body is no JSON{place}") from None
    if not isinstance(value, dict):
        raise BadQuestion('the body is no JSON object such as {"url": "https://example.com/"}')
    return value
