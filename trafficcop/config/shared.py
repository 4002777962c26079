"""Pieces that several sections share."""

from __future__ import annotations

from trafficcop.config.lazy import dataclass
from trafficcop.config.schema import option


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """`healthCheck` of services made of services: being there, it has the health of the children count."""


@dataclass(frozen=True, slots=True)
class WeightedService:
    """A child of a service that shares out by weight, and by nothing else."""

    name: str = ""
    weight: int = 1


@dataclass(frozen=True, slots=True)
class IPStrategy:
    """`ipStrategy`: which address of `X-Forwarded-For` is the client's."""

    depth: int = 0
    excluded_ips: tuple[str, ...] = option((), key="excludedIPs")
    ipv6_subnet: int | None = None
