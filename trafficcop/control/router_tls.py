"""Which TLS options each router gets on each entry point: a name can have but one set (`pkg/server/aggregator.go`)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from trafficcop.control.ledger import Ledger
from trafficcop.control.merge import DEFAULT
from trafficcop.control.names import qualify
from trafficcop.control.rule_book import RuleBook
from trafficcop.control.spread import RouterEntry, syntax_of
from trafficcop.plan.model import RouterPlan
from trafficcop.rules.domains import domains
from trafficcop.rules.errors import RuleError

CONFLICT = (
    "router's TLSOptions configuration is conflicting with other routers on the same entrypoint and host,"
    " default TLS options will be used instead"
)


def options_name(entry: RouterEntry) -> str:
    """The qualified name of the TLS options that a TLS router asks for; `default` belongs to nobody."""
    given = entry.tls.options if entry.tls is not None else ""
    return qualify(given, entry.provider) if given and given != DEFAULT else DEFAULT


def settle(entries: dict[str, RouterEntry], rules: RuleBook, ledger: Ledger) -> dict[str, RouterEntry]:
    """The routers with their options and domains. One that is in conflict on an entry point gets a copy for it, with
    the default options."""
    wanted: dict[str, dict[str, dict[str, list[str]]]] = {}  # entry point → domain → options → routers
    conflicts: dict[str, dict[str, str]] = {}  # router → entry point → with whom
    for name, entry in entries.items():
        if entry.tls is None or entry.parents:
            continue
        found = _domains(entry, rules)
        if found is None:
            continue
        entry.domains, entry.options = found, options_name(entry)
        for entry_point in entry.entry_points:
            if not found and entry.options != DEFAULT:
                conflicts.setdefault(name, {})[entry_point] = ""
            by_domain = wanted.setdefault(entry_point, {})
            for domain in found:
                by_domain.setdefault(domain, {}).setdefault(entry.options, []).append(name)
    for entry_point, by_domain in wanted.items():
        for domain, by_options in by_domain.items():
            if len(by_options) > 1:
                _set_against(by_options, domain, entry_point, conflicts)
    if not conflicts:
        return entries
    for entry in entries.values():
        entry.parents = tuple(name for parent in entry.parents for name in _names_of(parent, entries, conflicts))
    return {entry.name: entry for given in entries.values() for entry in _split(given, conflicts, ledger)}


def _set_against(
    by_options: Mapping[str, list[str]], domain: str, entry_point: str, conflicts: dict[str, dict[str, str]]
) -> None:
    """Note for each router with whom it disagrees about a domain; the first disagreement is enough."""
    for options, names in by_options.items():
        other, rivals = next((other, names) for other, names in by_options.items() if other != options)
        text = f" ({domain} on {entry_point}: {rivals[0]} wants the options {other}, this one {options})"
        for name in names:
            conflicts.setdefault(name, {}).setdefault(entry_point, text)


def _names_of(name: str, entries: Mapping[str, RouterEntry], conflicts: Mapping[str, Collection[str]]) -> Iterable[str]:
    """What a router is called after it was split."""
    lost = conflicts.get(name, ())
    if not lost or set(entries[name].entry_points) - set(lost):
        yield name
    for entry_point in lost:
        yield _copy_name(entry_point, name)


def _domains(entry: RouterEntry, rules: RuleBook) -> tuple[str, ...] | None:
    try:
        return domains(rules.parse(entry.config.rule, "http", "v2" if syntax_of(entry) == "v2" else "v3"))
    except RuleError:  # told where rules are checked
        return None


def _split(entry: RouterEntry, conflicts: Mapping[str, Mapping[str, str]], ledger: Ledger) -> Iterable[RouterEntry]:
    lost = conflicts.get(entry.name)
    if lost is None:
        yield entry
        return
    if entry.domains:
        text = CONFLICT
    else:
        text = f"no domain found in rule {entry.config.rule}, the TLS option {entry.options} cannot be applied"
    if entry.options != DEFAULT:  # the others have what they asked for
        ledger.tell(entry, text + next(iter(lost.values())), "tls", "options", is_warning=True)
    for entry_point in entry.entry_points:
        if entry_point in lost:
            yield _copy(entry, entry_point, text)
    entry.entry_points = tuple(one for one in entry.entry_points if one not in lost)
    if entry.entry_points:
        yield entry


def _copy(entry: RouterEntry, entry_point: str, text: str) -> RouterEntry:
    copy = RouterEntry(_copy_name(entry_point, entry.name), entry.config, entry.origin)
    copy.entry_points = (entry_point,)
    copy.middlewares, copy.given_middlewares = entry.middlewares, entry.given_middlewares
    copy.tls, copy.domains, copy.options = entry.tls, entry.domains, DEFAULT
    copy.observability, copy.encoded_characters = entry.observability, entry.encoded_characters
    copy.syntax, copy.priority = entry.syntax, entry.priority
    for error in entry.errors:
        copy.blame(error, is_critical=entry.is_disabled)
    if entry.options != DEFAULT:
        copy.blame(text, is_critical=False)
    return copy


def _copy_name(entry_point: str, name: str) -> str:
    return f"{entry_point}-conflicted-{name}"


def other_hosts(
    entries: Iterable[RouterEntry], plans: Iterable[RouterPlan], good: Collection[str]
) -> dict[str, dict[str, str]]:
    """The server names, by entry point, of TLS routers that do not serve: their options are in force all the same, and
    where these are broken the connection is closed. One whose rule has no name keeps every other name from TCP routers
    that take them all (Traefik `pkg/server/router/tcp/manager.go`)."""
    serving = {(plan.name, plan.entry_point) for plan in plans}
    hosts: dict[str, dict[str, str]] = {}
    for entry in entries:
        for entry_point in entry.using if entry.tls is not None else ():
            if (entry.name, entry_point) not in serving:
                options = entry.options if entry.options in good else ""
                for domain in entry.domains:
                    hosts.setdefault(entry_point, {})[domain] = options
                if entry.options and not entry.domains:  # without options its rule could not be read
                    hosts.setdefault(entry_point, {}).setdefault("*", DEFAULT if DEFAULT in good else "")
    return hosts
