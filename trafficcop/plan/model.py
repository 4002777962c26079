"""The Plan: everything a worker needs to serve, with references resolved and rules parsed.

Control compiles it, a worker only links it. All names are qualified (`name@provider`), all objects are valid: what is
broken was left out by the compiler and is told in its report. Long plans travel in parts (`messages.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from trafficcop.config.dynamic import ServersTransport, Service
from trafficcop.config.entry_points import EncodedCharacters
from trafficcop.config.lazy import dataclass
from trafficcop.config.middlewares import Middleware
from trafficcop.plan.datagrams import UDPMiddlewarePlan, UDPRouterPlan, UDPServicePlan
from trafficcop.plan.streams import (
    TCPMiddlewarePlan,
    TCPRouterPlan,
    TCPServicePlan,
    TCPTransportPlan,
)
from trafficcop.plan.tls import TLSPlan
from trafficcop.rules.ast import Node
from trafficcop.tls.client import DEFAULT_TRUST, ServerTrust
from trafficcop.tls.contexts import Certificate

# Services that we answer ourselves: `api@internal`, `ping@internal` (`pkg/server/service/internalhandler.go`).
INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Observability:
    """What is recorded of a router's requests (entry point and router options merged)."""

    access_logs: bool = True
    metrics: bool = True
    tracing: bool = True
    trace_verbosity: str = "minimal"


@dataclass(frozen=True, slots=True)
class RouterPlan:
    """One HTTP router on one entry point. Exactly one of `service` and `children` is set.

    Candidates are tried by `priority` descending, then `rank` ascending (provider precedence), then name.
    """

    name: str
    entry_point: str
    rule: Node
    syntax: str  # "v2" or "v3"
    priority: int
    rank: int
    middlewares: tuple[str, ...]
    service: str
    children: tuple[RouterPlan, ...] = ()
    is_tls: bool = False
    tls_options: str = ""  # in force on this entry point
    domains: tuple[str, ...] = ()  # of its rule, when it is a TLS router
    observability: Observability = Observability()
    encoded_characters: EncodedCharacters | None = None
    is_default_rule: bool = False
    round_trip: float = 0.0  # seconds for a whole exchange; 0: no limit


@dataclass(frozen=True, slots=True)
class ServicePlan:
    """A service: its configuration with child names, middlewares and serversTransport qualified.

    `written`: the weighted children as the configuration names them, which is what cookies and hashes are made of.
    """

    name: str
    service: Service
    written: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MiddlewarePlan:
    """A middleware: its configuration with the names in `chain` and `errors` qualified."""

    name: str
    middleware: Middleware


@dataclass(frozen=True, slots=True)
class TransportPlan:
    """A serversTransport, and what it says about TLS with the files read."""

    options: ServersTransport = ServersTransport()
    trust: ServerTrust = DEFAULT_TRUST


@dataclass(frozen=True, slots=True)
class Plan:
    """One configuration of the data plane. `version` grows with every plan of a control process."""

    version: int = 0
    routers: tuple[RouterPlan, ...] = ()
    services: Mapping[str, ServicePlan] = field(default_factory=dict)
    middlewares: Mapping[str, MiddlewarePlan] = field(default_factory=dict)
    transports: Mapping[str, TransportPlan] = field(default_factory=dict)  # qualified; `default@internal` always
    certificates: tuple[Certificate, ...] = ()
    tls: TLSPlan = TLSPlan()
    tcp_transports: tuple[TCPTransportPlan, ...] = ()
    tcp_middlewares: tuple[TCPMiddlewarePlan, ...] = ()
    tcp_services: tuple[TCPServicePlan, ...] = ()
    tcp_routers: tuple[TCPRouterPlan, ...] = ()
    udp_middlewares: tuple[UDPMiddlewarePlan, ...] = ()
    udp_services: tuple[UDPServicePlan, ...] = ()
    udp_routers: tuple[UDPRouterPlan, ...] = ()
