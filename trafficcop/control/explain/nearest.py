"""Who would have taken a request if one thing were different: the entry point, TLS, a letter of the host."""

from __future__ import annotations

from typing import Any

from trafficcop.control.explain.index import PlanIndex
from trafficcop.control.explain.rules import spelled
from trafficcop.control.explain.search import precedence, shown_router
from trafficcop.control.names import is_internal
from trafficcop.http.messages import Request

Object = dict[str, Any]

_MOST = 10
_SIMILAR = 3
_SHORTEST = 4  # letters: shorter hosts are all alike


def elsewhere(index: PlanIndex, request: Request, entry_point: str) -> list[Object]:
    """Routers that match, but on another entry point, or with TLS, or without."""
    found = [
        router
        for router in index.beside(entry_point, spelled(request.host), is_tls=request.peer.is_tls)
        if not is_internal(router.name) and index.holds(router, request)
    ]
    found.sort(key=lambda router: (router.entry_point != entry_point, *precedence(router)))
    return [shown_router(router) | {"entryPoint": router.entry_point, "tls": router.is_tls} for router in found[:_MOST]]


def similar_hosts(index: PlanIndex, request: Request) -> list[str]:
    """Hosts that rules name, and that this one may be a misspelling of."""
    host = request.host.decode("ascii", "replace")
    found: dict[str, None] = {}
    for name in index.hosts():
        if _is_near(host, name):
            found[name] = None
            if len(found) == _SIMILAR:
                break
    return list(found)


def _is_near(host: str, name: str) -> bool:
    """Whether they are the same but for one place: a letter too many, too few, wrong, or two swapped."""
    shorter = min(len(host), len(name))
    if abs(len(host) - len(name)) > 1 or shorter < _SHORTEST or host == name:
        return False
    at = 0
    while at < shorter and host[at] == name[at]:
        at += 1
    if host[at + 1 :] in (name[at:], name[at + 1 :]) or host[at:] == name[at + 1 :]:
        return True
    return host[at + 2 :] == name[at + 2 :] and host[at : at + 2] == name[at : at + 2][::-1]
