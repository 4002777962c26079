"""What each middleware would do to a request: the real one is run, with nothing behind it that could be harmed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import fields
from typing import Any

from trafficcop.config.middlewares import Chain as ChainOptions
from trafficcop.config.middlewares import Headers as HeadersOptions
from trafficcop.config.middlewares import Middleware
from trafficcop.config.schema import key_of
from trafficcop.control.explain.kinds import is_pure, may_refuse, reason, terms
from trafficcop.control.explain.rules import text
from trafficcop.errors import ProxyError
from trafficcop.http.failure import failure_response
from trafficcop.http.headers import Field, Headers
from trafficcop.http.messages import Handler, Ready, Request, Response
from trafficcop.middleware import MIDDLEWARES, type_of
from trafficcop.middleware.context import MiddlewareContext
from trafficcop.plan.model import MiddlewarePlan

Object = dict[str, Any]

_PATIENCE = 5.0  # seconds; a costly password hash takes a tenth of one
_KEYS = {declared.name: key_of(declared) for declared in fields(Middleware)}


class Chain:
    """Runs the middlewares of a router or a service one by one on `request`, and notes what each did.

    `doubts` takes the names of those that may refuse it for what is not seen here.
    """

    def __init__(self, middlewares: Mapping[str, MiddlewarePlan], request: Request, doubts: list[str]) -> None:
        self._middlewares = middlewares
        self._request = request
        self._doubts = doubts
        self.steps: list[Object] = []

    async def run(self, names: Iterable[str]) -> Object | None:
        """Up to the first that answers by itself: what it answers."""
        for name in names:
            key, config = type_of(self._middlewares[name].middleware)
            if isinstance(config, ChainOptions):
                self.steps.append({"name": name, "type": key, "middlewares": list(config.middlewares)})
                answer = await self.run(config.middlewares)
            else:
                answer = await self.step(name, key, config)
            if answer is not None:
                return answer
        return None

    async def step(self, name: str, key: str, config: Any) -> Object | None:
        """One middleware, by its field name in `config.middlewares.Middleware`."""
        shown: Object = {"name": name, "type": _KEYS[key]}
        self.steps.append(shown)
        if not is_pure(key, config):
            shown["depends"] = terms(key, config)
            if may_refuse(key, config):
                self._doubts.append(name)
            return None
        request = self._request
        before = _look(request)
        probe = _Probe()
        try:
            response = await _run(_build(name, key, config, probe), request)
        except (ValueError, TimeoutError) as error:  # files that were there when the plan was made may be gone
            shown["depends"] = str(error) or "it takes too long"
            return None
        if not probe.is_reached:
            answer: Object = {"status": response.status, "headers": _fields(response)}
            why = reason(config, request, response.status)
            if why:
                answer["why"] = why
            shown["answers"] = answer
            return {"by": "middleware", "name": name} | answer
        shown["changes"] = [*_changes(before, _look(request)), *_answer_changes(config, response)]
        return None


class _Probe:
    """The next handler: takes whatever comes."""

    def __init__(self) -> None:
        self.is_reached = False

    def __call__(self, request: Request) -> Awaitable[Response]:
        self.is_reached = True
        return Ready(Response(200, Headers()))


def _build(name: str, key: str, config: Any, probe: _Probe) -> Handler:
    def service(name: str) -> Handler:
        return probe

    def middleware(name: str, handler: Handler) -> Handler:
        return handler

    return MIDDLEWARES[key](config, MiddlewareContext(name, service, middleware), probe)


async def _run(handler: Handler, request: Request) -> Response:
    try:
        async with asyncio.timeout(_PATIENCE):
            return await handler(request)
    except ProxyError as error:
        return failure_response(error)


# === before and after ===


def _look(request: Request) -> Object:
    notes = request.notes or {}
    return {
        "method": text(request.method),
        "host": text(request.authority),
        "path": text(request.raw_path),
        "query": None if request.query is None else text(request.query),
        "headers": list(request.headers),
        "is_for_told": not notes.get("no_forwarded_for"),
    }


def _changes(before: Object, after: Object) -> list[Object]:
    changes: list[Object] = [
        {"part": part, "from": before[part], "to": after[part]}
        for part in ("method", "host", "path", "query")
        if before[part] != after[part]
    ]
    if before["is_for_told"] and not after["is_for_told"]:
        changes.append({"part": "requestHeader", "name": "X-Forwarded-For", "from": None, "to": None})
    was, now = _by_name(before["headers"]), _by_name(after["headers"])
    for key in {**was, **now}:
        old, new = was.get(key), now.get(key)
        if old is None or new is None or old[1] != new[1]:
            name = (new or old or ("", ""))[0]
            values = {"from": None if old is None else old[1], "to": None if new is None else new[1]}
            changes.append({"part": "requestHeader", "name": name} | values)
    return changes


def _by_name(headers: list[Field]) -> dict[str, tuple[str, str]]:
    """The spelling and the joined values of each field."""
    found: dict[str, tuple[str, str]] = {}
    for name, value in headers:
        key = text(name.lower())
        found[key] = (text(name), f"{found[key][1]}, {text(value)}" if key in found else text(value))
    return found


def _answer_changes(config: Any, response: Response) -> list[Object]:
    """What will happen to the answer: fields that the probe's empty one got, and those that servers may not set."""
    changes: list[Object] = [
        {"part": "responseHeader", "name": name, "to": value} for name, value in _fields(response).items()
    ]
    if isinstance(config, HeadersOptions):
        dropped = [name for name, value in config.custom_response_headers.items() if not value]
        changes += [{"part": "responseHeader", "name": name, "to": None} for name in dropped]
    return changes


def _fields(response: Response) -> dict[str, str]:
    return dict(_by_name(list(response.headers)).values())
