"""What a balancer chooses from: servers, or the services that a weighted service is made of."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

from trafficcop.http.messages import Handler
from trafficcop.store.interface import Tally
from trafficcop.store.servers import LocalTally


class Times:
    """The last hundred times to an answer, in whole milliseconds as Traefik counts them."""

    __slots__ = ("_last", "_sum", "mean")

    def __init__(self) -> None:
        self._last: deque[int] = deque()
        self._sum = 0
        self.mean = 0.0

    def add(self, milliseconds: int) -> None:
        if len(self._last) == 100:
            self._sum -= self._last.popleft()
        self._last.append(milliseconds)
        self._sum += milliseconds
        self.mean = self._sum / len(self._last)


class Server:
    """One server, or one child service of a weighted service, where `url` is the child's name.

    `is_fenced`: about to go away, reachable by a sticky cookie only. `tally`: how many requests it has under way.
    `share`: the part of its weight that counts, less than 1 for a while after it came back (at `back_at`, 0: never).
    """

    __slots__ = (
        "back_at",
        "handler",
        "is_down",
        "is_ejected",
        "is_fenced",
        "key",
        "share",
        "tally",
        "times",
        "url",
        "weight",
    )

    def __init__(
        self, url: str, weight: int, handler: Handler, is_fenced: bool = False, tally: Tally | None = None
    ) -> None:
        self.url = url
        self.key = url.encode()
        self.weight = weight
        self.handler = handler
        self.is_fenced = is_fenced
        self.is_down = False  # so we are told
        self.is_ejected = False  # so its answers tell
        self.share = 1.0
        self.back_at = 0
        self.tally: Tally = LocalTally() if tally is None else tally
        self.times = Times()

    @property
    def is_up(self) -> bool:
        return not self.is_down and not self.is_ejected

    @property
    def is_eligible(self) -> bool:
        return self.is_up and not self.is_fenced


STEPS: Final = 10  # of a weight on its way back


def whole_weights(servers: Iterable[Server]) -> list[int]:
    """What each weighs now against the others."""
    if all(server.share == 1.0 for server in servers):
        return [server.weight for server in servers]
    return [max(round(server.weight * STEPS * server.share), 1) for server in servers]
