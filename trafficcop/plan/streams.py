"""The part of a Plan that is about TCP. Names are qualified, what is broken was left out."""

from __future__ import annotations

from trafficcop.config.lazy import dataclass
from trafficcop.config.stream import TCPMiddleware, TCPServersTransport, TCPService
from trafficcop.rules.ast import Node
from trafficcop.tls.client import DEFAULT_TRUST, ServerTrust


@dataclass(frozen=True, slots=True)
class TCPRouterPlan:
    """One TCP router on one entry point. Tried by `priority` descending, then `rank` ascending, then name.

    Without a service it only closes: its TLS options are broken, and no other router may have its connections.
    """

    name: str
    entry_point: str
    rule: Node
    syntax: str  # "v2" or "v3"
    priority: int
    rank: int
    middlewares: tuple[str, ...]
    service: str
    is_catch_all: bool = False  # its rule is HostSNI(`*`) and nothing else
    is_tls: bool = False
    is_passthrough: bool = False
    tls_options: str = ""


@dataclass(frozen=True, slots=True)
class TCPServicePlan:
    """A TCP service: its configuration with child names and serversTransport qualified."""

    name: str
    service: TCPService


@dataclass(frozen=True, slots=True)
class TCPMiddlewarePlan:
    """A TCP middleware under its qualified name."""

    name: str
    middleware: TCPMiddleware


@dataclass(frozen=True, slots=True)
class TCPTransportPlan:
    """A serversTransport, and what it says about TLS with the files read."""

    name: str
    transport: TCPServersTransport
    trust: ServerTrust = DEFAULT_TRUST
