"""Another server for another attempt: `retry` notes on a request which ones have failed it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Protocol


class Choosable(Protocol):
    """A server, as far as it matters here."""

    @property
    def url(self) -> str: ...
    @property
    def is_eligible(self) -> bool: ...
    @property
    def weight(self) -> int: ...


def untried(servers: Sequence[Choosable], tried: set[str]) -> int:
    """The index of a server that has not failed this request yet, -1 when each has: then all may be tried again."""
    left = [index for index, server in enumerate(servers) if server.is_eligible and server.url not in tried]
    if not left:
        tried.clear()
        return -1
    weights = [max(servers[index].weight, 1) for index in left]
    return random.choices(left, weights)[0]  # noqa: S311 -- turns, not secrets
