"""Whose request it is: a client address chosen by an IP strategy, a header or the host (`sourceCriterion`)."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable

from trafficcop.config.middlewares import IPStrategy, SourceCriterion
from trafficcop.http.addresses import Range, address_number, address_range
from trafficcop.http.messages import Request

Source = Callable[[Request], str]


class AddressSet:
    """Addresses and ranges, asked whether an address is among them."""

    __slots__ = ("_ranges",)

    def __init__(self, texts: Iterable[str]) -> None:
        ranges: list[Range] = []
        for text in texts:
            try:
                ranges.append(address_range(text))
            except ValueError:
                raise ValueError(f"parsing CIDR trusted IPs <nil>: invalid CIDR address: {text}") from None
        self._ranges = tuple(ranges)

    def has_number(self, number: int) -> bool:
        return any(number & mask == network for mask, network in self._ranges)

    def has(self, text: str) -> bool:
        """False for what is no address."""
        return self.has_number(address_number(text))


class RemoteAddress:
    """The peer's address; `subnet` makes one source of all IPv6 addresses that share so many bits."""

    __slots__ = ("subnet",)

    def __init__(self, subnet: int | None = None) -> None:
        self.subnet = subnet

    def __call__(self, request: Request) -> str:
        return in_subnet(request.peer.text, self.subnet)


class Depth:
    """The n-th address of X-Forwarded-For from the right, "" if there are fewer."""

    __slots__ = ("_depth", "_subnet")

    def __init__(self, depth: int, subnet: int | None) -> None:
        self._depth = depth
        self._subnet = subnet

    def __call__(self, request: Request) -> str:
        addresses = _forwarded_for(request)
        if len(addresses) < self._depth:
            return ""
        return in_subnet(addresses[-self._depth].strip(), self._subnet)


class Pool:
    """The rightmost address of X-Forwarded-For that is not one of our own proxies, "" if there is none."""

    __slots__ = ("_excluded",)

    def __init__(self, excluded: AddressSet) -> None:
        self._excluded = excluded

    def __call__(self, request: Request) -> str:
        for text in reversed(_forwarded_for(request)):
            address = text.strip()
            if address and not self._excluded.has(address):
                return address
        return ""


class HeaderValue:
    """The first value of a header, "" without it."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name.encode()

    def __call__(self, request: Request) -> str:
        return (request.headers.get(self._name) or b"").decode("latin-1")


class RequestHost:
    """The host as the client sent it, with its port."""

    __slots__ = ()

    def __call__(self, request: Request) -> str:
        return request.authority.decode("latin-1")


def _forwarded_for(request: Request) -> list[str]:
    return (request.headers.get(b"X-Forwarded-For") or b"").decode("latin-1").split(",")


def in_subnet(text: str, subnet: int | None) -> str:
    """The first address of an IPv6 address's subnet; other texts as they are."""
    if subnet is None or ":" not in text:
        return text
    try:
        network = ipaddress.IPv6Network((text.partition("%")[0], subnet), strict=False)
    except ValueError:
        return text
    return str(network.network_address)


def ip_strategy(config: IPStrategy | None) -> Source:
    """The client's address as `ipStrategy` finds it; ValueError for options that contradict one another."""
    if config is None:
        return RemoteAddress()
    subnet = config.ipv6_subnet
    if subnet is not None and not 0 < subnet <= 128:
        raise ValueError(f"invalid IPv6 subnet {subnet} value, should be greater to 0 and lower or equal to 128")
    if config.depth > 0:
        return Depth(config.depth, subnet)
    if config.excluded_ips:
        return Pool(AddressSet(config.excluded_ips))
    return RemoteAddress(subnet)


class Several:
    """What several criteria say, together: requests that agree in all of them are of one source."""

    __slots__ = ("_sources",)

    def __init__(self, sources: list[Source]) -> None:
        self._sources = sources

    def __call__(self, request: Request) -> str:
        return "\0".join([source(request) for source in self._sources])


def source_criteria(several: tuple[SourceCriterion, ...], one: SourceCriterion | None) -> Source:
    """`sourceCriteria`, which are ours, or else Traefik's `sourceCriterion`; ValueError for both."""
    if not several:
        return source_criterion(one)
    if one is not None:
        raise ValueError("sourceCriterion and sourceCriteria are mutually exclusive")
    return Several([source_criterion(config) for config in several])


def source_criterion(config: SourceCriterion | None) -> Source:
    """The remote address unless something else is asked for; ValueError if two things are."""
    if config is None:
        return RemoteAddress()
    if config.ip_strategy is not None and config.request_header_name:
        raise ValueError("iPStrategy and RequestHeaderName are mutually exclusive")
    if config.ip_strategy is not None and config.request_host:
        raise ValueError("iPStrategy and RequestHost are mutually exclusive")
    if config.request_header_name and config.request_host:
        raise ValueError("requestHost and RequestHeaderName are mutually exclusive")
    if config.request_header_name:
        return HeaderValue(config.request_header_name)
    if config.request_host:
        return RequestHost()
    return ip_strategy(config.ip_strategy)
