"""Who is told of each request by the pipeline: the access log and the metrics, and nobody if neither is kept."""

from __future__ import annotations

from typing import Any, Protocol

from trafficcop.http.answer import Answer
from trafficcop.http.messages import Request, Response


class Observer(Protocol):
    """Sees every request of an entry point twice, and keeps what it likes in between, as the `record` of its answer.

    `keeps_all`: it wants to see each of them when it comes. If not, it does not see a usual one, a GET without a body
    that speaks nothing but HTTP: then the Request itself is the record.

    An answer that comes from a server, with nobody in between, says when that was asked: this is to be counted, too.
    """

    keeps_all: bool

    def begin(self, request: Request, is_admitted: bool) -> Any:
        """A request that came when it says (`started`); what is returned, not None, is the record.

        It is as routers see it: its path clean, and nothing in it a stranger must not say, unless it was refused.
        """

    def end_usual(self, request: Request, answer: Answer, status: int, size: int) -> None:
        """As `end_whole`, of a usual request that was not seen when it came."""

    def end_whole(self, answer: Answer, response: Response, size: int) -> None:
        """The exchange is over but for a last write: all of the answer's body is here, which has this `size`."""

    def end(self, answer: Answer, response: Response | None, size: int) -> None:
        """Any other exchange is over; without a response if the client has gone. `size`: of the body as it was sent."""
