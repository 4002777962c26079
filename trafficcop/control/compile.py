"""Configuration → (Plan, Report). Pure: a mistake of a user is an entry of the Report, never an exception."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from trafficcop.config.dynamic import DynamicConfiguration, Service
from trafficcop.config.middlewares import Middleware
from trafficcop.config.static import StaticConfiguration
from trafficcop.control.books import open_books
from trafficcop.control.certificates import CertificateChecks
from trafficcop.control.entry_point_models import read_entry_points
from trafficcop.control.internal import internal_configuration
from trafficcop.control.ledger import Entry, Ledger
from trafficcop.control.merge import Merged, merge
from trafficcop.control.middlewares import Middlewares
from trafficcop.control.names import Ranks, is_internal
from trafficcop.control.pairs import PairBook
from trafficcop.control.places import NO_PLACES, Places
from trafficcop.control.reporting import report
from trafficcop.control.router_tls import other_hosts, settle
from trafficcop.control.router_tree import grow
from trafficcop.control.routers import Routers
from trafficcop.control.rule_book import RuleBook
from trafficcop.control.services import Services, internal_services, unchecked
from trafficcop.control.tcp import TCPCompiler, TCPObjects
from trafficcop.control.transports import read_stream_transports, read_transports
from trafficcop.control.udp import UDPObjects, compile_udp
from trafficcop.errors import Issue
from trafficcop.plan.model import Plan
from trafficcop.plan.report import Report
from trafficcop.plan.tls import TLSPlan
from trafficcop.tls.contexts import Certificate


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
    return begin(static, configurations, issues, places, rules or RuleBook(), pairs or PairBook()).outcome(generate)


def begin(
    static: StaticConfiguration,
    configurations: Mapping[str, DynamicConfiguration],
    issues: Sequence[Issue],
    places: Places,
    rules: RuleBook,
    pairs: PairBook,
) -> Compilation:
    """A compilation of everything that was provided; certificates are read."""
    rules.turn()
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
    return Compilation(static, merged, issues, rules, ledger, certificates)


class Compilation:
    """What its stages share. Each returns the plan it was given with its own part added.

    `books`, `merged`, `ledger` and `certificates` are for who wants to know more than the outcome: `--validate`.
    """

    def __init__(
        self,
        static: StaticConfiguration,
        merged: Merged,
        issues: Sequence[Issue],
        rules: RuleBook,
        ledger: Ledger,
        certificates: CertificateChecks,
    ) -> None:
        self._static = static
        self.merged = merged
        self._rules = rules
        self.ledger = ledger
        self.certificates = certificates
        self._entry_points = read_entry_points(static)
        self._has_spiffe = static.spiffe is not None
        self._ranks = Ranks(static.providers.precedence)
        books = open_books(merged, issues, self._entry_points)
        self.books = replace(books, routers=settle(books.routers, rules, ledger))

    def outcome(self, generate: Callable[[], Certificate] | None) -> tuple[Plan, Report]:
        plan = self._transports(Plan())
        plan = self._http(plan)
        plan = self._tcp(plan)
        plan = self._udp(plan)
        plan = self._tls(plan, generate)
        outcome = report(self.books, self.ledger.issues, plan)
        return plan, replace(outcome, certificates=self.certificates.chains())

    def _transports(self, plan: Plan) -> Plan:
        """How servers are connected to; with them everything that is read as a certificate has been read."""
        certificates, has_spiffe = self.certificates, self._has_spiffe
        merged, pairs = self.merged, certificates.pairs
        plan = replace(
            plan,
            transports=read_transports(merged.transports, certificates, pairs, has_spiffe=has_spiffe),
            tcp_transports=read_stream_transports(merged.tcp_transports, certificates, pairs, has_spiffe=has_spiffe),
        )
        self.ledger.issues.extend(certificates.issues)
        return plan

    def _http(self, plan: Plan) -> Plan:
        books, ledger = self.books, self.ledger
        stack: list[str] = []
        services = Services(books.services, self.merged.transports, internal_services(self._static), ledger, stack)
        middlewares = Middlewares(books.middlewares, services, ledger, stack)
        grow(books.routers, ledger)
        options = self.certificates.errors
        routers = Routers(self._entry_points, services, middlewares, options, self._ranks, self._rules, ledger)
        plans = tuple(routers.compile(books.routers))
        # What the checks of unused objects below still find is told, and not served.
        plan = replace(plan, routers=plans, services=dict(services.plans), middlewares=dict(middlewares.plans))
        _probe(books.services, services, books.middlewares, middlewares)
        services.check_middlewares = unchecked  # they know each other no more: nothing is left for the collector
        return plan

    def _tcp(self, plan: Plan) -> Plan:
        books = self.books
        objects = TCPObjects(books.tcp_routers, books.tcp_services, books.tcp_middlewares, self.merged.tcp_transports)
        compiler = TCPCompiler(objects, self._entry_points, self._rules, self.ledger, self._ranks)
        tcp = compiler.compile(self.certificates.errors, has_spiffe=self._has_spiffe)
        return replace(plan, tcp_routers=tcp.routers, tcp_services=tcp.services, tcp_middlewares=tcp.middlewares)

    def _udp(self, plan: Plan) -> Plan:
        books = self.books
        objects = UDPObjects(books.udp_routers, books.udp_services, books.udp_middlewares)
        udp = compile_udp(objects, self._entry_points, self._rules, self.ledger)
        return replace(plan, udp_routers=udp.routers, udp_services=udp.services, udp_middlewares=udp.middlewares)

    def _tls(self, plan: Plan, generate: Callable[[], Certificate] | None) -> Plan:
        """After the routers, which say what names are served and how."""
        certificates = self.certificates
        has_tls = any(router.is_tls for router in plan.routers) or any(
            router.tls for router in self.merged.tcp_routers.values()
        )
        tls = TLSPlan(
            options=certificates.good,
            hosts=other_hosts(self.books.routers.values(), plan.routers, certificates.good),
            default=certificates.default_or(generate if has_tls else None),
            is_default_broken=certificates.is_default_broken,
        )
        return replace(plan, certificates=tuple(certificates.stored), tls=tls)


def _probe(
    service_entries: Mapping[str, Entry[Service]],
    services: Services,
    middleware_entries: Mapping[str, Entry[Middleware]],
    middlewares: Middlewares,
) -> None:
    """Check what no router uses, to tell its mistakes; its status stays as it was, as in Traefik."""
    for name, service in service_entries.items():
        if not services.is_checked(name) and not service.is_disabled and not is_internal(name):
            services.check(name)
            _acquit(service)
    for name, middleware in middleware_entries.items():
        if not middlewares.is_checked(name) and not middleware.is_disabled:
            middlewares.check(name)
            _acquit(middleware)


def _acquit(entry: Entry[Service] | Entry[Middleware]) -> None:
    entry.errors = []
    entry.is_disabled = False
