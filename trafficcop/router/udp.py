"""The UDP router of an entry point: the first router, by priority, whose rule takes the client."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from trafficcop.http.datagrams import DatagramHandler, Source, Way
from trafficcop.plan.datagrams import UDPRouterPlan
from trafficcop.rules.udp_matchers import UDPMatcher, link_udp


class DatagramEntry(NamedTuple):
    """A router and what takes its sessions: its middlewares with its service behind them."""

    plan: UDPRouterPlan
    handler: DatagramHandler


class _Candidate:
    __slots__ = ("handler", "matches", "name")

    def __init__(self, entry: DatagramEntry) -> None:
        self.name = entry.plan.name
        self.matches: UDPMatcher | None = None if entry.plan.rule is None else link_udp(entry.plan.rule)
        self.handler = entry.handler


class UDPRouter:
    """A DatagramHandler. Among equals the last name goes first (`pkg/server/router/udp/router.go`)."""

    __slots__ = ("_candidates",)

    def __init__(self, entries: Iterable[DatagramEntry]) -> None:
        by_name = sorted(entries, key=lambda entry: entry.plan.name, reverse=True)
        ordered = sorted(by_name, key=lambda entry: -entry.plan.priority)
        self._candidates = [_Candidate(entry) for entry in ordered]

    def __call__(self, source: Source) -> Way | None:
        for candidate in self._candidates:
            matches = candidate.matches
            if matches is None or matches(source):
                way = candidate.handler(source)
                if way is not None:
                    way.router = candidate.name
                return way
        return None
