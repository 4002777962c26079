"""Pieces that HTTP, TCP and UDP services share."""

from __future__ import annotations

from trafficcop.config.lazy import dataclass


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """`http.services.failover.healthCheck`."""


@dataclass(frozen=True, slots=True)
class WeightedService:
    """`http.services.highestRandomWeight.services`."""

    name: str = ""
    weight: int = 1
