"""Routers that match and would have been asked before the one that wins, but are broken and serve nobody."""

from __future__ import annotations

from typing import Any

from trafficcop.config.dynamic import Router
from trafficcop.control.explain.rules import may_want, misses, spelled
from trafficcop.http.messages import Request
from trafficcop.plan.report import Report
from trafficcop.rules.errors import RuleError
from trafficcop.rules.names import Syntax
from trafficcop.rules.parse import parse

Object = dict[str, Any]

_MOST = 10


class Broken:
    """What a report says against routers, as far as it concerns one entry point."""

    def __init__(self, report: Report, entry_point: str) -> None:
        self._entry_point = entry_point
        self._report = report
        self._infos = [
            (name, info, info.router)
            for name, info in report.routers.items()
            if info.status == "disabled" and isinstance(info.router, Router)
        ]

    def warnings(self, name: str) -> list[str]:
        """What is wrong with a router that serves all the same."""
        info = self._report.routers.get(name)
        return [] if info is None else list(info.errors)

    def before(self, priority: int | None, request: Request, parent: str = "") -> list[Object]:
        """Those whose priority is not below that of the winner. `parent`: only its children, "" only roots."""
        hosts = spelled(request.host)
        found: list[Object] = []
        for name, info, router in self._infos:
            own = info.priority or len(router.rule.encode("utf-8", "surrogatepass"))
            if (
                self._is_asked(router, request, parent)
                and (priority is None or own >= priority)
                and _would_match(router, request, hosts)
            ):
                found.append({"name": name, "rule": router.rule, "priority": own, "errors": list(info.errors)})
        found.sort(key=lambda one: -one["priority"])
        return found[:_MOST]

    def _is_asked(self, router: Router, request: Request, parent: str) -> bool:
        if parent:
            return parent in router.parent_refs
        is_of_scheme = (router.tls is not None) == request.peer.is_tls
        return not router.parent_refs and self._entry_point in router.entry_points and is_of_scheme


def _would_match(router: Router, request: Request, hosts: frozenset[str]) -> bool:
    syntax: Syntax = "v2" if router.rule_syntax == "v2" else "v3"
    try:
        rule = parse(router.rule, "http", syntax)
        return may_want(rule, hosts) and not misses(rule, request, syntax)
    except RuleError:
        return False
