"""Counters and token buckets of one process."""

from __future__ import annotations

import os
from collections.abc import Sequence

from trafficcop.store.breaker import Breaker, Gate, Terms
from trafficcop.store.interface import NANOSECONDS, SOURCES, Buckets, Counts, Numbers, Rate, Standing, Tally
from trafficcop.store.servers import LocalTally, SharedServers, alone


class _Bucket:
    __slots__ = ("expiry", "last", "tokens")

    def __init__(self, tokens: float, now: int) -> None:
        self.tokens = tokens
        self.last = now
        self.expiry = 0


class TokenBuckets:
    """A token bucket for each source; the one not seen for longest is forgotten first."""

    __slots__ = ("_buckets", "_rate")

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._buckets: dict[str, _Bucket] = {}

    def reserve(self, source: str, now: int) -> int:
        """How many nanoseconds until the request may go on; longer than the longest wait: it took no token."""
        rate = self._rate
        bucket = self._bucket(source, now)
        tokens = rate.refill(bucket.tokens, now - bucket.last)
        wait = rate.wait(tokens)
        bucket.last = now
        bucket.tokens = tokens if wait > rate.longest_wait else tokens - 1.0
        return wait

    def _bucket(self, source: str, now: int) -> _Bucket:
        """The bucket of a source, moved to the end of the queue of those to be forgotten."""
        second = now // NANOSECONDS
        bucket = self._buckets.pop(source, None)
        if bucket is None or bucket.expiry <= second:
            if len(self._buckets) >= SOURCES:
                del self._buckets[next(iter(self._buckets))]
            bucket = _Bucket(float(self._rate.burst), now)
        bucket.expiry = second + self._rate.time_to_live
        self._buckets[source] = bucket
        return bucket

    def __len__(self) -> int:
        return len(self._buckets)


class InFlight:
    """How many requests of each source are under way."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def acquire(self, source: str, limit: int) -> bool:
        """Count one more, unless there are as many as may be."""
        count = self._counts.get(source, 0)
        if count >= limit:
            return False
        self._counts[source] = count + 1
        return True

    def release(self, source: str) -> None:
        count = self._counts[source] - 1
        if count:
            self._counts[source] = count
        else:
            del self._counts[source]

    def __len__(self) -> int:
        return len(self._counts)


class HighestNumbers:
    """The highest number that was seen with each word; the one that expires first is forgotten first."""

    __slots__ = ("_numbers",)

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def exceed(self, word: str, number: int, expiry: int) -> int:
        """The highest before this one, 0 for none. Words are kept for as long as there is room."""
        highest = self._numbers.get(word, 0)
        if number > highest:
            if not highest and len(self._numbers) >= SOURCES:
                del self._numbers[next(iter(self._numbers))]
            self._numbers[word] = number
        return highest


class LocalStore:
    """State of one process, lost with who asked for it; `servers`, if given, keeps that of servers."""

    __slots__ = ("_servers", "secret")

    def __init__(self, servers: SharedServers | None = None) -> None:
        self.secret = os.urandom(16)
        self._servers = servers

    def buckets(self, scope: str, rate: Rate) -> Buckets:
        return TokenBuckets(rate)

    def counts(self, scope: str) -> Counts:
        return InFlight()

    def numbers(self, scope: str) -> Numbers:
        return HighestNumbers()

    def gate(self, scope: str, terms: Terms) -> Gate:
        return Breaker(terms)

    def tally(self, service: str, url: str) -> Tally:
        return LocalTally() if self._servers is None else self._servers.tally(service, url)

    def standing(self, service: str, urls: Sequence[str]) -> Standing:
        return alone(service, urls) if self._servers is None else self._servers.standing(service, urls)


LOCAL = LocalStore()
