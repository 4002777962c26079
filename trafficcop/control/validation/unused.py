"""Objects that nobody uses: what no router reaches, directly or through others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from trafficcop.config.dynamic import Service
from trafficcop.config.middlewares import Middleware
from trafficcop.config.stream import TCPService, UDPService
from trafficcop.control.books import Books
from trafficcop.control.ledger import Section
from trafficcop.control.merge import DEFAULT, Merged
from trafficcop.control.middlewares import qualified as qualified_middleware
from trafficcop.control.names import is_internal, provider_of, qualify
from trafficcop.control.router_tls import options_name
from trafficcop.control.services import qualified as qualified_service
from trafficcop.control.spread import service_of
from trafficcop.control.streams import options_name as stream_options_name

Object = tuple[Section, str]  # (("http", "services"), "web@file")

_OPTIONS = ("tls", "options")
_STORES = ("tls", "stores")


def unused(books: Books, merged: Merged) -> Iterator[tuple[Object, str]]:
    """Every object without a use, and why that is so."""
    uses = {**_http(books), **_streams(books)}
    reached = _reach(_roots(books), uses)
    users = {used: user for user, items in uses.items() for used in items if used != user}
    for item in _objects(books, merged):
        if item not in reached and not is_internal(item[1]):
            yield item, _reason(item[0], users.get(item))


def _reach(roots: Iterable[Object], uses: Mapping[Object, Sequence[Object]]) -> set[Object]:
    found: set[Object] = set()
    todo = list(roots)
    while todo:
        item = todo.pop()
        if item not in found:
            found.add(item)
            todo.extend(uses.get(item, ()))
    return found


def _reason(section: Section, user: Object | None) -> str:
    if section == _STORES:
        return "it is never used: certificates are served from the store `default` only"
    if section == _OPTIONS:
        return "no router and no entry point uses these TLS options"
    what = section[1].removesuffix("s")
    if user is None:
        return f"nobody uses this {what}"
    return f"only {user[1]} uses this {what}, and nobody uses that"


def _objects(books: Books, merged: Merged) -> Iterator[Object]:
    """What can be without a use, in the order in which it was written."""
    sections: Mapping[Section, Iterable[str]] = {
        ("http", "services"): books.services,
        ("http", "middlewares"): books.middlewares,
        ("http", "serversTransports"): merged.transports,
        ("tcp", "services"): books.tcp_services,
        ("tcp", "middlewares"): books.tcp_middlewares,
        ("tcp", "serversTransports"): merged.tcp_transports,
        ("udp", "services"): books.udp_services,
        ("udp", "middlewares"): books.udp_middlewares,
        _OPTIONS: (name for name in merged.tls_options if name != DEFAULT),
        _STORES: (name for name in merged.tls_stores if name != DEFAULT),
    }
    return ((section, name) for section, names in sections.items() for name in names)


def _roots(books: Books) -> Iterator[Object]:
    """What routers name, good ones and broken ones."""
    for router in books.routers.values():
        yield ("http", "services"), service_of(router)
        yield from ((("http", "middlewares"), name) for name in router.middlewares)
        if router.tls is not None:
            yield _OPTIONS, options_name(router)
    for tcp in books.tcp_routers.values():
        yield ("tcp", "services"), qualify(tcp.config.service, provider_of(tcp.name))
        yield from ((("tcp", "middlewares"), name) for name in tcp.middlewares)
        if tcp.config.tls is not None:
            yield _OPTIONS, stream_options_name(tcp)
    for udp in books.udp_routers.values():
        yield ("udp", "services"), qualify(udp.config.service, provider_of(udp.name))
        yield from ((("udp", "middlewares"), name) for name in udp.middlewares)


def _http(books: Books) -> dict[Object, list[Object]]:
    """What HTTP services and middlewares use."""
    uses: dict[Object, list[Object]] = {}
    for name, service in books.services.items():
        uses[("http", "services"), name] = list(_used_by_service(qualified_service(name, service.config)))
    for name, middleware in books.middlewares.items():
        uses[("http", "middlewares"), name] = list(_used_by_middleware(qualified_middleware(name, middleware.config)))
    return uses


def _used_by_service(service: Service) -> Iterator[Object]:
    if service.load_balancer is not None and service.load_balancer.servers_transport:
        yield ("http", "serversTransports"), service.load_balancer.servers_transport
    names: list[str] = []
    for group in (service.weighted, service.highest_random_weight):
        names += [child.name for child in group.services] if group is not None else []
    if service.mirroring is not None:
        names += [service.mirroring.service, *(mirror.name for mirror in service.mirroring.mirrors)]
    if service.failover is not None:
        names += [service.failover.service, service.failover.fallback]
    yield from ((("http", "services"), name) for name in names)
    yield from ((("http", "middlewares"), name) for name in service.middlewares)


def _used_by_middleware(middleware: Middleware) -> Iterator[Object]:
    if middleware.chain is not None:
        yield from ((("http", "middlewares"), name) for name in middleware.chain.middlewares)
    if middleware.errors is not None:
        yield ("http", "services"), middleware.errors.service


def _streams(books: Books) -> dict[Object, list[Object]]:
    """What TCP and UDP services use."""
    uses: dict[Object, list[Object]] = {}
    for name, tcp in books.tcp_services.items():
        used = _children("tcp", name, tcp.config)
        balancer = tcp.config.load_balancer
        if balancer is not None and balancer.servers_transport:
            used.append((("tcp", "serversTransports"), qualify(balancer.servers_transport, provider_of(name))))
        uses[("tcp", "services"), name] = used
    for name, udp in books.udp_services.items():
        uses[("udp", "services"), name] = _children("udp", name, udp.config)
    return uses


def _children(protocol: str, name: str, service: TCPService | UDPService) -> list[Object]:
    if service.weighted is None:
        return []
    return [((protocol, "services"), qualify(child.name, provider_of(name))) for child in service.weighted.services]
