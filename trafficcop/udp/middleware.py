"""UDP middlewares, `ipAllowList` and `rateLimit`: DatagramHandlers in front of another."""

from __future__ import annotations

from collections.abc import Iterable

from trafficcop.http.addresses import Range
from trafficcop.http.datagrams import DatagramHandler, Source, Way
from trafficcop.store.interface import Buckets


class AllowList:
    """Only clients from these addresses have sessions."""

    __slots__ = ("_next", "_ranges")

    def __init__(self, ranges: Iterable[Range], next: DatagramHandler) -> None:
        self._ranges = tuple(ranges)
        self._next = next

    def __call__(self, source: Source) -> Way | None:
        number = source.number
        if any(number & mask == network for mask, network in self._ranges):
            return self._next(source)
        return None


class RateLimit:
    """So many datagrams of one address in a period; what is more is dropped, for nobody waits for a datagram."""

    __slots__ = ("_buckets", "_next")

    def __init__(self, buckets: Buckets, next: DatagramHandler) -> None:
        self._buckets = buckets
        self._next = next

    def __call__(self, source: Source) -> Way | None:
        way = self._next(source)
        if way is not None:
            way.limits = (*way.limits, self._buckets)
        return way
