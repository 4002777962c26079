"""Who would have taken a request if one thing were different: the entry point, TLS, a letter of the host."""

from __future__ import annotations

from typing import Any

from trafficcop.control.explain.rules import may_want, misses, spelled
from trafficcop.control.explain.search import precedence, shown_router
from trafficcop.control.names import is_internal
from trafficcop.http.messages import Request
from trafficcop.plan.model import Plan, RouterPlan
from trafficcop.rules.walk import leaves

Object = dict[str, Any]

_MOST = 10
_SIMILAR = 3
_SHORTEST = 4  # letters: shorter hosts are all alike


def elsewhere(plan: Plan, request: Request, entry_point: str) -> list[Object]:
    """Routers that match, but on another entry point, or with TLS, or without."""
    hosts, is_tls = spelled(request.host), request.peer.is_tls
    found = [
        router
        for router in plan.routers
        if (router.entry_point != entry_point or router.is_tls != is_tls)
        and not is_internal(router.name)
        and may_want(router.rule, hosts)
        and not misses(router.rule, request, router.syntax)
    ]
    found.sort(key=lambda router: (router.entry_point != entry_point, *precedence(router)))
    return [shown_router(router) | {"entryPoint": router.entry_point, "tls": router.is_tls} for router in found[:_MOST]]


def similar_hosts(plan: Plan, request: Request) -> list[str]:
    """Hosts that rules name, and that this one may be a misspelling of."""
    host = request.host.decode("ascii", "replace")
    found: dict[str, None] = {}
    for router in plan.routers:
        for leaf in leaves(router.rule):
            if leaf.name == "Host" and not leaf.is_negated:
                for name in leaf.arguments:
                    if name not in found and _is_near(host, name.lower()):
                        found[name] = None
                        if len(found) == _SIMILAR:
                            return list(found)
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


def candidates(plan: Plan, entry_point: str, *, is_tls: bool) -> list[RouterPlan]:
    """The routers that are asked at all."""
    return [router for router in plan.routers if router.entry_point == entry_point and router.is_tls == is_tls]
