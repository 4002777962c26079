"""`--validate`: the static and the dynamic configuration checked together, without starting anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from trafficcop.config.document import STATIC
from trafficcop.config.pending import pending_warnings
from trafficcop.config.schema import key_of
from trafficcop.config.static import StaticConfiguration
from trafficcop.control.books import Books
from trafficcop.control.ledger import Entry
from trafficcop.control.names import is_internal
from trafficcop.control.offline import read_configuration
from trafficcop.control.places import Places
from trafficcop.control.validation.audit import Audit
from trafficcop.control.validation.verdict import Verdict
from trafficcop.errors import Issue


def validate(argv: Sequence[str], environ: Mapping[str, str]) -> Verdict:
    """Check the configuration that a start with these arguments would use."""
    read = read_configuration(argv, environ)
    static = read.loaded.static
    # What a start says of defaults is left out: there would be no configuration without a warning.
    places = read.compilation.ledger.places
    issues = [*read.issues, *pending_warnings(static, read.configurations, places.key)]
    issues += unchecked_providers(static, places)
    issues += Audit(read.compilation, read.plan, _elsewhere(static)).issues(read.report)
    unique = sorted(dict.fromkeys(issues), key=_place)
    errors = tuple(issue for issue in unique if not issue.is_warning)
    warnings = tuple(issue for issue in unique if issue.is_warning)
    return Verdict(errors, warnings, _counts(static, read.compilation.books))


def unchecked_providers(static: StaticConfiguration, places: Places) -> Iterable[Issue]:
    """A warning about each provider whose configuration is somewhere else, at this moment."""
    text = "what this provider delivers is not checked, only files are"
    return [
        Issue(text, f"providers.{name}", places.key(STATIC, ("providers", name)), is_warning=True)
        for name in _elsewhere(static)
    ]


def _elsewhere(static: StaticConfiguration) -> list[str]:
    providers = static.providers
    return [
        key_of(declared)
        for declared in fields(providers)
        if declared.name != "file" and is_dataclass(getattr(providers, declared.name))
    ]


def _counts(static: StaticConfiguration, books: Books) -> dict[str, int]:
    """How many objects users have written; our own are not counted, nor what one router became."""

    def own(*kinds: Mapping[str, Entry[Any]]) -> int:
        written = {(entry.section, entry.origin) for kind in kinds for entry in kind.values()}
        return sum(not is_internal(name) for _, name in written)

    return {
        "entry point": len(static.entry_points),
        "router": own(books.routers, books.tcp_routers, books.udp_routers),
        "service": own(books.services, books.tcp_services, books.udp_services),
        "middleware": own(books.middlewares, books.tcp_middlewares, books.udp_middlewares),
    }


def _place(issue: Issue) -> tuple[bool, str, int, int]:
    """By source, then line; what has no place comes last, in the order it was found."""
    position = issue.position
    return (not position.source, position.source, position.line, position.column)
