"""What middlewares keep between requests: token buckets and counts, wherever they are stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from trafficcop.store.breaker import Gate, Terms

NANOSECONDS = 1_000_000_000
SOURCES = 65536  # remembered at most


@dataclass(frozen=True, slots=True)
class Rate:
    """The terms of a token bucket: `per_second` tokens a second, `burst` at most (golang.org/x/time/rate).

    A request takes one token, on credit if need be, as long as it need not wait longer than `longest_wait` for it.
    """

    per_second: float
    burst: int
    longest_wait: int  # nanoseconds
    time_to_live: int  # seconds after its last use until a bucket is forgotten

    def refill(self, tokens: float, elapsed: int) -> float:
        """What a bucket holds after so many nanoseconds."""
        return min(tokens + elapsed / NANOSECONDS * self.per_second, float(self.burst)) if elapsed > 0 else tokens

    def wait(self, tokens: float) -> int:
        """How many nanoseconds until a bucket that holds so many tokens can give one."""
        return int((1.0 - tokens) / self.per_second * NANOSECONDS) if tokens < 1.0 else 0


class Buckets(Protocol):
    """A token bucket for each source."""

    def reserve(self, source: str, now: int) -> int:
        """How many nanoseconds until the request may go on; longer than the longest wait: it took no token."""


class Counts(Protocol):
    """How many requests of each source are under way."""

    def acquire(self, source: str, limit: int) -> bool:
        """Count one more, unless there are as many as may be."""

    def release(self, source: str) -> None:
        """One that was counted is over."""


class Numbers(Protocol):
    """The highest number that was seen with each word."""

    def exceed(self, word: str, number: int, expiry: int) -> int:
        """The highest before this one, 0 for none; forgotten at `expiry` (seconds of the monotonic clock)."""


class Tally(Protocol):
    """How many requests a server has under way."""

    def enter(self) -> None:
        """One more."""

    def leave(self) -> None:
        """One that was counted is over."""

    def total(self) -> int: ...


class Standing(Protocol):
    """How the servers of one service have fared, by their index. Times are nanoseconds of the monotonic clock."""

    def has_news(self) -> bool:
        """Whether somebody was ejected or taken back since `note_news`."""

    def note_news(self) -> None: ...

    def succeed(self, index: int) -> None:
        """A server answered well: what it did wrong before is forgotten."""

    def fail(self, index: int, now: int) -> int:
        """A server failed. How often it did so, without a success in between."""

    def has_failed(self, index: int, attempts: int, since: int) -> bool:
        """Whether its last `attempts` failures all came after that moment."""

    def eject(self, index: int, now: int, until: int, most: int) -> bool:
        """Nothing for this server before `until`, unless it or `most` servers are ejected as it is."""

    def restore(self, index: int, now: int) -> None:
        """It is well again; nothing happens if it was not ejected."""

    def until(self, index: int) -> int:
        """When a server's ejection ends, or ended; 0 if it never was ejected."""


class Store(Protocol):
    """Where state lives. `scope` names whose it is: the same words in every worker mean the same state."""

    @property
    def secret(self) -> bytes:
        """Known to every worker and to nobody else; another one after each start."""

    def buckets(self, scope: str, rate: Rate) -> Buckets: ...
    def counts(self, scope: str) -> Counts: ...
    def numbers(self, scope: str) -> Numbers: ...
    def tally(self, service: str, url: str) -> Tally: ...
    def gate(self, scope: str, terms: Terms) -> Gate: ...
    def standing(self, service: str, urls: Sequence[str]) -> Standing: ...


class StoreUnavailable(Exception):
    """A store elsewhere that does not answer, or answers with an error."""
