"""Counters and token buckets of one worker; what they are asked is the interface that shared ones will have."""

from __future__ import annotations

NANOSECONDS = 1_000_000_000
_SOURCES = 65536  # sources remembered at most; the one not seen for longest is forgotten first


class _Bucket:
    __slots__ = ("expiry", "last", "tokens")

    def __init__(self, tokens: float, now: int) -> None:
        self.tokens = tokens
        self.last = now
        self.expiry = 0


class TokenBuckets:
    """A token bucket for each source: `rate` tokens a second, `burst` at most (golang.org/x/time/rate).

    A request takes one token, on credit if need be, as long as it need not wait longer than `longest_wait` for it.
    """

    __slots__ = ("_buckets", "_burst", "_longest_wait", "_rate", "_time_to_live")

    def __init__(self, rate: float, burst: int, longest_wait: int, time_to_live: int) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._longest_wait = longest_wait
        self._time_to_live = time_to_live
        self._buckets: dict[str, _Bucket] = {}

    def reserve(self, source: str, now: int) -> int:
        """How many nanoseconds until the request may go on; longer than the longest wait: it took no token."""
        bucket = self._bucket(source, now)
        elapsed = max(now - bucket.last, 0)
        tokens = min(bucket.tokens + elapsed / NANOSECONDS * self._rate, self._burst)
        bucket.last = now
        wait = int((1.0 - tokens) / self._rate * NANOSECONDS) if tokens < 1.0 else 0
        bucket.tokens = tokens if wait > self._longest_wait else tokens - 1.0
        return wait

    def _bucket(self, source: str, now: int) -> _Bucket:
        """The bucket of a source, moved to the end of the queue of those to be forgotten."""
        second = now // NANOSECONDS
        bucket = self._buckets.pop(source, None)
        if bucket is None or bucket.expiry <= second:
            if len(self._buckets) >= _SOURCES:
                del self._buckets[next(iter(self._buckets))]
            bucket = _Bucket(self._burst, now)
        bucket.expiry = second + self._time_to_live
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
