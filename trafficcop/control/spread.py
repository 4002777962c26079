"""Routers as they are bound to entry points: defaults, models, the split (`pkg/server/aggregator.go`)."""

from __future__ import annotations

from collections.abc import Mapping

from trafficcop.config.dynamic import Router, RouterObservability, RouterTLS
from trafficcop.config.entry_points import EncodedCharacters
from trafficcop.control.entry_point_models import EntryPoints, Model
from trafficcop.control.internal import OWN_SYNTAX
from trafficcop.control.ledger import Entry
from trafficcop.control.names import provider_of, qualify, qualify_all
from trafficcop.plan.model import Observability

SECTION = ("http", "routers")
_OBSERVED = Observability()


class RouterEntry(Entry[Router]):
    """A router while it is compiled, with what its entry point gave to it."""

    __slots__ = (
        "children",
        "domains",
        "encoded_characters",
        "entry_points",
        "given_middlewares",
        "is_reached",
        "middlewares",
        "observability",
        "options",
        "parents",
        "priority",
        "provider",
        "syntax",
        "tls",
        "using",
    )

    def __init__(self, name: str, config: Router, origin: str = "") -> None:
        super().__init__(SECTION, name, config, origin)
        self.provider = provider_of(name)
        self.entry_points: tuple[str, ...] = config.entry_points
        self.middlewares: tuple[str, ...] = ()
        self.given_middlewares = 0  # so many of them, the first ones, are the entry point's
        self.tls: RouterTLS | None = config.tls
        self.options = ""  # the qualified name of the TLS options in force
        self.domains: tuple[str, ...] = ()  # that decide about TLS
        self.observability = _OBSERVED
        self.encoded_characters: EncodedCharacters | None = None
        self.syntax = config.rule_syntax
        self.priority = config.priority
        self.parents: tuple[str, ...] = ()
        self.children: list[RouterEntry] = []
        self.using: list[str] = []
        self.is_reached = False


def spread(
    routers: Mapping[str, Router], broken: Mapping[str, list[str]], entry_points: EntryPoints
) -> dict[str, RouterEntry]:
    """Every router by qualified name. One on several entry points, some of them with a model, becomes several."""
    entries: dict[str, RouterEntry] = {}
    copies: dict[str, list[str]] = {}  # the names that a split router goes by
    for name, router in routers.items():
        if router.parent_refs:
            entries[name] = _child(name, router)
        else:
            _bind(name, router, entry_points, entries, copies)
    for name, errors in broken.items():
        entry = entries.setdefault(name, RouterEntry(name, Router()))
        for error in errors:
            entry.blame(error)
    if copies:
        for entry in entries.values():
            if entry.parents:
                entry.parents = _repointed(entry.parents, entries, copies)
    return entries


def _child(name: str, router: Router) -> RouterEntry:
    entry = RouterEntry(name, router)
    entry.parents = qualify_all(router.parent_refs, entry.provider)
    entry.middlewares = qualify_all(router.middlewares, entry.provider)
    return entry


def _bind(
    name: str,
    router: Router,
    entry_points: EntryPoints,
    entries: dict[str, RouterEntry],
    copies: dict[str, list[str]],
) -> None:
    wanted = router.entry_points or entry_points.defaults
    syntax = router.rule_syntax or entry_points.rule_syntax
    modelled = [bound for bound in wanted if bound in entry_points.models] if entry_points.models else []
    for bound in modelled:
        own_name = f"{bound}-{name}" if len(wanted) > 1 else name
        entry = RouterEntry(own_name, router, name)
        _apply(entry, entry_points.models[bound])
        entry.entry_points = (bound,)
        entry.syntax = syntax
        entries[own_name] = entry
        if own_name != name:
            copies.setdefault(name, []).append(own_name)
    rest = tuple(bound for bound in wanted if bound not in modelled) if modelled else wanted
    if rest or not modelled:
        entry = RouterEntry(name, router)
        entry.entry_points = rest
        entry.syntax = syntax
        if router.middlewares:
            entry.middlewares = qualify_all(router.middlewares, entry.provider)
        if router.observability is not None:
            entry.observability = _observability(router.observability, None)
        entries[name] = entry


def _apply(entry: RouterEntry, model: Model) -> None:
    router = entry.config
    entry.middlewares = qualify_all(model.middlewares + router.middlewares, entry.provider)
    entry.given_middlewares = len(model.middlewares)
    entry.tls = router.tls if router.tls is not None else model.tls
    entry.encoded_characters = model.encoded_characters
    if router.observability is not None or model.observability is not None:
        entry.observability = _observability(router.observability, model)


def _observability(own: RouterObservability | None, model: Model | None) -> Observability:
    """The options of the router, else of the entry point, else everything is recorded."""
    given = model.observability if model is not None else None
    if own is None:
        if given is None:
            return _OBSERVED
        return Observability(given.access_logs, given.metrics, given.tracing, given.trace_verbosity)
    return Observability(
        access_logs=_first(own.access_logs, given.access_logs if given else True),
        metrics=_first(own.metrics, given.metrics if given else True),
        tracing=_first(own.tracing, given.tracing if given else True),
        trace_verbosity=own.trace_verbosity or (given.trace_verbosity if given else "minimal"),
    )


def _first(own: bool | None, given: bool) -> bool:
    return given if own is None else own


def _repointed(
    parents: tuple[str, ...], entries: Mapping[str, RouterEntry], copies: Mapping[str, list[str]]
) -> tuple[str, ...]:
    """References to a router that was split, to all of its copies instead."""
    names: list[str] = []
    for parent in parents:
        if parent in entries or parent not in copies:
            names.append(parent)
        names.extend(copies.get(parent, ()))
    return tuple(names)


def syntax_of(entry: RouterEntry) -> str:
    """`v2` or `v3`; whatever else is written means v3."""
    return "v2" if entry.syntax == "v2" and entry.config.rule_syntax != OWN_SYNTAX else "v3"


def service_of(entry: RouterEntry) -> str:
    """The qualified name of the service, "" when the router names none."""
    service = entry.config.service
    return qualify(service, entry.provider) if service else ""
