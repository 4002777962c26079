"""Who is told of each request by the pipeline: the access log and the metrics, and nobody if neither is kept."""

from __future__ import annotations

from typing import Any, Protocol

from trafficcop.http.answer import Answer
from trafficcop.http.messages import Request, Response


class Observer(Protocol):
    """Sees every request of an entry point twice, and keeps what it likes in between."""

    def begin(self, request: Request, started: int, is_admitted: bool) -> Any:
        """A request that came at `started` (nanoseconds of `perf_counter_ns`); what is returned is handed back below.

        It is as routers see it: its path clean, and nothing in it a stranger must not say, unless it was refused.
        """

    def end(self, seen: Any, answer: Answer | None, response: Response | None, size: int, is_whole: bool) -> None:
        """The exchange is over; without a response if the client has gone.

        `answer`: what brought the response, if nobody stood in between. `is_whole`: it was all here when it was sent.
        """
