"""The matchers of UDP routers: nothing but the client's address is known of a datagram."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from trafficcop.http.addresses import Range
from trafficcop.rules import combine
from trafficcop.rules.arguments import ranges
from trafficcop.rules.ast import Matcher, Node


class Sender(Protocol):
    """Whoever sends datagrams; `number` is that of the address (`http/addresses.py`)."""

    @property
    def number(self) -> int: ...


UDPMatcher = Callable[[Sender], bool]


class SenderIsIn:
    """The client's address is in one of the ranges."""

    __slots__ = ("_ranges",)

    def __init__(self, found: Iterable[Range]) -> None:
        self._ranges = tuple(found)

    def __call__(self, sender: Sender) -> bool:
        number = sender.number
        return any(number & mask == network for mask, network in self._ranges)


def _client_ip(arguments: tuple[str, ...]) -> UDPMatcher:
    return SenderIsIn(ranges(arguments, "ClientIP"))


def _everybody(arguments: tuple[str, ...]) -> UDPMatcher:
    return combine.Always()


UDP: Mapping[str, Callable[[tuple[str, ...]], UDPMatcher]] = {"ClientIP": _client_ip, "*": _everybody}


def _leaf(leaf: Matcher) -> UDPMatcher:
    return UDP[leaf.name](leaf.arguments)


def link_udp(node: Node) -> UDPMatcher:
    """A tree as a predicate over the client of a session."""
    return combine.link(node, _leaf)
