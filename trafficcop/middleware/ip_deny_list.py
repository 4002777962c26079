"""`ipDenyList`: no clients from these addresses. Ours, not Traefik's: `ipAllowList` the other way round.

A client whose address cannot be told is refused too, or else leaving out X-Forwarded-For would be the way past a list
that goes by it.
"""

from __future__ import annotations

from collections.abc import Awaitable

from trafficcop.config.own import IPDenyList as Configuration
from trafficcop.http.addresses import UNKNOWN, address_number
from trafficcop.http.messages import Handler, Ready, Request, Response, bare_response
from trafficcop.http.status import STATUS_TEXT
from trafficcop.middleware.context import MiddlewareContext
from trafficcop.middleware.ip_allow_list import address_set, without_port
from trafficcop.middleware.source import AddressSet, RemoteAddress, Source, ip_strategy


class PeerDenyList:
    """Judges the peer itself, whose address is a number already."""

    __slots__ = ("_denied", "_status", "next")

    def __init__(self, denied: AddressSet, status: int, next: Handler) -> None:
        self._denied = denied
        self._status = status
        self.next = next

    def __call__(self, request: Request) -> Awaitable[Response]:
        peer = request.peer
        number = peer.number
        if number is None:
            number = peer.learn_number()
        if number == UNKNOWN or self._denied.has_number(number):
            return Ready(bare_response(self._status, STATUS_TEXT[self._status]))
        return self.next(request)


class SourceDenyList:
    """Judges the address that an IP strategy names."""

    __slots__ = ("_denied", "_source", "_status", "next")

    def __init__(self, source: Source, denied: AddressSet, status: int, next: Handler) -> None:
        self._source = source
        self._denied = denied
        self._status = status
        self.next = next

    def __call__(self, request: Request) -> Awaitable[Response]:
        number = address_number(without_port(self._source(request)))
        if number == UNKNOWN or self._denied.has_number(number):
            return Ready(bare_response(self._status, STATUS_TEXT[self._status]))
        return self.next(request)


def build(config: Configuration, context: MiddlewareContext, next: Handler) -> Handler:
    if not config.source_range:
        raise ValueError("sourceRange is empty, IPDenyLister not created")
    status = config.reject_status_code or 403
    if status not in STATUS_TEXT:
        raise ValueError(f"invalid HTTP status code {status}")
    denied = address_set(config.source_range, "CIDRs")
    source = ip_strategy(config.ip_strategy)
    if isinstance(source, RemoteAddress) and source.subnet is None:
        return PeerDenyList(denied, status, next)
    return SourceDenyList(source, denied, status, next)
