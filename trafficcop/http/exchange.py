"""One request and its answer on a client's connection: what every HTTP version must offer to the pipeline."""

from __future__ import annotations

from typing import Protocol

from trafficcop.http.headers import Headers
from trafficcop.http.messages import Response


class Exchange(Protocol):
    """The downstream half. `send_head`, then `send_data` any number of times, then `finish`; or `abort` at any time."""

    is_congested: bool  # the client reads more slowly than we write
    is_started: bool  # a final head has been sent: no other answer is possible
    sent_size: int  # bytes of the answer's body so far

    def send_informational(self, status: int, headers: Headers) -> None:
        """A 1xx answer, relayed at once (RFC 9110 §15.2)."""

    def send_head(self, response: Response, first: bytes, is_last: bool) -> None:
        """The head with the first bytes of the body, in one write; `is_last`: there is nothing more to come."""

    def send_data(self, data: bytes) -> None: ...

    def finish(self, response: Response) -> None:
        """The body has ended; `response.body.trailers` go out here."""

    def abort(self) -> None:
        """The answer cannot be completed: the client must see that it is cut off."""

    async def drained(self) -> None:
        """Returns when it is no longer congested; ProxyError when the client is gone."""
