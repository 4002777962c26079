"""Which exchanges reach the access log: Traefik's filters, any of which keeps a line, and ours, all of which must."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Sequence

from trafficcop.config.observability import AccessLogFilters
from trafficcop.telemetry.access_record import AccessRecord
from trafficcop.telemetry.log import fields

Condition = Callable[[AccessRecord], bool]
Complain = Callable[..., None]


class AccessFilter:
    """Keeps a line when all `narrow` conditions hold, and any of the `wide` ones if there are some."""

    __slots__ = ("_narrow", "_wide")

    def __init__(self, narrow: Sequence[Condition], wide: Sequence[Condition]) -> None:
        self._narrow = tuple(narrow)
        self._wide = tuple(wide)

    def is_kept(self, record: AccessRecord) -> bool:
        for condition in self._narrow:
            if not condition(record):
                return False
        return not self._wide or any(condition(record) for condition in self._wide)


def filter_of(config: AccessLogFilters, complain: Complain) -> AccessFilter | None:
    """None when everything is kept. What cannot be understood is complained of and left out."""
    wide = list(_wide(config, complain))
    narrow = list(_narrow(config, complain))
    return AccessFilter(narrow, wide) if wide or narrow else None


# === Traefik's (`pkg/middlewares/accesslog/logger.go`) ===


def _wide(config: AccessLogFilters, complain: Complain) -> Iterable[Condition]:
    try:
        statuses = statuses_of(config.status_codes)
    except ValueError as error:
        complain("invalid status codes in the access log filters", extra=fields(error=str(error)))
        statuses = frozenset()
    if statuses:
        yield lambda record: record.downstream_status in statuses
    if config.retry_attempts:
        yield lambda record: record.retry_attempts > 0
    if config.min_duration > 0:
        least = config.min_duration
        yield lambda record: record.duration > least


def statuses_of(ranges: tuple[str, ...]) -> frozenset[int]:
    """`("404", "500-599")` as the set of statuses; ValueError when one is not a number or a range."""
    statuses: set[int] = set()
    for text in ranges:
        low, _, high = text.partition("-")
        try:
            statuses.update(range(int(low), min(int(high or low), 999) + 1))
        except ValueError:
            raise ValueError(f"{text!r} is neither a status nor a range such as 400-499") from None
    return frozenset(statuses)


# === ours ===


def _narrow(config: AccessLogFilters, complain: Complain) -> Iterable[Condition]:
    if config.routers:
        yield _Names(config.routers, _router_names).is_kept
    if config.entry_points:
        yield _Names(config.entry_points, lambda record: (record.entry_point,)).is_kept
    if config.methods:
        methods = tuple(text.upper() for text in config.methods)
        yield _Names(methods, lambda record: (record.original_method.decode("latin-1"),)).is_kept
    if config.paths:
        yield _Names(config.paths, _paths).is_kept
    if config.client_ips:
        try:
            yield _Clients(config.client_ips).is_kept
        except ValueError as error:
            complain("invalid client IPs in the access log filters", extra=fields(error=str(error)))


def parted(texts: Iterable[str]) -> tuple[list[str], list[str]]:
    """Those to keep, and those behind a `!`, to leave out."""
    wanted, unwanted = [], []
    for text in texts:
        if text.startswith("!"):
            unwanted.append(text[1:].strip())
        else:
            wanted.append(text)
    return wanted, unwanted


class _Names:
    """Keeps what some wanted pattern fits (anything, if none is given) and no unwanted one; `*` is any text."""

    __slots__ = ("_names", "_unwanted", "_wanted")

    def __init__(self, patterns: Iterable[str], names: Callable[[AccessRecord], tuple[str, ...]]) -> None:
        wanted, unwanted = parted(patterns)
        self._wanted = _pattern(wanted)
        self._unwanted = _pattern(unwanted)
        self._names = names

    def is_kept(self, record: AccessRecord) -> bool:
        names = self._names(record)
        if self._unwanted is not None and any(map(self._unwanted, names)):
            return False
        return self._wanted is None or any(map(self._wanted, names))


def _pattern(texts: list[str]) -> Callable[[str], object] | None:
    if not texts:
        return None
    return re.compile("|".join(map(_expression, texts)), re.DOTALL).fullmatch


def _expression(text: str) -> str:
    """What is between two `*` is taken where it comes first and never looked for again: clients choose the paths."""
    first, *more = map(re.escape, text.split("*"))
    if not more:
        return first
    return first + "".join([f"(?>.*?{part})" for part in more[:-1]]) + ".*" + more[-1]


def _router_names(record: AccessRecord) -> tuple[str, ...]:
    """With and without the provider; none when no router took the request."""
    route = record.request.route
    return () if route is None else (route.name, route.name.rpartition("@")[0])


def _paths(record: AccessRecord) -> tuple[str, ...]:
    return (record.original_target.partition(b"?")[0].decode("latin-1"),)


_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class _Clients:
    """The same by address: that of the client, or the first of X-Forwarded-For where its sender is trusted."""

    __slots__ = ("_unwanted", "_wanted")

    def __init__(self, ranges: Iterable[str]) -> None:
        wanted, unwanted = parted(ranges)
        self._wanted = [ipaddress.ip_network(text, strict=False) for text in wanted]
        self._unwanted = [ipaddress.ip_network(text, strict=False) for text in unwanted]

    def is_kept(self, record: AccessRecord) -> bool:
        text = record.forwarded_for.split(b",", 1)[0].strip() or record.request.peer.ip
        try:
            address = ipaddress.ip_address(text.decode("latin-1"))
        except ValueError:
            return not self._wanted
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        if any(address in network for network in self._unwanted):
            return False
        return not self._wanted or any(address in network for network in self._wanted)
