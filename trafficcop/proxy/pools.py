"""All pools of a worker, for every origin that servers have."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from trafficcop.http.deadlines import Deadlines
from trafficcop.proxy.names import Names
from trafficcop.proxy.origin import Limits, Origin
from trafficcop.proxy.pool import Pool

if TYPE_CHECKING:
    from trafficcop.proxy.h2_pool import StreamPool


class AnyPool(Protocol):
    """The connections to one origin."""

    def retire(self) -> None:
        """No configuration names this origin any more."""


class Pools:
    """Every pool of a worker; those whose origin is unchanged are carried over a reload."""

    __slots__ = ("_deadlines", "_names", "_pools", "_stream_pools")

    def __init__(self, deadlines: Deadlines) -> None:
        self._deadlines = deadlines
        self._names = Names(deadlines)
        self._pools: dict[tuple[Origin, Limits], Pool] = {}
        self._stream_pools: dict[tuple[Origin, Limits], StreamPool] = {}

    def get(self, origin: Origin, limits: Limits) -> Pool:
        pool = self._pools.get((origin, limits))
        if pool is None:
            pool = self._pools[(origin, limits)] = Pool(origin, limits, self._deadlines, self._names)
        else:
            pool.revive()
        return pool

    def get_streams(self, origin: Origin, limits: Limits) -> StreamPool:
        """For a server that may speak HTTP/2."""
        pool = self._stream_pools.get((origin, limits))
        if pool is None:
            # Most configurations have no such server.
            from trafficcop.proxy.h2_pool import StreamPool

            plain = self.get(replace(origin, scheme="http") if origin.scheme == "h2c" else origin, limits)
            pool = StreamPool(origin, limits, self._deadlines, self._names, plain)
            self._stream_pools[(origin, limits)] = pool
        else:
            pool.revive()
            pool.plain.revive()
        return pool

    def keep_only(self, used: set[AnyPool]) -> None:
        """Retire the pools that the configuration in force does not use."""
        for key, pool in list(self._pools.items()):
            if pool not in used:
                pool.retire()
                del self._pools[key]
        for key, streams in list(self._stream_pools.items()):
            if streams not in used:
                streams.retire()
                del self._stream_pools[key]

    def close(self) -> None:
        self.keep_only(set())
        self._names.close()
