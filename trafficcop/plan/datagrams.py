"""The part of a Plan that is about UDP. Names are qualified, what is broken was left out."""

from __future__ import annotations

from trafficcop.config.datagrams import UDPMiddleware
from trafficcop.config.lazy import dataclass
from trafficcop.config.stream import UDPService
from trafficcop.rules.ast import Node


@dataclass(frozen=True, slots=True)
class UDPRouterPlan:
    """One UDP router on one entry point. Tried by `priority` descending, then by name descending, as in Traefik.

    `rule` is None where every client is meant.
    """

    name: str
    entry_point: str
    rule: Node | None
    priority: int
    middlewares: tuple[str, ...]
    service: str


@dataclass(frozen=True, slots=True)
class UDPServicePlan:
    """A service: its configuration with child names qualified, and only servers that have a port."""

    name: str
    service: UDPService


@dataclass(frozen=True, slots=True)
class UDPMiddlewarePlan:
    """A UDP middleware under its qualified name."""

    name: str
    middleware: UDPMiddleware
