"""Configuration → (Plan, Report). Pure: a mistake of a user is an entry of the Report, never an exception."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from trafficcop.config.datagrams import UDPMiddleware
from trafficcop.config.dynamic import DynamicConfiguration, Service
from trafficcop.config.middlewares import Middleware
from trafficcop.config.static import StaticConfiguration
from trafficcop.config.stream import TCPMiddleware, TCPRouter, TCPService, UDPRouter, UDPService
from trafficcop.control.certificates import CertificateChecks
from trafficcop.control.entry_point_models import EntryPoints, read_entry_points
from trafficcop.control.internal import internal_configuration
from trafficcop.control.ledger import Entry, Ledger, Section, entries_of
from trafficcop.control.merge import Merged, merge
from trafficcop.control.middlewares import Middlewares
from trafficcop.control.names import Ranks, is_internal, qualify
from trafficcop.control.pairs import PairBook
from trafficcop.control.places import NO_PLACES, Places
from trafficcop.control.reporting import Books, report
from trafficcop.control.router_tls import other_hosts, settle
from trafficcop.control.router_tree import grow
from trafficcop.control.routers import Routers
from trafficcop.control.rule_book import RuleBook
from trafficcop.control.services import Services, internal_services, unchecked
from trafficcop.control.spread import SECTION as ROUTERS
from trafficcop.control.spread import spread
from trafficcop.control.streams import (
    TCP_MIDDLEWARES,
    TCP_ROUTERS,
    TCP_SERVICES,
    StreamRouter,
)
from trafficcop.control.tcp import TCPCompiler, TCPObjects
from trafficcop.control.transports import read_stream_transports, read_transports
from trafficcop.control.udp import (
    UDP_MIDDLEWARES,
    UDP_ROUTERS,
    UDP_SERVICES,
    UDPObjects,
    UDPRouterEntry,
    compile_udp,
)
from trafficcop.errors import Issue
from trafficcop.plan.model import Plan
from trafficcop.plan.report import Report
from trafficcop.plan.tls import TLSPlan
from trafficcop.tls.contexts import Certificate

SERVICES = ("http", "services")
MIDDLEWARES = ("http", "middlewares")

Broken = dict[Section, dict[str, list[str]]]


def compile(  # noqa: A001 - the verb of this stage everywhere in the project
    static: StaticConfiguration,
    configurations: Mapping[str, DynamicConfiguration],
    issues: Sequence[Issue] = (),
    places: Places = NO_PLACES,
    rules: RuleBook | None = None,
    pairs: PairBook | None = None,
    generate: Callable[[], Certificate] | None = None,
) -> tuple[Plan, Report]:
    """Resolve and check everything. `static` is the effective one; `issues` is what the providers have to tell.

    What cannot work is left out of the Plan and stands in the Report as Traefik's API shows it. Issues with an `owner`
    (`("http", "routers", "web@file")`) name objects that could not even be decoded. `generate` makes the certificate
    for names that have none; without it each worker does.
    """
    rules = rules or RuleBook()
    rules.turn()
    pairs = pairs or PairBook()
    pairs.turn()
    own, mistakes = internal_configuration(static)
    merged = merge({**configurations, "internal": own})
    ledger = Ledger(places)
    ledger.issues.extend((*issues, *merged.issues))
    for path, text in mistakes:
        ledger.tell_static(path, text)
    certificates = CertificateChecks(merged, places, pairs)
    certificates.options()
    certificates.certificates()
    transports = read_transports(merged.transports, certificates, pairs, has_spiffe=static.spiffe is not None)
    stream_transports = read_stream_transports(
        merged.tcp_transports, certificates, pairs, has_spiffe=static.spiffe is not None
    )
    options = certificates.errors
    ledger.issues.extend(certificates.issues)
    entry_points = read_entry_points(static)
    broken = _broken(issues)
    books = _open(merged, broken, entry_points)
    books = replace(books, routers=settle(books.routers, rules, ledger))
    plan = _compile_http(static, merged, books, options, rules, entry_points, ledger)
    tcp = TCPCompiler(_tcp_objects(books, merged), entry_points, rules, ledger, Ranks(static.providers.precedence))
    streams = tcp.compile(options, has_spiffe=static.spiffe is not None)
    plan = replace(
        plan,
        transports=transports,
        tcp_routers=streams.routers,
        tcp_services=streams.services,
        tcp_middlewares=streams.middlewares,
        tcp_transports=stream_transports,
    )
    udp = compile_udp(
        UDPObjects(books.udp_routers, books.udp_services, books.udp_middlewares), entry_points, rules, ledger
    )
    has_tls = any(router.is_tls for router in plan.routers) or any(one.tls for one in merged.tcp_routers.values())
    plan = replace(
        plan,
        certificates=tuple(certificates.stored),
        tls=TLSPlan(
            options=certificates.good,
            hosts=other_hosts(books.routers.values(), plan.routers, certificates.good),
            default=certificates.default_or(generate if has_tls else None),
            is_default_broken=certificates.is_default_broken,
        ),
        udp_routers=udp.routers,
        udp_services=udp.services,
        udp_middlewares=udp.middlewares,
    )
    return plan, replace(report(books, ledger.issues, plan.services), certificates=certificates.chains())


def _tcp_objects(books: Books, merged: Merged) -> TCPObjects:
    return TCPObjects(books.tcp_routers, books.tcp_services, books.tcp_middlewares, merged.tcp_transports)


def _broken(issues: Iterable[Issue]) -> Broken:
    """The errors of objects that could not be decoded, by section and qualified name."""
    broken: Broken = {}
    for issue in issues:
        if len(issue.owner) == 3 and not issue.is_warning:
            protocol, kind, name = issue.owner
            errors = broken.setdefault((protocol, kind), {}).setdefault(qualify(name, "file"), [])
            errors.append(f"{issue.path}: {issue.message}" if issue.path else issue.message)
    return broken


def _open(merged: Merged, broken: Broken, entry_points: EntryPoints) -> Books:
    """An entry for every object there is, good or broken."""

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


def _blame_all(entry: Entry[TCPRouter] | Entry[UDPRouter], errors: Iterable[str]) -> None:
    for error in errors:
        entry.blame(error)


def _compile_http(
    static: StaticConfiguration,
    merged: Merged,
    books: Books,
    options: Mapping[str, str],
    rules: RuleBook,
    entry_points: EntryPoints,
    ledger: Ledger,
) -> Plan:
    stack: list[str] = []
    services = Services(books.services, merged.transports, internal_services(static), ledger, stack)
    middlewares = Middlewares(books.middlewares, services, ledger, stack)
    grow(books.routers, ledger)
    ranks = Ranks(static.providers.precedence)
    routers = Routers(entry_points, services, middlewares, options, ranks, rules, ledger)
    plans = tuple(routers.compile(books.routers))
    plan = Plan(
        routers=plans,
        services=dict(services.plans),
        middlewares=dict(middlewares.plans),
    )
    _probe(books, services, middlewares)
    services.check_middlewares = unchecked  # they know each other no more: nothing is left for the collector
    return plan


def _probe(books: Books, services: Services, middlewares: Middlewares) -> None:
    """Check what no router uses, to tell its mistakes; its status stays as it was, as in Traefik."""
    for name, service in books.services.items():
        if not services.is_checked(name) and not service.is_disabled and not is_internal(name):
            services.check(name)
            _acquit(service)
    for name, middleware in books.middlewares.items():
        if not middlewares.is_checked(name) and not middleware.is_disabled:
            middlewares.check(name)
            _acquit(middleware)


def _acquit(entry: Entry[Service] | Entry[Middleware]) -> None:
    entry.errors = []
    entry.is_disabled = False
