"""What control and workers say to each other, besides the Plan itself. Frozen, picklable data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Literal

from trafficcop.config.lazy import dataclass
from trafficcop.plan.datagrams import UDPMiddlewarePlan, UDPRouterPlan, UDPServicePlan
from trafficcop.plan.model import MiddlewarePlan, RouterPlan, ServicePlan, TransportPlan
from trafficcop.plan.profile import Profile, TakeProfile
from trafficcop.plan.streams import (
    TCPMiddlewarePlan,
    TCPRouterPlan,
    TCPServicePlan,
    TCPTransportPlan,
)
from trafficcop.plan.tls import TLSPlan
from trafficcop.telemetry.meters import Changes
from trafficcop.tls.contexts import Certificate

Protocol = Literal["http", "tcp", "udp"]

# === control → worker ===


@dataclass(frozen=True, slots=True)
class PlanPart:
    """A slice of a Plan, small enough that unpickling and linking it is no latency spike; `is_last` closes the plan."""

    version: int
    routers: tuple[RouterPlan, ...] = ()
    services: tuple[ServicePlan, ...] = ()
    middlewares: tuple[MiddlewarePlan, ...] = ()
    transports: Mapping[str, TransportPlan] = field(default_factory=dict)
    certificates: tuple[Certificate, ...] = ()
    tls: TLSPlan | None = None
    tcp_transports: tuple[TCPTransportPlan, ...] = ()
    tcp_middlewares: tuple[TCPMiddlewarePlan, ...] = ()
    tcp_services: tuple[TCPServicePlan, ...] = ()
    tcp_routers: tuple[TCPRouterPlan, ...] = ()
    udp_middlewares: tuple[UDPMiddlewarePlan, ...] = ()
    udp_services: tuple[UDPServicePlan, ...] = ()
    udp_routers: tuple[UDPRouterPlan, ...] = ()
    is_last: bool = False


@dataclass(frozen=True, slots=True)
class Health:
    """The servers of a service that are down, by URL or address; all others are up.

    `passes`: how many checks each server has passed, for services whose workers also judge servers by their answers:
    when it has changed, the server has just passed one. Empty for the others, who need not hear of every check.
    """

    service: str
    down: frozenset[str]
    protocol: Protocol = "http"
    passes: Mapping[str, int] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str]:
        """Whose health it is: services of different protocols may have the same name."""
        return self.protocol, self.service


@dataclass(frozen=True, slots=True)
class Staple:
    """The newest OCSP answer about a certificate, by its id; b"" when there is none any more."""

    certificate: str
    answer: bytes


@dataclass(frozen=True, slots=True)
class ReadCounts:
    """Tell what has changed in the counts since they were asked for last; answered by Counts of the same `turn`."""

    turn: int


# === worker → control ===


@dataclass(frozen=True, slots=True)
class Hello:
    """The first message of a worker: who it is, which plan it serves (0: none yet) and which servers it holds to be
    down: a control process that was started again knows nothing of them."""

    worker: int
    pid: int
    version: int
    health: tuple[Health, ...] = ()


@dataclass(frozen=True, slots=True)
class Ack:
    """The plan is linked and in force."""

    worker: int
    version: int


@dataclass(frozen=True, slots=True)
class Nack:
    """The plan could not be linked: the worker serves `version_in_force` still."""

    worker: int
    version: int
    version_in_force: int
    reason: str


@dataclass(frozen=True, slots=True)
class Counts:
    """A part of the answer to ReadCounts; `is_last` closes it and has the open connections of each entry point."""

    worker: int
    turn: int
    changes: Changes
    connections: Mapping[str, int] = field(default_factory=dict)
    is_last: bool = False


ToWorker = PlanPart | Health | Staple | ReadCounts | TakeProfile
ToControl = Hello | Ack | Nack | Counts | Profile
