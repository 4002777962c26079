"""HTTP middlewares checked as Traefik builds them (`pkg/server/middleware/middlewares.go`): each is built once, dry."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from trafficcop.config.dynamic import Service
from trafficcop.config.middlewares import Middleware
from trafficcop.config.schema import key_of
from trafficcop.control.descent import Descent
from trafficcop.control.ledger import Entry, Ledger
from trafficcop.control.names import provider_of, qualify, qualify_all
from trafficcop.control.services import Services
from trafficcop.http.messages import Handler, Request, Response
from trafficcop.middleware import MIDDLEWARES, MiddlewareContext
from trafficcop.plan.model import MiddlewarePlan

KEYS = {declared.name: key_of(declared) for declared in fields(Middleware)}
MULTI = (
    "cannot create middleware: multi-types middleware not supported, "
    "consider declaring two different pieces of middleware instead"
)
# Who may pass is decided by these: a router must not serve without one that it names, even while it does not act yet.
GUARDS = frozenset({"ip_allow_list", "ip_white_list", "plugin", "encoded_characters"})


def _unreachable(request: Request) -> Awaitable[Response]:
    raise AssertionError("a middleware that is built dry is never called")


class Middlewares:
    """Checks middlewares once each, on demand."""

    def __init__(
        self, entries: Mapping[str, Entry[Middleware]], services: Services, ledger: Ledger, stack: list[str]
    ) -> None:
        self.entries = entries
        self.plans: dict[str, MiddlewarePlan] = {}
        self.idle: set[str] = set()  # valid, but of a type that does not act yet
        self._services = services
        self._ledger = ledger
        self._descent: Descent[Middleware] = Descent("middleware", stack, ledger)
        services.check_middlewares = self.check_service

    def check(self, name: str) -> str:
        """Why the middleware (qualified) cannot be used; "" when it can: it is in `plans` then, or `idle`."""
        result = self._descent.results.get(name)
        if result is not None:
            return result
        entry = self.entries.get(name)
        if entry is None:
            return f'middleware "{name}" does not exist'
        return self._descent.follow(name, entry, self._check)

    def is_checked(self, name: str) -> bool:
        return name in self._descent.results

    def check_all(self, owner: Entry[Any], names: Sequence[str]) -> list[str]:
        """The errors of all middlewares that an object names; the missing ones are its own mistakes."""
        errors: list[str] = []
        for index, name in enumerate(names):
            error = self.check(name)
            if not error:
                continue
            errors.append(error)
            if name not in self.entries:
                self._ledger.tell(owner, self.missing(name, error), "middlewares", index)
        return errors

    def check_service(self, entry: Entry[Service]) -> str:
        """The first error of the middlewares of a service."""
        errors = self.check_all(entry, qualify_all(entry.config.middlewares, provider_of(entry.name)))
        return errors[0] if errors else ""

    def missing(self, name: str, text: str) -> str:
        return text + self._ledger.suggest(name, self.entries)

    def acting(self, names: Sequence[str]) -> tuple[str, ...]:
        """Those of a chain that act."""
        if not self.idle:
            return tuple(names)
        return tuple(name for name in names if name not in self.idle)

    def _check(self, entry: Entry[Middleware]) -> str:
        kinds = kinds_of(entry.config)
        if len(kinds) > 1:
            return self._ledger.fail(entry, MULTI)
        if not kinds:
            text = f'invalid middleware "{entry.name}" configuration: '
            return self._ledger.fail(entry, text + "invalid middleware type or middleware does not exist")
        kind = kinds[0]
        config = qualified(entry.name, entry.config)
        if config.chain is not None:
            entry.config = config  # the API shows the full names of a chain, and of nothing else
        if kind not in MIDDLEWARES:
            return self._check_idle(entry, kind)
        error = self._build(entry, kind, getattr(config, kind))
        if error:
            entry.blame(error)
        else:
            self.plans[entry.name] = MiddlewarePlan(entry.name, self._acting_plan(config))
        return error

    def _check_idle(self, entry: Entry[Middleware], kind: str) -> str:
        if kind in GUARDS:
            text = f"middlewares of type {KEYS[kind]} are not supported yet"
            return self._ledger.fail(entry, text, KEYS[kind])
        self.idle.add(entry.name)
        return ""

    def _build(self, entry: Entry[Middleware], kind: str, options: Any) -> str:
        """Build the middleware in front of nothing; the error it raises is told here unless its cause told it."""
        told = len(self._ledger.issues)
        inherited = False

        def service(name: str) -> Handler:
            nonlocal inherited
            error = self._services.check(name)
            if error:
                inherited = self._services.exists(name)
                raise ValueError(error if inherited else self._services.missing(name, error))
            return _unreachable

        def middleware(name: str, following: Handler) -> Handler:
            nonlocal inherited
            error = self.check(name)
            if error:
                inherited = name in self.entries
                raise ValueError(error if inherited else self.missing(name, error))
            return following

        context = MiddlewareContext(entry.name, service, middleware)
        try:
            MIDDLEWARES[kind](options, context, _unreachable)
        except ValueError as error:
            text = str(error)
            if not inherited and len(self._ledger.issues) == told:
                self._ledger.tell(entry, text, KEYS[kind])
            return text.partition(" (did you mean ")[0] if not inherited else text
        return ""

    def _acting_plan(self, config: Middleware) -> Middleware:
        chain = config.chain
        if chain is None or not self.idle.intersection(chain.middlewares):
            return config
        return replace(config, chain=replace(chain, middlewares=self.acting(chain.middlewares)))


def kinds_of(config: Middleware) -> list[str]:
    """The types that a middleware has: exactly one is right."""
    kinds = [kind for kind in KEYS if kind != "plugin" and getattr(config, kind) is not None]
    return kinds + ["plugin"] * bool(config.plugin)


def qualified(name: str, config: Middleware) -> Middleware:
    """The middleware with everything it refers to under its full name."""
    provider = provider_of(name)
    if config.chain is not None:
        names = qualify_all(config.chain.middlewares, provider)
        return replace(config, chain=replace(config.chain, middlewares=names))
    if config.errors is not None and config.errors.service:
        return replace(config, errors=replace(config.errors, service=qualify(config.errors.service, provider)))
    return config
