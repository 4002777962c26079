"""Who is told of each request by the pipeline: the access log and the metrics, and nobody if neither is kept."""

from __future__ import annotations

from typing import Any, Protocol

from trafficcop.http.answer import Answer
from trafficcop.http.messages import Request, Response


class Observer(Protocol):
    """Sees every request of an entry point twice, and keeps what it likes in between.

    `keeps_all`: it wants to see each of them when it comes. If not, of one that has no body and speaks nothing but HTTP
    the Request itself is kept for it.
    """

    keeps_all: bool

    def begin(self, request: Request, is_admitted: bool) -> Any:
        """A request that came when it says (`started`); what is returned, not None, is handed back below.

        It is as routers see it: its path clean, and nothing in it a stranger must not say, unless it was refused.
        """

    def end(self, seen: Any, answer: Answer | None, response: Response | None, size: int, is_whole: bool) -> None:
        """The exchange is over; without a response if the client has gone.

        `answer`: what brought the response, if nobody stood in between: what it says of its server is to be counted,
        too. `size`: of the body as it was sent. `is_whole`: all of it was here at once, and goes out after this.
        """
