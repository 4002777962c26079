"""Which servers of HTTP services are checked, and how (`loadBalancer.healthCheck`)."""

from __future__ import annotations

from collections.abc import Iterator

from trafficcop.config.dynamic import ServerHealthCheck
from trafficcop.config.scalars import Duration
from trafficcop.control.checks.health import Checks, Probe, Schedule
from trafficcop.control.server_urls import url_error
from trafficcop.plan.model import Plan, TransportPlan

INTERVAL = Duration.of("30s")
TIMEOUT = Duration.of("5s")


def http_checks(plan: Plan) -> Iterator[Checks]:
    """The checks of every HTTP service that has them and that a router uses."""
    for name, service_plan in plan.services.items():
        balancer = service_plan.service.load_balancer
        if balancer is None or balancer.health_check is None:
            continue
        config = balancer.health_check
        transport = plan.transports[balancer.servers_transport or "default@internal"]
        probes = {server.url: _probe(server.url, config, transport) for server in balancer.servers}
        is_telling_passes = balancer.passive_health_check is not None
        yield Checks("http", name, (config, transport), schedule_of(config), probes, is_telling_passes)


def _probe(url: str, config: ServerHealthCheck, transport: TransportPlan) -> Probe:
    # The clients for servers are loaded by those who check some.
    if config.mode == "grpc":
        from trafficcop.control.checks.grpc_probe import GRPCProbe

        return GRPCProbe(url, config)
    from trafficcop.control.checks.http_probe import HTTPProbe

    return HTTPProbe(url, config, transport)


def schedule_of(config: ServerHealthCheck) -> Schedule:
    """Traefik's defaults stand in for what makes no sense (`pkg/healthcheck`); `mistakes` tells of it."""
    interval = positive(config.interval, INTERVAL)
    unhealthy = config.unhealthy_interval
    return Schedule(
        interval,
        interval if unhealthy is None else positive(unhealthy, INTERVAL),
        positive(config.timeout, TIMEOUT),
        max(config.healthy_threshold or 1, 1),
        max(config.unhealthy_threshold or 1, 1),
    )


def positive(given: Duration, default: Duration) -> float:
    return given.seconds if given.seconds > 0 else default.seconds


def mistakes(config: ServerHealthCheck) -> Iterator[tuple[str, str]]:
    """The options that make no sense: (key, what is wrong). The service is served all the same."""
    if config.interval.seconds <= 0:
        yield "interval", "must be greater than zero: 30s is used instead"
    if config.unhealthy_interval is not None and config.unhealthy_interval.seconds <= 0:
        yield "unhealthyInterval", "must be greater than zero: 30s is used instead"
    if config.timeout.seconds <= 0:
        yield "timeout", "must be greater than zero: 5s is used instead"
    if config.mode not in ("", "http", "grpc"):
        yield "mode", f'unknown mode "{config.mode}": http is used instead'
    if config.mode == "grpc" and config.scheme not in ("", "http", "h2c"):
        yield "scheme", "every check will fail: gRPC servers are asked without TLS, by http or h2c"
    if config.mode != "grpc" and (error := path_error(config.path)):
        yield "path", f"every check will fail: {error}"
    for key, threshold in (
        ("healthyThreshold", config.healthy_threshold),
        ("unhealthyThreshold", config.unhealthy_threshold),
    ):
        if threshold is not None and threshold < 1:
            yield key, "must be greater than zero: 1 is used instead"


def path_error(path: str) -> str:
    """Why a server cannot be asked for this path, "" when it can."""
    error = url_error(path)
    if error:
        return f"parsing health check path: {error}"
    head = path.partition("?")[0].partition("#")[0]
    if head.startswith("//") or ":" in head.partition("/")[0]:
        return f'health check path must be a relative URL, got: "{path}"'
    return ""
