"""`ipAllowList`, and its older name `ipWhiteList`: only clients from these addresses."""

from __future__ import annotations

from collections.abc import Awaitable

from trafficcop.config.middlewares import IPAllowList as Configuration
from trafficcop.config.middlewares import IPWhiteList
from trafficcop.http.messages import Handler, Ready, Request, Response, bare_response
from trafficcop.http.status import STATUS_TEXT
from trafficcop.middleware.context import MiddlewareContext
from trafficcop.middleware.source import AddressSet, RemoteAddress, Source, ip_strategy


class PeerAllowList:
    """Judges the peer itself, whose address is a number already."""

    __slots__ = ("_allowed", "_status", "next")

    def __init__(self, allowed: AddressSet, status: int, next: Handler) -> None:
        self._allowed = allowed
        self._status = status
        self.next = next

    def __call__(self, request: Request) -> Awaitable[Response]:
        peer = request.peer
        number = peer.number
        if self._allowed.has_number(peer.learn_number() if number is None else number):
            return self.next(request)
        return Ready(bare_response(self._status, STATUS_TEXT[self._status]))


class SourceAllowList:
    """Judges the address that an IP strategy names."""

    __slots__ = ("_allowed", "_source", "_status", "next")

    def __init__(self, source: Source, allowed: AddressSet, status: int, next: Handler) -> None:
        self._source = source
        self._allowed = allowed
        self._status = status
        self.next = next

    def __call__(self, request: Request) -> Awaitable[Response]:
        if self._allowed.has(without_port(self._source(request))):
            return self.next(request)
        return Ready(bare_response(self._status, STATUS_TEXT[self._status]))


def without_port(text: str) -> str:
    """`192.0.2.1:80` and `[2001:db8::1]:80` without their ports; others as they are."""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        return host if bracket and rest.startswith(":") else text
    host, _, _ = text.partition(":")
    return host if text.count(":") == 1 else text


def build(config: Configuration, context: MiddlewareContext, next: Handler) -> Handler:
    if not config.source_range:
        raise ValueError("sourceRange is empty, IPAllowLister not created")
    status = config.reject_status_code or 403
    if status not in STATUS_TEXT:
        raise ValueError(f"invalid HTTP status code {status}")
    allowed = address_set(config.source_range, "CIDRs")
    return _allow_list(ip_strategy(config.ip_strategy), allowed, status, next)


def build_white_list(config: IPWhiteList, context: MiddlewareContext, next: Handler) -> Handler:
    """The same under its former name, with its own texts."""
    if not config.source_range:
        raise ValueError("sourceRange is empty, IPWhiteLister not created")
    allowed = address_set(config.source_range, "CIDR whitelist")
    return _allow_list(ip_strategy(config.ip_strategy), allowed, 403, next)


def address_set(texts: tuple[str, ...], noun: str) -> AddressSet:
    """The addresses and ranges of an option; ValueError in Traefik's words, which call them `noun`."""
    try:
        return AddressSet(texts)
    except ValueError as error:
        raise ValueError(f"cannot parse {noun} [{' '.join(texts)}]: {error}") from None


def _allow_list(source: Source, allowed: AddressSet, status: int, next: Handler) -> Handler:
    if isinstance(source, RemoteAddress) and source.subnet is None:
        return PeerAllowList(allowed, status, next)
    return SourceAllowList(source, allowed, status, next)
