"""Options of the `udp` section that are ours, not Traefik's: its middlewares and the health checks of its servers."""

from __future__ import annotations

from trafficcop.config.lazy import dataclass
from trafficcop.config.scalars import Duration


@dataclass(frozen=True, slots=True)
class UDPIPAllowList:
    """`udp.middlewares.ipAllowList`."""

    source_range: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UDPRateLimit:
    """`udp.middlewares.rateLimit`: datagrams of one client address."""

    average: int = 0
    burst: int = 1
    period: Duration = Duration.of("1s")


@dataclass(frozen=True, slots=True)
class UDPMiddleware:
    """`udp.middlewares`."""

    ip_allow_list: UDPIPAllowList | None = None
    rate_limit: UDPRateLimit | None = None


@dataclass(frozen=True, slots=True)
class UDPServerHealthCheck:
    """`udp.services.loadBalancer.healthCheck`. Each character of `payload` and `expect` is one byte."""

    expect: str = ""
    interval: Duration = Duration.of("30s")
    payload: str = ""
    port: int = 0
    timeout: Duration = Duration.of("5s")
    unhealthy_interval: Duration | None = None
