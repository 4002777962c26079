"""Pieces that several sections share."""

from __future__ import annotations

from trafficcop.config.lazy import dataclass
from trafficcop.config.schema import option


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """`http.services.failover.healthCheck`."""


@dataclass(frozen=True, slots=True)
class WeightedService:
    """`http.services.highestRandomWeight.services`."""

    name: str = ""
    weight: int = 1


@dataclass(frozen=True, slots=True)
class IPStrategy:
    """`http.middlewares.inFlightReq.sourceCriterion.ipStrategy`."""

    depth: int = 0
    excluded_ips: tuple[str, ...] = option((), key="excludedIPs")
    ipv6_subnet: int | None = None
