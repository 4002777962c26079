"""The Report: what the compiler made of every object of a configuration, good or broken. The API shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Literal

from trafficcop.config.datagrams import UDPMiddleware
from trafficcop.config.dynamic import Router, Service
from trafficcop.config.lazy import dataclass
from trafficcop.config.middlewares import Middleware
from trafficcop.config.stream import TCPMiddleware, TCPRouter, TCPService, UDPRouter, UDPService
from trafficcop.errors import Issue

Status = Literal["enabled", "disabled", "warning"]


@dataclass(frozen=True, slots=True)
class RouterInfo:
    """A router under its qualified name. `using`: the entry points it is bound to. `priority`: the computed one."""

    router: Router | TCPRouter | UDPRouter
    status: Status = "enabled"
    errors: tuple[str, ...] = ()
    using: tuple[str, ...] = ()
    priority: int = 0


@dataclass(frozen=True, slots=True)
class ServiceInfo:
    """A service. `used_by`: routers; `server_status`: UP or DOWN by URL, of those that are checked."""

    service: Service | TCPService | UDPService
    status: Status = "enabled"
    errors: tuple[str, ...] = ()
    used_by: tuple[str, ...] = ()
    server_status: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MiddlewareInfo:
    """A middleware. `used_by`: the routers that name it."""

    middleware: Middleware | TCPMiddleware | UDPMiddleware
    status: Status = "enabled"
    errors: tuple[str, ...] = ()
    used_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """Maps are keyed by qualified name. `issues`: everything to be told, with positions, errors and warnings."""

    routers: Mapping[str, RouterInfo] = field(default_factory=dict)
    services: Mapping[str, ServiceInfo] = field(default_factory=dict)
    middlewares: Mapping[str, MiddlewareInfo] = field(default_factory=dict)
    tcp_routers: Mapping[str, RouterInfo] = field(default_factory=dict)
    tcp_services: Mapping[str, ServiceInfo] = field(default_factory=dict)
    tcp_middlewares: Mapping[str, MiddlewareInfo] = field(default_factory=dict)
    udp_routers: Mapping[str, RouterInfo] = field(default_factory=dict)
    udp_services: Mapping[str, ServiceInfo] = field(default_factory=dict)
    udp_middlewares: Mapping[str, MiddlewareInfo] = field(default_factory=dict)
    issues: tuple[Issue, ...] = ()
    certificates: tuple[bytes, ...] = ()  # PEM chains that users gave for serving
