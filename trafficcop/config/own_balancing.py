"""Options of services that are ours, not Traefik's."""

from __future__ import annotations

from trafficcop.config.lazy import dataclass
from trafficcop.config.scalars import Duration


@dataclass(frozen=True, slots=True)
class ConsistentHash:
    """`http.services.loadBalancer.consistentHash`: what is hashed; the address of the client unless said."""

    cookie: str = ""
    header: str = ""
    load_factor: float = 1.25  # no server gets more than so many times its share; 0: as much as the keys bring
    virtual_nodes: int = 160  # for each unit of weight


@dataclass(frozen=True, slots=True)
class OutlierDetection:
    """`http.services.loadBalancer.outlierDetection`: servers that fail again and again get nothing for a while."""

    consecutive_errors: int = 5
    ejection_time: Duration = Duration.of("30s")
    max_ejected_percent: int = 10


@dataclass(frozen=True, slots=True)
class StickyHeader:
    """`http.services.loadBalancer.sticky.header`: requests with the same value go to the same server."""

    name: str = ""


@dataclass(frozen=True, slots=True)
class StickyClientIP:
    """`http.services.loadBalancer.sticky.clientIP`: requests of the same address go to the same server."""

    ipv6_subnet: int | None = None
