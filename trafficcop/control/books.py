"""Everything of a configuration that is compiled: an entry for each object, good or broken."""

from __future__ import annotations

from collections.abc import Iterable

from trafficcop.config.datagrams import UDPMiddleware
from trafficcop.config.dynamic import Service
from trafficcop.config.lazy import dataclass
from trafficcop.config.middlewares import Middleware
from trafficcop.config.stream import TCPMiddleware, TCPRouter, TCPService, UDPRouter, UDPService
from trafficcop.control.entry_point_models import EntryPoints
from trafficcop.control.ledger import Entry, Section, entries_of
from trafficcop.control.merge import Merged
from trafficcop.control.names import qualify
from trafficcop.control.spread import SECTION as ROUTERS
from trafficcop.control.spread import RouterEntry, spread
from trafficcop.control.streams import TCP_MIDDLEWARES, TCP_ROUTERS, TCP_SERVICES, StreamRouter
from trafficcop.control.udp import UDP_MIDDLEWARES, UDP_ROUTERS, UDP_SERVICES, UDPRouterEntry
from trafficcop.errors import Issue

SERVICES = ("http", "services")
MIDDLEWARES = ("http", "middlewares")

Broken = dict[Section, dict[str, list[str]]]


@dataclass(frozen=True, slots=True)
class Books:
    """The entries by qualified name."""

    routers: dict[str, RouterEntry]
    services: dict[str, Entry[Service]]
    middlewares: dict[str, Entry[Middleware]]
    tcp_routers: dict[str, StreamRouter]
    tcp_services: dict[str, Entry[TCPService]]
    tcp_middlewares: dict[str, Entry[TCPMiddleware]]
    udp_routers: dict[str, UDPRouterEntry]
    udp_services: dict[str, Entry[UDPService]]
    udp_middlewares: dict[str, Entry[UDPMiddleware]]


def open_books(merged: Merged, issues: Iterable[Issue], entry_points: EntryPoints) -> Books:
    """An entry for every object there is. `issues` tell of those that could not even be decoded."""
    broken = _broken(issues)

    def of(section: Section) -> dict[str, list[str]]:
        return broken.get(section, {})

    tcp_routers = {name: StreamRouter(name, router) for name, router in merged.tcp_routers.items()}
    udp_routers = {name: UDPRouterEntry(name, router) for name, router in merged.udp_routers.items()}
    for name, errors in of(TCP_ROUTERS).items():
        _blame_all(tcp_routers.setdefault(name, StreamRouter(name, TCPRouter())), errors)
    for name, errors in of(UDP_ROUTERS).items():
        _blame_all(udp_routers.setdefault(name, UDPRouterEntry(name, UDPRouter())), errors)
    return Books(
        routers=spread(merged.routers, of(ROUTERS), entry_points),
        services=entries_of(SERVICES, merged.services, of(SERVICES), Service()),
        middlewares=entries_of(MIDDLEWARES, merged.middlewares, of(MIDDLEWARES), Middleware()),
        tcp_routers=tcp_routers,
        tcp_services=entries_of(TCP_SERVICES, merged.tcp_services, of(TCP_SERVICES), TCPService()),
        tcp_middlewares=entries_of(TCP_MIDDLEWARES, merged.tcp_middlewares, of(TCP_MIDDLEWARES), TCPMiddleware()),
        udp_routers=udp_routers,
        udp_services=entries_of(UDP_SERVICES, merged.udp_services, of(UDP_SERVICES), UDPService()),
        udp_middlewares=entries_of(UDP_MIDDLEWARES, merged.udp_middlewares, of(UDP_MIDDLEWARES), UDPMiddleware()),
    )


def _broken(issues: Iterable[Issue]) -> Broken:
    """The errors of objects that could not be decoded, by section and qualified name."""
    broken: Broken = {}
    for issue in issues:
        if len(issue.owner) == 3 and not issue.is_warning:
            protocol, kind, name = issue.owner
            errors = broken.setdefault((protocol, kind), {}).setdefault(qualify(name, "file"), [])
            errors.append(f"{issue.path}: {issue.message}" if issue.path else issue.message)
    return broken


def _blame_all(entry: Entry[TCPRouter] | Entry[UDPRouter], errors: Iterable[str]) -> None:
    for error in errors:
        entry.blame(error)
