"""HTTP routers → plans: entry points, priority, TLS options, rule, service, middlewares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from trafficcop.control.entry_point_models import EntryPoints
from trafficcop.control.internal import MAX_USER_PRIORITY
from trafficcop.control.ledger import Ledger
from trafficcop.control.middlewares import Middlewares
from trafficcop.control.names import Ranks, is_internal
from trafficcop.control.router_tls import options_name
from trafficcop.control.rule_book import RuleBook
from trafficcop.control.services import Services
from trafficcop.control.spread import RouterEntry, service_of, syntax_of
from trafficcop.plan.model import RouterPlan
from trafficcop.rules.ast import Node
from trafficcop.rules.errors import RuleError, without_guess
from trafficcop.rules.names import Syntax
from trafficcop.rules.parse import parse

_DEEPEST = 100


class Routers:
    """Compiles routers, roots first; every check is made, so that all mistakes are told at once."""

    def __init__(
        self,
        entry_points: EntryPoints,
        services: Services,
        middlewares: Middlewares,
        tls_options: Mapping[str, str],
        ranks: Ranks,
        rules: RuleBook,
        ledger: Ledger,
    ) -> None:
        self._entry_points = entry_points
        self._services = services
        self._middlewares = middlewares
        self._tls_options = tls_options  # by qualified name: the error of each, "" when it is good
        self._ranks = ranks
        self._rules = rules
        self._ledger = ledger
        self._parsed: dict[str, Node] = {}

    def compile(self, routers: Mapping[str, RouterEntry]) -> Iterator[RouterPlan]:
        """The plans of all routers that can serve, one for each of their entry points."""
        roots: list[RouterEntry] = []
        for entry in routers.values():
            if not entry.is_disabled or _is_torn(entry):
                if self._check(entry) and not entry.parents:
                    roots.append(entry)
            elif entry.config.rule and (not entry.parents or entry.entry_points):
                self._place(entry)  # the API shows where it would be
        for entry in roots:
            yield from self._plans(entry)

    def _place(self, entry: RouterEntry) -> None:
        if not entry.parents or entry.entry_points:
            self._bind(entry)
        if entry.priority == 0 and (entry.parents or entry.using):
            entry.priority = len(entry.config.rule.encode())

    def _check(self, entry: RouterEntry) -> bool:
        """Whether it can serve. All that is wrong is told; the API shows what stopped Traefik, which is the first of it
        in this order."""
        self._place(entry)
        checks = (self._check_priority, self._check_tls, self._check_service, self._check_middlewares, self._check_rule)
        errors = [error for check in checks if (error := check(entry))]
        if errors:
            entry.blame(errors[0])
        if entry.tls is not None and entry.name not in self._parsed:
            self._blame_domains(entry)
        return not errors

    def _blame_domains(self, entry: RouterEntry) -> None:
        """A rule of which not even the domains can be read is a mistake twice: TLS needs them, too."""
        rule = entry.config.rule
        try:
            parse(rule, syntax="v2" if syntax_of(entry) == "v2" else "v3")
        except RuleError as error:
            entry.blame(f"invalid rule {rule}, error: error while parsing rule {rule}: {without_guess(error.message)}")

    def _bind(self, entry: RouterEntry) -> None:
        known = self._entry_points.tcp
        for name in entry.entry_points:
            if name in known:
                entry.using.append(name)
                continue
            text = f'entryPoint "{name}" doesn\'t exist'
            index = entry.config.entry_points.index(name)
            entry.blame(text, is_critical=False)
            self._ledger.tell(entry, text + self._ledger.suggest(name, known), "entryPoints", index)
        if not entry.using and not entry.parents:
            text = "no valid entryPoint for this router"
            if entry.errors:  # told above
                entry.blame(text)
            else:
                self._ledger.fail(entry, text)
        elif len(entry.using) > 1:
            entry.using = sorted(set(entry.using))

    def _check_priority(self, entry: RouterEntry) -> str:
        if entry.priority <= MAX_USER_PRIORITY or is_internal(entry.name) or entry.parents:  # children cannot beat ours
            return ""
        text = f"the router priority {entry.priority} exceeds the max user-defined priority {MAX_USER_PRIORITY}"
        self._ledger.tell(entry, text, "priority")
        return text

    def _check_tls(self, entry: RouterEntry) -> str:
        if entry.tls is None:
            return ""
        resolver = entry.tls.cert_resolver
        if resolver and resolver not in self._entry_points.resolvers:
            text = f'certificates resolver "{resolver}" does not exist'
            near = self._ledger.suggest(resolver, self._entry_points.resolvers)
            self._ledger.tell(entry, text + near, "tls", "certResolver", is_warning=True)
        name = options_name(entry)
        error = self._tls_options.get(name)
        if error is None:
            text = f"building router handler: unknown TLS options: {name}"
            self._ledger.tell(entry, text + self._ledger.suggest(name, self._tls_options), "tls", "options")
            return text
        # What is wrong with options is told where they stand.
        return f"building router handler: building TLS config: {error}" if error else ""

    def _check_service(self, entry: RouterEntry) -> str:
        name = "" if entry.children else service_of(entry)
        error = self._services.check(name) if name else ""
        if error:
            if not self._services.exists(name):
                self._ledger.tell(entry, self._services.missing(name, error), "service")
            elif is_internal(name):
                self._ledger.tell(entry, error, "service")
        return error

    def _check_middlewares(self, entry: RouterEntry) -> str:
        """The last error, for a chain is built from its end. What the entry point gives is told where that stands,
        once for all of its routers."""
        count = entry.given_middlewares
        errors: list[str] = []
        for index, name in enumerate(entry.middlewares[:count]):
            error = self._middlewares.check(name)
            if error:
                errors.append(error)
                if name not in self._middlewares.entries:
                    path = ("entryPoints", entry.entry_points[0], "http", "middlewares", index)
                    self._ledger.tell_static(path, self._middlewares.missing(name, error))
        errors += self._middlewares.check_all(entry, entry.middlewares[count:])
        return errors[-1] if errors else ""

    def _check_rule(self, entry: RouterEntry) -> str:
        rule = entry.config.rule
        syntax: Syntax = "v2" if syntax_of(entry) == "v2" else "v3"
        try:
            self._parsed[entry.name] = self._rules.parse(rule, "http", syntax)
        except RuleError as error:
            self._ledger.tell_inside(entry, error.message, "rule", rule, error.column if error.line == 1 else 0)
            # What was meant is told with the place; the API has what Traefik's has.
            what = "adding" if error.argument >= 0 else "parsing"
            return f"error while parsing rule {rule}: {what} rule {rule}: {without_guess(error.message)}"
        for hint in self._rules.hints(rule, "http", syntax):
            self._ledger.tell(entry, hint, "rule", is_warning=True)
        return ""

    def _plans(self, entry: RouterEntry) -> Iterator[RouterPlan]:
        if entry.children and entry.using:
            error = self._check_children(entry, 1)
            if error:
                entry.blame(f"building child routers muxer: {error}")
                return
        for name in entry.using:
            yield self._plan(entry, name)

    def _check_children(self, entry: RouterEntry, depth: int) -> str:
        """Leave out the children that cannot serve; the error when none is left."""
        if depth > _DEEPEST:
            return self._ledger.fail(entry, f"routers are nested more than {_DEEPEST} deep", "parentRefs")
        count = len(entry.children)
        for child in entry.children:
            if child.children and not child.errors:
                error = self._check_children(child, depth + 1)
                if error:
                    child.blame(f"building child routers muxer: {error}")
        entry.children = [child for child in entry.children if not child.errors]
        return "" if entry.children else f"no child routers could be added to muxer ({count} skipped)"

    def _plan(self, entry: RouterEntry, entry_point: str) -> RouterPlan:
        children = tuple(self._plan(child, entry_point) for child in entry.children)
        return RouterPlan(
            name=entry.name,
            entry_point=entry_point,
            rule=self._parsed[entry.name],
            syntax=syntax_of(entry),
            priority=entry.priority,
            rank=self._ranks.of(entry.name),
            middlewares=self._middlewares.acting(entry.middlewares),
            service="" if children else service_of(entry),
            children=children,
            is_tls=entry.tls is not None,
            tls_options=entry.options,
            domains=entry.domains,
            observability=entry.observability,
            encoded_characters=entry.encoded_characters,
            round_trip=round_trip(entry),
        )


def _is_torn(entry: RouterEntry) -> bool:
    """Whether all that is wrong with a root is that it has a service besides its children: it is shown as disabled, and
    its children serve (Traefik `pkg/server/router/router.go`, `buildHTTPHandler`)."""
    return bool(not entry.parents and entry.children and entry.config.service) and len(entry.errors) == 1


def round_trip(entry: RouterEntry) -> float:
    """Seconds that a whole exchange may take; 0 for no limit."""
    timeouts = entry.config.responding_timeouts
    return 0.0 if timeouts is None else max(timeouts.round_trip.seconds, 0.0)
