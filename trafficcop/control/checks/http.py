"""Which servers of HTTP services are checked, and how (`loadBalancer.healthCheck`)."""

from __future__ import annotations

from collections.abc import Iterator

from trafficcop.config.dynamic import ServerHealthCheck
from trafficcop.control.checks.health import Checks, Probe
from trafficcop.control.checks.terms import schedule_of, timing_mistakes
from trafficcop.control.server_urls import path_error
from trafficcop.plan.model import Plan, TransportPlan


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
        schedule = schedule_of(config, config.healthy_threshold, config.unhealthy_threshold)
        yield Checks("http", name, (config, transport), schedule, probes, is_telling_passes)


def _probe(url: str, config: ServerHealthCheck, transport: TransportPlan) -> Probe:
    # The clients for servers are loaded by those who check some.
    if config.mode == "grpc":
        from trafficcop.control.checks.grpc_probe import GRPCProbe

        return GRPCProbe(url, config)
    from trafficcop.control.checks.http_probe import HTTPProbe

    return HTTPProbe(url, config, transport)


def mistakes(config: ServerHealthCheck) -> Iterator[tuple[str, str]]:
    """The options that make no sense: (key, what is wrong). The service is served all the same."""
    yield from timing_mistakes(config)
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
