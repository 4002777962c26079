"""What becomes of UDP objects: what the API shows for each, and what is planned."""

from __future__ import annotations

import asyncio

import pytest

from tests.control.given import compiled, static, told
from tests.process.instance import free_port
from tests.udp.loopback import server
from trafficcop.config.datagrams import UDPServerHealthCheck
from trafficcop.config.scalars import Duration
from trafficcop.control.checks.health import CheckFailed
from trafficcop.control.checks.terms import schedule_of
from trafficcop.control.checks.udp import UDPProbe, udp_checks
from trafficcop.rules.ast import Matcher

DNS = "entryPoints: {web: {address: ':80'}, dns: {address: ':53/udp'}, log: {address: ':514/udp'}}"
SERVICE = "s: {loadBalancer: {servers: [{address: '127.0.0.1:53'}]}}"
USED = f"routers: {{r: {{service: s}}}}, services: {{{SERVICE}}}"

TABLE = [
    (USED, "routers", "r", "enabled", ()),
    ("routers: {r: {service: x}}", "routers", "r", "disabled", ('the UDP service "x@file" does not exist',)),
    ("routers: {r: {}}", "routers", "r", "disabled", ("the service is missing on the udp router",)),
    (f"routers: {{r: {{service: s, entryPoints: [web]}}}}, services: {{{SERVICE}}}", "routers", "r", "disabled",
     ('entryPoint "web" doesn\'t exist', "no valid entryPoint for this router")),
    (f"routers: {{r: {{service: s, entryPoints: [dns, web]}}}}, services: {{{SERVICE}}}", "routers", "r", "warning",
     ('entryPoint "web" doesn\'t exist',)),
    (f"routers: {{r: {{service: s, middlewares: [m]}}}}, services: {{{SERVICE}}}", "routers", "r", "disabled",
     ('middleware "m@file" does not exist',)),
    (f"routers: {{r: {{service: s, middlewares: [m]}}}}, services: {{{SERVICE}}}, middlewares: {{m: {{}}}}",
     "routers", "r", "disabled",
     ('invalid middleware "m@file" configuration: invalid middleware type or middleware does not exist',)),
    ("middlewares: {m: {ipAllowList: {sourceRange: [10.0.0.0/8]}, rateLimit: {average: 1}}}", "middlewares", "m",
     "disabled", ('invalid middleware "m@file" configuration: a middleware has one type: make two of it',)),
    ("middlewares: {m: {ipAllowList: {sourceRange: []}}}", "middlewares", "m", "disabled",
     ("sourceRange is empty, IPAllowLister not created",)),
    ("middlewares: {m: {ipAllowList: {sourceRange: [10.0.0.0/40]}}}", "middlewares", "m", "disabled",
     ("cannot parse CIDRs: '10.0.0.0/40' is neither an IP address nor a CIDR range",)),
    ("middlewares: {m: {rateLimit: {average: -1}}}", "middlewares", "m", "disabled",
     ("negative value not valid for average",)),
    (f"routers: {{r: {{service: s, rule: 'HostSNI(`a`)'}}}}, services: {{{SERVICE}}}", "routers", "r", "disabled",
     ("error while parsing rule HostSNI(`a`): unsupported function: HostSNI (a matcher of TCP routers)",)),
    (f"routers: {{r: {{service: s, rule: 'ClientIP(`x`)'}}}}, services: {{{SERVICE}}}", "routers", "r", "disabled",
     ("error while parsing rule ClientIP(`x`): ClientIP: 'x' is neither an IP address nor a CIDR range",)),
    (f"routers: {{r: {{service: s, priority: 9223372036854775000}}}}, services: {{{SERVICE}}}", "routers", "r",
     "disabled",
     ("the router priority 9223372036854775000 exceeds the max user-defined priority 9223372036854774807",)),
    ("routers: {r: {service: x}}, services: {x: {}}", "services", "x", "disabled",
     ('the UDP service "x@file" does not have any type defined',)),
    ("services: {x: {loadBalancer: {strategy: fastest}}}", "services", "x", "disabled",
     ('unsupported load-balancer strategy "fastest"',)),
    ("services: {x: {loadBalancer: {servers: [{address: 'a:1', weight: -1}]}}}", "services", "x", "disabled",
     ("the weight -1 is negative",)),
    ('services: {x: {loadBalancer: {healthCheck: {payload: "\\u0100"}}}}', "services", "x", "disabled",
     ("payload must be 65507 bytes at most, each character one byte (U+0000 to U+00FF)",)),
    ("services: {x: {loadBalancer: {healthCheck: {port: 70000}}}}", "services", "x", "disabled",
     ("70000 is not a port",)),
    ("routers: {r: {service: w}}, services: {w: {weighted: {services: [{name: w}]}}}", "services", "w", "disabled",
     ("could not instantiate service w@file: recursion detected in service:w@file->service:w@file",)),
]  # fmt: skip


@pytest.mark.parametrize(("udp", "kind", "name", "status", "errors"), TABLE)
def test_what_the_api_shows(udp: str, kind: str, name: str, status: str, errors: tuple[str, ...]):
    plan, report = compiled(f"udp: {{{udp}}}", static(DNS))
    info = getattr(report, f"udp_{kind}")[f"{name}@file"]
    assert (info.status, info.errors) == (status, errors)
    assert bool(plan.udp_routers) == (report.udp_routers.get("r@file") is not None and info.status != "disabled")


def test_times_of_health_checks_that_make_no_sense_are_told():
    check = "healthCheck: {interval: 0s, unhealthyInterval: -1s, timeout: 0s}"
    _, report = compiled(
        f"udp: {{routers: {{r: {{service: s}}}}, services: {{s: {{loadBalancer: {{{check}, servers: []}}}}}}}}",
        static(DNS),
    )
    assert report.udp_services["s@file"].status == "enabled"
    assert [(issue.path.rpartition(".")[2], issue.message) for issue in report.issues] == [
        ("interval", "must be greater than zero: 30s is used instead"),
        ("unhealthyInterval", "must be greater than zero: 30s is used instead"),
        ("timeout", "must be greater than zero: 5s is used instead"),
    ]


def test_what_is_planned():
    plan, report = compiled(
        "udp: {routers: {r: {service: w, rule: 'ClientIP(`10.0.0.0/8`)', middlewares: [m], entryPoints: [dns]}},"
        f" services: {{{SERVICE}, w: {{weighted: {{services: [{{name: s, weight: 2}}]}}}},"
        " lonely: {loadBalancer: {servers: []}}},"
        " middlewares: {m: {rateLimit: {average: 1}}, unused: {rateLimit: {average: 1}}}}",
        static(DNS),
    )
    assert not told(report)
    (router,) = plan.udp_routers
    assert (router.name, router.entry_point, router.service) == ("r@file", "dns", "w@file")
    assert (router.rule, router.priority) == (Matcher("ClientIP", ("10.0.0.0/8",)), len("ClientIP(`10.0.0.0/8`)"))
    assert [service.name for service in plan.udp_services] == ["s@file", "w@file"]
    assert plan.udp_services[1].service.weighted.services[0].name == "s@file"
    assert [middleware.name for middleware in plan.udp_middlewares] == ["m@file"]
    assert report.udp_middlewares["m@file"].used_by == ("r@file",)


def test_a_router_is_on_every_udp_entry_point_unless_it_names_some():
    plan, report = compiled(f"udp: {{{USED}}}", static(DNS))
    assert [router.entry_point for router in plan.udp_routers] == ["dns", "log"]
    assert report.udp_routers["r@file"].using == ("dns", "log")


def test_servers_without_a_port_are_left_out():
    plan, report = compiled(
        "udp: {routers: {r: {service: s}}, services: {s: {loadBalancer: {servers: [{address: a}, {address: 'b:1'}]}}}}",
        static(DNS),
    )
    assert [server.address for server in plan.udp_services[0].service.load_balancer.servers] == ["b:1"]
    assert len(told(report)) == 1


def test_of_two_routers_for_everybody_one_is_told_to_be_idle():
    _, report = compiled(
        "udp: {routers: {a: {service: s, entryPoints: [dns]}, z: {service: s, rule: '*'}},"
        f" services: {{{SERVICE}}}}}",
        static(DNS),
    )
    (warning,) = [issue for issue in report.issues if issue.is_warning]
    assert warning.message == "never used on the entry point dns: z@file takes every datagram there"
    assert warning.path == "udp.routers.a"


# === health checks ===


async def verdict(address: str, **options) -> str:
    try:
        async with asyncio.timeout(10):
            await UDPProbe(address, UDPServerHealthCheck(**options))()
    except CheckFailed as error:
        return str(error)
    except ConnectionRefusedError:
        return "refused"
    return ""


async def test_a_payload_and_its_answer():
    async with server(b"\xff\x00 ") as backend:
        address = f"127.0.0.1:{backend.port}"
        assert await verdict(address, payload="\x01\xfe") == ""
        assert await verdict(address, payload="x", expect="\xff\x00") == ""
        assert "does not start as expected" in await verdict(address, payload="x", expect="pong")
        assert backend.seen[0][0] == b"\x01\xfe"


async def test_a_server_that_does_not_speak_is_up_without_a_payload():
    async with server(lambda data, sender: None) as backend:
        assert await verdict(f"127.0.0.1:{backend.port}", timeout=Duration.of("20ms")) == ""
        assert backend.seen[0][0] == b""


@pytest.mark.parametrize("options", [{}, {"payload": "x"}])
async def test_nobody_there(options: dict):
    assert await verdict(f"127.0.0.1:{free_port()}", **options) == "refused"


async def test_another_port():
    async with server(b"") as backend:
        assert await verdict("localhost:1", payload="x", port=backend.port) == ""


def test_checks_of_a_plan():
    plan, _ = compiled(
        "udp: {routers: {r: {service: s}}, services: {s: {loadBalancer: {healthCheck: {interval: 1s}, servers: ["
        "{address: 'a:1'}, {address: 'b:1'}]}}, u: {loadBalancer: {servers: [{address: 'c:1'}]}}}}",
        static(DNS),
    )
    (checks,) = udp_checks(plan)
    assert (checks.protocol, checks.service, list(checks.probes)) == ("udp", "s@file", ["a:1", "b:1"])
    assert (checks.schedule.interval, checks.schedule.unhealthy_interval, checks.schedule.timeout) == (1.0, 1.0, 5.0)
    assert schedule_of(UDPServerHealthCheck(interval=Duration.of("-1s"))).interval == 30.0


def test_the_status_of_servers_that_are_checked_is_shown():
    _, report = compiled(
        "udp: {routers: {r: {service: s}},"
        " services: {s: {loadBalancer: {healthCheck: {}, servers: [{address: 'a:1'}]}}}}",
        static(DNS),
    )
    assert report.udp_services["s@file"].server_status == {"a:1": "UP"}


def test_an_entry_point_of_the_other_protocol_is_told_from_none() -> None:
    text = "{routers: {r: {service: s, %s}}, services: {%s}}"
    hint = "(the address of one for UDP ends with /udp)"
    for section in (
        "udp: " + text % ("entryPoints: [web]", SERVICE),
        "tcp: " + text % ("rule: '*', entryPoints: [dns]", SERVICE),
    ):
        _, report = compiled(section, static(DNS))
        assert any(hint in issue for issue in told(report)), told(report)
