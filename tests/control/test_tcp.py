"""What becomes of TCP objects: what the API shows for each, what is planned, and how servers are checked."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tests.control.given import compiled, static, told
from tests.loopback import Visit
from tests.tcp.given import closed_port, says, scripted
from trafficcop.config.scalars import Duration
from trafficcop.config.stream import (
    TCPLoadBalancer,
    TCPServer,
    TCPServerHealthCheck,
    TCPServersTransport,
)
from trafficcop.control.checks.health import CheckFailed
from trafficcop.control.checks.tcp import tcp_checks
from trafficcop.control.checks.tcp_probe import TCPProbe
from trafficcop.control.checks.terms import schedule_of
from trafficcop.plan.streams import TCPTransportPlan

GOOD = "s: {loadBalancer: {servers: [{address: '127.0.0.1:5432'}]}}"
ROUTER = "r: {rule: 'HostSNI(`*`)', service: s}"


def of(services: str, router: str = ROUTER, more: str = "") -> str:
    return f"tcp: {{routers: {{{router}}}, services: {{{services}}}{more}}}"


CHECKED = "s: {loadBalancer: {healthCheck: {interval: 1s}, servers: [{address: 'a:1'}]}}"
PARENT = "p: {weighted: {healthCheck: {}, services: [{name: s}]}}"
TO_PARENT = "r: {rule: 'HostSNI(`*`)', service: p}"

TABLE = [
    (of(GOOD), "routers", "r", "enabled", ()),
    (of(GOOD, "r: {rule: '*', service: s}"), "routers", "r", "enabled", ()),
    (of(GOOD, "r: {rule: 'HostSNI(`*`)', service: s, middlewares: [m]}", ", middlewares: {m: {}}"), "routers", "r",
     "disabled", ('invalid middleware "m@file" configuration: invalid middleware type or middleware does not exist',)),
    (of(GOOD, ROUTER, ", middlewares: {m: {ipAllowList: {sourceRange: []}}}"), "middlewares", "m", "enabled", ()),
    (of(GOOD, "r: {rule: 'HostSNI(`*`)', service: s, middlewares: [m]}",
        ", middlewares: {m: {ipAllowList: {sourceRange: [x]}}}"), "middlewares", "m", "disabled",
     ("cannot parse CIDRs [x]: parsing CIDR trusted IPs <nil>: invalid CIDR address: x",)),
    (of("s: {loadBalancer: {serversTransport: t, servers: []}}"), "services", "s", "disabled",
     ('no transport configuration found for "t@file"',)),
    (of("s: {loadBalancer: {serversTransport: t, servers: []}}", ROUTER,
        ", serversTransports: {t: {proxyProtocol: {version: 3}}}"), "services", "s", "disabled",
     ("unknown proxyProtocol version: 3",)),
    (of("s: {loadBalancer: {proxyProtocol: {version: 0}, servers: []}}"), "services", "s", "disabled",
     ("unknown proxyProtocol version: 0",)),
    (of("s: {loadBalancer: {serversTransport: t, servers: []}}", ROUTER,
        ", serversTransports: {t: {tls: {spiffe: {ids: ['spiffe://a/b']}}}}"), "services", "s", "disabled",
     ("SPIFFE is enabled for this transport, but not configured",)),
    (of(f"{GOOD}, {PARENT}", TO_PARENT), "services", "p", "disabled",
     ("cannot register s as updater for p@file: healthCheck not enabled in config for this weighted service",)),
    (of(f"{CHECKED}, {PARENT}", TO_PARENT), "services", "p", "enabled", ()),
    (of(GOOD, "r: {rule: 'HostSNI(`*`)', service: s, priority: 9223372036854774808}"), "routers", "r", "disabled",
     ("the router priority 9223372036854774808 exceeds the max user-defined priority 9223372036854774807",)),
]  # fmt: skip


@pytest.mark.parametrize(("text", "kind", "name", "status", "errors"), TABLE)
def test_what_the_api_shows(text: str, kind: str, name: str, status: str, errors: tuple[str, ...]) -> None:
    _, report = compiled(text)
    found = getattr(report, f"tcp_{kind}")[f"{name}@file"]
    assert (found.status, found.errors) == (status, errors)


def test_what_is_planned() -> None:
    text = """
tcp:
  routers:
    a: {rule: 'HostSNI(`*`)', service: s, middlewares: [m]}
    b: {rule: 'HostSNI(`db.example.com`)', service: p, tls: {options: o}}
    c: {rule: 'HostSNI(`pass.example.com`)', service: s, tls: {passthrough: true}}
    d: {rule: 'HostSNI(`*`)', service: nobody}
  services:
    s: {loadBalancer: {serversTransport: t, servers: [{address: '127.0.0.1:1', weight: 2}]}}
    p: {weighted: {services: [{name: s}]}}
    unused: {loadBalancer: {servers: []}}
  middlewares: {m: {inFlightConn: {amount: 1}}}
  serversTransports: {t: {dialTimeout: 1s}}
tls: {options: {o: {minVersion: VersionTLS13}}}
"""
    plan, _ = compiled(text)
    a, b, c = plan.tcp_routers
    assert (a.name, a.entry_point, a.priority, a.is_catch_all, a.is_tls) == ("a@file", "web", -1, True, False)
    assert (a.service, a.middlewares) == ("s@file", ("m@file",))
    assert (b.priority, b.is_tls, b.is_passthrough, b.tls_options) == (25, True, False, "o@file")
    assert (c.is_passthrough, c.tls_options) == (True, "")
    services = {one.name: one.service for one in plan.tcp_services}
    assert set(services) == {"s@file", "p@file"}
    balancer = services["s@file"].load_balancer
    assert balancer is not None
    assert (balancer.servers_transport, balancer.servers) == ("t@file", (TCPServer("127.0.0.1:1", weight=2),))
    assert {one.name for one in plan.tcp_transports} == {"default@internal", "t@file"}


def test_a_server_without_a_port_is_left_out() -> None:
    plan, report = compiled(of("s: {loadBalancer: {servers: [{address: nowhere}, {address: 'a:1'}]}}"))
    (service,) = plan.tcp_services
    assert service.service.load_balancer is not None
    assert [server.address for server in service.service.load_balancer.servers] == ["a:1"]
    (text,) = told(report)
    assert text.endswith('servers[0].address: address "nowhere" is not host:port: this server is left out')


# === health checks ===


def test_which_servers_are_checked() -> None:
    plan, _ = compiled(of(f"{CHECKED}, other: {{loadBalancer: {{servers: [{{address: 'b:1'}}]}}}}"))
    (checks,) = tcp_checks(plan)
    assert (checks.protocol, checks.service, list(checks.probes)) == ("tcp", "s@file", ["a:1"])
    assert checks.schedule.interval == 1.0
    plan, report = compiled(of(CHECKED.replace("1s", "-1s, timeout: 0s, unhealthyInterval: 2s")))
    (checks,) = tcp_checks(plan)
    schedule = checks.schedule
    assert (schedule.interval, schedule.unhealthy_interval, schedule.timeout) == (30.0, 2.0, 5.0)
    assert len(told(report)) == 2


def probe(port: int, more: TCPServerHealthCheck | None = None, *, config_port: int = 0) -> TCPProbe:
    config = replace(more or TCPServerHealthCheck(), port=config_port)
    transport = TCPTransportPlan("default@internal", TCPServersTransport())
    return TCPProbe(TCPServer(f"localhost:{port}"), TCPLoadBalancer(), config, transport)


async def test_a_server_that_takes_the_connection_is_well() -> None:
    async with scripted(says(b"x")) as (server,):
        await probe(server.port)()
        await probe(1, config_port=server.port)()
    with pytest.raises(CheckFailed):
        await probe(closed_port())()


@pytest.mark.parametrize(
    ("send", "expect", "is_well"),
    [
        ("PING\r\n", "+PONG", True),
        ("PING\r\n", "+PONG\r\n", True),
        ("PING\r\n", "-ERR", False),
        ("PING\r\n", "+PONG\r\n and more", False),
        ("", "+hello", True),
        ("x" * 65536, "+hello", True),
    ],
)
async def test_what_is_said_and_expected(send: str, expect: str, is_well: bool) -> None:
    async def redis(visit: Visit) -> None:
        if expect == "+hello":
            await visit.send(b"+hello")
            await visit.closed()
        elif await visit.reader.readline() == b"PING\r\n":
            await visit.send(b"+PO")
            await asyncio.sleep(0.01)
            await visit.send(b"NG\r\n")

    async with scripted(redis) as (server,):
        check = probe(server.port, TCPServerHealthCheck(send=send, expect=expect, interval=Duration.of("1s")))
        if is_well:
            await check()
        else:
            with pytest.raises(CheckFailed):
                await check()


def test_the_default_schedule() -> None:
    schedule = schedule_of(TCPServerHealthCheck())
    assert (schedule.interval, schedule.unhealthy_interval, schedule.timeout) == (30.0, 30.0, 5.0)
    assert static().tcp_servers_transport.dial_timeout.seconds == 30.0


def test_what_the_api_shows_of_a_service() -> None:
    """Servers without a port have no status, and the name of the transport is a whole one."""
    servers = "[{address: '127.0.0.1:5432'}, {address: nonsense}]"
    text = of(
        f"s: {{loadBalancer: {{serversTransport: t, servers: {servers}}}}}", ROUTER, ", serversTransports: {t: {}}"
    )
    _, report = compiled(text)
    shown = report.tcp_services["s@file"]
    assert shown.server_status == {"127.0.0.1:5432": "UP"}
    assert shown.service.load_balancer.servers_transport == "t@file"


def test_the_servers_of_a_child_have_a_status() -> None:
    text = of("w: {weighted: {services: [{name: s}]}}, " + GOOD, "r: {rule: 'HostSNI(`*`)', service: w}")
    _, report = compiled(text)
    assert report.tcp_services["s@file"].server_status == {"127.0.0.1:5432": "UP"}
    assert report.tcp_services["w@file"].server_status == {}
