"""`/debug/pprof/`, where `api.debug` is on: profiles of the workers, in the places where Go programs have theirs."""

from __future__ import annotations

import sys
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from trafficcop.admin.pprof import collapsed, encoded
from trafficcop.plan.profile import Profile

PREFIX = "/debug/pprof/"
_SECONDS = 30.0  # as in Go
_MOST_SECONDS = 300.0
_TEXT = "text/plain; charset=utf-8"
_INDEX = """\
/debug/pprof/profile?seconds=30  where the CPU time of the workers goes, for `go tool pprof` and its like
  &debug=1                       the same as collapsed stacks, a line each, for flame graphs
  &worker=0                      of one worker only
/debug/pprof/cmdline             the command line, with NUL between the arguments
/debug/vars                      memory and workers
"""


class Profiler(Protocol):
    """Who can ask the workers."""

    @property
    def is_busy(self) -> bool: ...

    def take(self, seconds: float) -> Awaitable[list[Profile]]: ...


class Debug:
    """Finds what is behind the prefix."""

    def __init__(self, profiler: Profiler) -> None:
        self._profiler = profiler

    async def answer(self, request: Request, name: str) -> Response:
        found: dict[str, Callable[[Request], Awaitable[Response]]] = {
            "": _index,
            "cmdline": _command,
            "profile": self._profile,
        }
        view = found.get(name)
        if view is None:
            return Response("404 page not found\n", 404, media_type=_TEXT)
        return await view(request) if request.method in ("GET", "HEAD") else Response(status_code=405)

    async def _profile(self, request: Request) -> Response:
        query = request.query_params
        try:
            seconds = float(query.get("seconds") or 0)
        except ValueError:
            return Response("seconds is not a number\n", 400, media_type=_TEXT)
        if self._profiler.is_busy:
            return Response("another profile is being taken\n", 409, media_type=_TEXT)
        seconds = min(seconds, _MOST_SECONDS) if seconds > 0 else _SECONDS
        started = time.time_ns()
        profiles = await self._profiler.take(seconds)
        wanted = query.get("worker", "")
        kept = [profile for profile in profiles if wanted in ("", str(profile.worker))]
        if not kept:
            return Response("no worker has answered\n", 404, media_type=_TEXT)
        if query.get("debug", "0") not in ("", "0"):
            return Response(collapsed(kept), media_type=_TEXT)
        headers = {"Content-Disposition": 'attachment; filename="profile"'}
        data = encoded(kept, started, time.time_ns() - started)
        return Response(data, headers=headers, media_type="application/octet-stream")


async def _index(request: Request) -> Response:
    return Response(_INDEX, media_type=_TEXT)


async def _command(request: Request) -> Response:
    return Response("\0".join(sys.argv), media_type=_TEXT)
