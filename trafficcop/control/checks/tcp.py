"""Which servers of TCP services are checked, and how (`pkg/healthcheck/healthcheck_tcp.go`)."""

from __future__ import annotations

from collections.abc import Iterator

from trafficcop.config.stream import TCPLoadBalancer, TCPServer, TCPServerHealthCheck
from trafficcop.control.checks.health import Checks, Probe
from trafficcop.control.checks.terms import LONGEST, schedule_of, timing_mistakes
from trafficcop.plan.model import Plan
from trafficcop.plan.streams import TCPTransportPlan


def tcp_checks(plan: Plan) -> Iterator[Checks]:
    """The checks of every TCP service that has them and that a router uses."""
    transports = {transport.name: transport for transport in plan.tcp_transports}
    for service_plan in plan.tcp_services:
        balancer = service_plan.service.load_balancer
        if balancer is None or balancer.health_check is None:
            continue
        config = balancer.health_check
        transport = transports[balancer.servers_transport or "default@internal"]
        probes = {server.address: _probe(server, balancer, config, transport) for server in balancer.servers}
        basis = (config, transport, balancer.servers)
        yield Checks("tcp", service_plan.name, basis, schedule_of(config), probes)


def _probe(
    server: TCPServer, balancer: TCPLoadBalancer, config: TCPServerHealthCheck, transport: TCPTransportPlan
) -> Probe:
    # How servers are reached is loaded by those who check some.
    from trafficcop.control.checks.tcp_probe import TCPProbe

    return TCPProbe(server, balancer, config, transport)


def mistakes(config: TCPServerHealthCheck) -> Iterator[tuple[str, str]]:
    """The options that make no sense: (key, what is wrong). The service is served all the same."""
    yield from timing_mistakes(config)
    for key, text in (("send", config.send), ("expect", config.expect)):
        if len(text.encode()) > LONGEST:
            yield key, f"longer than {LONGEST} bytes: it is not used"
