"""How the API shows routers, services and middlewares (Traefik `pkg/api/handler_*.go`, `pkg/config/runtime`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from trafficcop.config.datagrams import UDPMiddleware
from trafficcop.config.dynamic import Router, Service
from trafficcop.config.encode import encode
from trafficcop.config.middlewares import Middleware
from trafficcop.config.stream import TCPMiddleware, TCPService, UDPRouter, UDPService
from trafficcop.errors import Issue
from trafficcop.plan.report import MiddlewareInfo, Report, RouterInfo, ServiceInfo

Object = dict[str, Any]
Show = Callable[[Any], Object]  # one of the encoders of `config/encode.py`

# The kinds of a service in the order in which Traefik looks for them.
_SERVICE_KINDS = ("load_balancer", "highest_random_weight", "weighted", "mirroring", "failover")


def provider_of(name: str) -> str:
    return name.partition("@")[2]


def _with_state(shown: Object, errors: tuple[str, ...], status: str, names: tuple[str, ...], key: str) -> Object:
    if errors:
        shown["error"] = list(errors)
    shown["status"] = status
    if names:
        shown[key] = list(names)
    return shown


def router(info: RouterInfo, show: Show = encode) -> Object:
    """A router as `/api/rawdata` shows it, with the priority that was worked out."""
    shown = show(info.router)
    if info.priority and not isinstance(info.router, UDPRouter):
        shown["priority"] = info.priority
    return _with_state(shown, info.errors, info.status, info.using, "using")


def named_router(name: str, info: RouterInfo) -> Object:
    """A router as its own pages show it."""
    shown = router(info)
    if isinstance(info.router, Router) and "tls" in shown:
        shown["tls"].setdefault("options", "default")
    shown["name"] = name
    shown["provider"] = provider_of(name)
    if not isinstance(info.router, UDPRouter):
        shown["priorityStr"] = str(info.priority or info.router.priority)
    return _without_empty(shown)


def service(info: ServiceInfo, show: Show = encode) -> Object:
    shown = _with_state(show(info.service), info.errors, info.status, info.used_by, "usedBy")
    if info.server_status:
        shown["serverStatus"] = dict(sorted(info.server_status.items()))
    return shown


def named_service(name: str, info: ServiceInfo) -> Object:
    shown = service(info)
    shown |= {"name": name, "provider": provider_of(name), "type": service_type(info.service)}
    return _without_empty(shown)


def middleware(info: MiddlewareInfo, show: Show = encode) -> Object:
    return _with_state(show(info.middleware), info.errors, info.status, info.used_by, "usedBy")


def named_middleware(name: str, info: MiddlewareInfo) -> Object:
    shown = middleware(info)
    shown |= {"name": name, "provider": provider_of(name), "type": middleware_type(info.middleware)}
    return _without_empty(shown)


def _without_empty(shown: Object) -> Object:
    return {key: value for key, value in shown.items() if value != ""}


def service_type(service: Service | TCPService | UDPService) -> str:
    """`loadbalancer`, `weighted` … and nothing for what the router itself answers."""
    for kind in _SERVICE_KINDS:
        if getattr(service, kind, None) is not None:
            return kind.replace("_", "")
    return ""


def middleware_type(middleware: Middleware | TCPMiddleware | UDPMiddleware) -> str:
    """The key of its one option in lower case, or the name of its plugin."""
    if isinstance(middleware, Middleware) and len(middleware.plugin) == 1:
        return next(iter(middleware.plugin)).lower()
    return next((key.lower() for key in encode(middleware) if key != "plugin"), "")


def rawdata(report: Report, show: Show = encode) -> Object:
    """Everything of the configuration that is served, by name; sections without a member are left out."""
    sections = {
        "routers": {name: router(info, show) for name, info in sorted(report.routers.items())},
        "middlewares": {name: middleware(info, show) for name, info in sorted(report.middlewares.items())},
        "services": {name: service(info, show) for name, info in sorted(report.services.items())},
        "tcpRouters": {name: router(info, show) for name, info in sorted(report.tcp_routers.items())},
        "tcpMiddlewares": {name: middleware(info, show) for name, info in sorted(report.tcp_middlewares.items())},
        "tcpServices": {name: service(info, show) for name, info in sorted(report.tcp_services.items())},
        "udpRouters": {name: router(info, show) for name, info in sorted(report.udp_routers.items())},
        "udpServices": {name: service(info, show) for name, info in sorted(report.udp_services.items())},
        "udpMiddlewares": {name: middleware(info, show) for name, info in sorted(report.udp_middlewares.items())},
    }
    return {key: section for key, section in sections.items() if section}


def problems(issues: Mapping[str, Sequence[Issue]]) -> list[Object]:
    """What is wrong with the configurations that were handed over, with the place of each mistake."""
    return [_problem(provider, issue) for provider, found in sorted(issues.items()) for issue in found]


def _problem(provider: str, issue: Issue) -> Object:
    position = issue.position
    shown: Object = {"provider": provider, "file": position.source, "line": position.line, "column": position.column}
    shown = {key: value for key, value in (shown | {"path": issue.path}).items() if value}
    return shown | {"message": issue.message, "severity": "warning" if issue.is_warning else "error"}
