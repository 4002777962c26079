"""Routers below routers (`parentRefs`): who is whose child, cycles, and what no request can reach."""

from __future__ import annotations

from collections.abc import Mapping

from trafficcop.control.ledger import Ledger
from trafficcop.control.spread import RouterEntry

_NOT_BELOW = "non-root router cannot have {} configuration"


def grow(routers: Mapping[str, RouterEntry], ledger: Ledger) -> None:
    """Link children to parents and blame every router that cannot have its place."""
    children = [entry for entry in routers.values() if entry.parents]
    for entry in children:
        _adopt(entry, routers, ledger)
    for entry in routers.values():
        entry.is_reached = not entry.parents
    if children:
        for root in sorted((entry for entry in routers.values() if not entry.parents), key=_name):
            if root.children:
                _walk(root, ledger)
    for entry in routers.values():
        _judge(entry, ledger)


def _name(entry: RouterEntry) -> str:
    return entry.name


def _adopt(entry: RouterEntry, routers: Mapping[str, RouterEntry], ledger: Ledger) -> None:
    for index, name in enumerate(entry.parents):
        parent = routers.get(name)
        if parent is None:
            text = f'parent router "{name}" does not exist'
            entry.blame(text)
            ledger.tell(entry, text + ledger.suggest(name, routers), "parentRefs", index)
        elif entry not in parent.children:
            parent.children.append(entry)
    router = entry.config
    if router.tls is not None:
        ledger.fail(entry, _NOT_BELOW.format("TLS"), "tls")
    elif router.observability is not None:
        ledger.fail(entry, _NOT_BELOW.format("Observability"), "observability")
    elif router.entry_points:
        ledger.fail(entry, _NOT_BELOW.format("Entrypoints"), "entryPoints")


def _walk(root: RouterEntry, ledger: Ledger) -> None:
    """Depth first from a root, without recursion: a chain of parents may be as long as a file."""
    path: list[RouterEntry] = [root]
    todo: list[list[RouterEntry]] = [_sorted_children(root)]
    while path:
        if not todo[-1]:
            path.pop()
            todo.pop()
            continue
        child = todo[-1].pop()
        if child in path:
            _cut(path, child, ledger)
        elif not child.is_reached:
            child.is_reached = True
            path.append(child)
            todo.append(_sorted_children(child))


def _sorted_children(entry: RouterEntry) -> list[RouterEntry]:
    return sorted(entry.children, key=_name, reverse=True)


def _cut(path: list[RouterEntry], victim: RouterEntry, ledger: Ledger) -> None:
    """Take the edge that closes a cycle out of the tree; the router at its end is warned."""
    guilty = path[-1]
    names = [entry.name for entry in path[path.index(victim) :]]
    text = f"cyclic reference detected in router tree: {' -> '.join([*names, victim.name])}"
    guilty.blame(text, is_critical=False)
    ledger.tell(guilty, text, "parentRefs")
    guilty.children.remove(victim)


def _judge(entry: RouterEntry, ledger: Ledger) -> None:
    service = entry.config.service
    if not entry.is_reached:
        _blame(entry, "router is not reachable", ledger)
    elif not service and not entry.children:
        _blame(entry, "router has no service and no child routers", ledger)
        if not entry.parents:
            # Traefik builds it all the same, and says a second time what is missing.
            entry.blame("router must have either a service or child routers")
    elif service and entry.children:
        _blame(entry, "router has both a service and is referenced as a parent by other routers", ledger)


def _blame(entry: RouterEntry, text: str, ledger: Ledger) -> None:
    """Told only when nothing else is wrong: otherwise it is a consequence."""
    if entry.is_disabled:
        entry.blame(text)
    else:
        ledger.fail(entry, text)
