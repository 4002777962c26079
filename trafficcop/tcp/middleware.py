"""TCP middlewares: who may connect, and how many at a time (Traefik `pkg/middlewares/tcp`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from trafficcop.http.addresses import Range, address_number, address_range
from trafficcop.http.streams import ClientStream, StreamHandler
from trafficcop.store.interface import Counts, StoreUnavailable
from trafficcop.telemetry.log import get_logger

_log = get_logger(__name__)


class IPAllowList:
    """`ipAllowList` and `ipWhiteList`: other clients are closed."""

    __slots__ = ("_ranges", "next")

    def __init__(self, source_range: Sequence[str], next: StreamHandler) -> None:
        """ValueError for what is neither an address nor a range."""
        self._ranges: tuple[Range, ...] = tuple(address_range(text) for text in source_range)
        self.next = next

    def __call__(self, stream: ClientStream) -> None:
        number = address_number(stream.peer.text)
        for mask, network in self._ranges:
            if number & mask == network:
                self.next(stream)
                return
        _log.debug("Connection from %s rejected by the allow list", stream.peer.text)
        stream.refuse()


class InFlightConn:
    """`inFlightConn`: so many connections of one client address at the same time, in all workers together."""

    __slots__ = ("_amount", "_counts", "next")

    def __init__(self, amount: int, counts: Counts, next: StreamHandler) -> None:
        self._amount = amount
        self._counts = counts
        self.next = next

    def __call__(self, stream: ClientStream) -> None:
        source = stream.peer.text
        try:
            is_free = self._counts.acquire(source, self._amount)
        except StoreUnavailable as error:
            _log.error("Connections of %s cannot be counted: %s", source, error)
            is_free = False
        if not is_free:
            _log.error("Connection rejected: max number of connections reached for %s", source)
            stream.refuse()
            return
        stream.on_closed = _Release(self._counts, source, stream.on_closed)
        self.next(stream)


class _Release:
    """Gives a place back when a connection is over."""

    __slots__ = ("_counts", "_on_closed", "_source")

    def __init__(self, counts: Counts, source: str, on_closed: Callable[[], None]) -> None:
        self._counts = counts
        self._source = source
        self._on_closed = on_closed

    def __call__(self) -> None:
        self._counts.release(self._source)
        self._on_closed()
