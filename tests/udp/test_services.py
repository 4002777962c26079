"""Which server gets a session: turns, weights, the client's address; rules, priorities and middlewares of routers."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter

import pytest

from tests.udp.loopback import client, server, worker
from trafficcop.http.datagrams import DatagramServer, Source, Way
from trafficcop.udp.balancer import ServerOfService, Share, UDPBalancer


def balancer(*weights: int, strategy: str = "") -> UDPBalancer:
    """Servers called 0, 1, 2 …"""
    servers = [ServerOfService("s", DatagramServer(str(index))) for index in range(len(weights))]
    return UDPBalancer("s", [Share(*pair) for pair in zip(weights, servers, strict=True)], strategy)


def chosen(service: UDPBalancer, ip: str = "192.0.2.1", now: float = 0.0, wanted: str = "") -> str:
    way = service(Source(ip, now, wanted))
    return "" if way is None else way.server.address


@pytest.mark.parametrize("weights", [(1,), (1, 1), (2, 1), (5, 3, 1), (1, 0), (3, 0, 7)])
def test_turns_by_weight(weights: tuple[int, ...]):
    service = balancer(*weights)
    taken = Counter(chosen(service) for _ in range(sum(weights) * 10))
    assert taken == {str(index): weight * 10 for index, weight in enumerate(weights) if weight}


def test_turns_are_mixed():
    service = balancer(4, 2)
    order = "".join(chosen(service) for _ in range(600))
    assert "000" not in order
    assert "11" not in order


def test_a_client_has_always_the_same_server():
    service, other = balancer(1, 1, 1, strategy="hrw"), balancer(1, 1, 1, strategy="hrw")
    clients = [f"192.0.2.{number}" for number in range(1, 255)]
    taken = {ip: chosen(service, ip) for ip in clients}
    assert {ip: chosen(other, ip) for ip in clients} == taken
    assert all(count > 50 for count in Counter(taken.values()).values())
    # Who had another server than the one that went down keeps it.
    service.set_down(["1"])
    for ip, before in taken.items():
        assert chosen(service, ip) == before if before != "1" else chosen(service, ip) in "02"


def test_weights_count_for_the_address_too():
    service = balancer(3, 1, strategy="hrw")
    taken = Counter(chosen(service, f"10.0.{a}.{b}") for a in range(10) for b in range(100))
    assert 650 < taken["0"] < 850


def test_servers_that_are_down():
    service = balancer(1, 1)
    service.set_down(["0"])
    assert {chosen(service) for _ in range(4)} == {"1"}
    service.set_down(["0", "1"])
    assert chosen(service) == ""
    service.set_down([])
    assert {chosen(service) for _ in range(4)} == {"0", "1"}


def test_a_server_that_refused_rests_unless_nobody_else_is_there():
    services = [ServerOfService("s", DatagramServer(name)) for name in "ab"]
    service = UDPBalancer("s", [Share(1, one) for one in services])
    way = services[0](Source("192.0.2.1", 0.0))
    way.server.rests_until = 10.0
    assert {chosen(service, now=5.0) for _ in range(4)} == {"b"}
    assert {chosen(service, now=5.0, wanted="a") for _ in range(4)} == {"b"}
    assert {chosen(service, now=10.0) for _ in range(4)} == {"a", "b"}
    service.set_down(["b"])
    assert chosen(service, now=5.0) == "a"


def test_the_server_that_a_session_has():
    service = balancer(1, 1, 1)
    assert {chosen(service, wanted="2") for _ in range(5)} == {"2"}
    assert {chosen(service, wanted="9") for _ in range(6)} == {"0", "1", "2"}


def test_services_of_services():
    first, second = balancer(1, 1), balancer(1)
    parent = UDPBalancer("w", [Share(3, first), Share(1, second)])
    assert Counter(chosen(parent) for _ in range(40)) == {"0": 15 + 10, "1": 15}
    first.set_down(["0", "1"])
    assert {chosen(parent) for _ in range(4)} == {"0"}
    second.set_down(["0"])
    assert chosen(parent) == ""


def test_no_servers():
    assert chosen(balancer()) == ""
    assert chosen(balancer(0, 0)) == ""


def test_what_a_way_says():
    way = balancer(1)(Source("192.0.2.1", 0.0))
    assert isinstance(way, Way)
    assert (way.service, way.server.address, way.limits) == ("s", "0", ())


RULES = [
    ("{r: {service: a}}", "127.0.0.1", "a"),
    ("{r: {service: a, rule: '*'}}", "127.0.0.1", "a"),
    ("{r: {service: a}, z: {service: b}}", "127.0.0.1", "b"),
    ("{r: {service: a, priority: 1}, z: {service: b}}", "127.0.0.1", "a"),
    ("{r: {service: a, rule: '*'}, s: {service: b, rule: 'ClientIP(`127.0.0.2`)'}}", "127.0.0.2", "b"),
    ("{r: {service: a, rule: '*'}, s: {service: b, rule: 'ClientIP(`127.0.0.2`)'}}", "127.0.0.3", "a"),
    ("{r: {service: a, rule: '*', priority: 100}, s: {service: b, rule: 'ClientIP(`127.0.0.2`)'}}", "127.0.0.2", "a"),
    ("{r: {service: a, rule: 'ClientIP(`127.0.0.0/8`) && !ClientIP(`127.0.0.2`)'}, s: {service: b}}", "127.0.0.2", "b"),
    ("{r: {service: a, rule: 'ClientIP(`10.0.0.0/8`) || ClientIP(`127.0.0.2`)'}, s: {service: b}}", "127.0.0.2", "a"),
]


@pytest.mark.parametrize("bound", ["127.0.0.1", "::"])
@pytest.mark.parametrize(("routers", "ip", "expected"), RULES)
async def test_rules_and_priorities(routers: str, ip: str, expected: str, bound: str):
    async with server(b"a") as a, server(b"b") as b:
        services = ", ".join(
            f"{name}: {{loadBalancer: {{servers: [{{address: '127.0.0.1:{one.port}'}}]}}}}"
            for name, one in (("a", a), ("b", b))
        )
        text = f"udp: {{routers: {routers}, services: {{{services}}}}}"
        async with worker(text, host=bound) as running:
            with client(running.port, ip) as one:
                assert await one.ask(b"") == expected.encode()


def limited(port: int, middlewares: str, names: str) -> str:
    return (
        f"udp: {{routers: {{r: {{service: s, middlewares: [{names}]}}}}, middlewares: {{{middlewares}}},"
        f" services: {{s: {{loadBalancer: {{servers: [{{address: '127.0.0.1:{port}'}}]}}}}}}}}"
    )


async def test_only_clients_from_allowed_addresses():
    async with server(b"") as backend:
        text = limited(backend.port, "m: {ipAllowList: {sourceRange: ['127.0.0.2/32', '::1']}}", "m")
        async with worker(text) as running:
            with client(running.port, "127.0.0.3") as other, client(running.port, "127.0.0.2") as one:
                await other.send(b"no")
                assert await one.ask(b"yes") == b"yes"
        assert [data for data, _ in backend.seen] == [b"yes"]


async def test_datagrams_beyond_the_rate_are_dropped_whatever_the_port():
    async with server(b"") as backend:
        text = limited(backend.port, "m: {rateLimit: {average: 1, period: 1h, burst: 5}}", "m")
        async with worker(text) as running:
            with contextlib.ExitStack() as stack:
                for _ in range(4):
                    one = stack.enter_context(client(running.port, "127.0.0.2"))
                    await one.send(b"x")
                    await one.send(b"x")
                # Another address has a bucket of its own; its answer comes after all the others were judged.
                other = stack.enter_context(client(running.port, "127.0.0.3"))
                assert await other.ask(b"y") == b"y"
            assert [data for data, _ in backend.seen].count(b"x") == 5
            assert len(running.listener.sessions) == 3 + 1


async def test_a_rate_of_nothing_is_no_limit():
    async with server(b"") as backend, worker(limited(backend.port, "m: {rateLimit: {average: 0}}", "m")) as running:
        with client(running.port) as one:
            for _ in range(20):
                await one.ask(b"x")


async def test_sessions_follow_the_health_of_servers():
    from trafficcop.plan.messages import Health

    async with server(b"a") as a, server(b"b") as b:
        address = f"127.0.0.1:{a.port}"
        text = (
            "udp: {routers: {r: {service: s}}, services: {s: {loadBalancer: {servers: ["
            f"{{address: '{address}'}}, {{address: '127.0.0.1:{b.port}', weight: 1}}]}}}}}}}}"
        )
        async with worker(text) as running:
            running.runtime.apply_health(Health("s@file", frozenset([address]), "udp"))
            for _ in range(4):
                with client(running.port) as one:
                    assert await one.ask(b"") == b"b"
            running.install(text)
            await asyncio.sleep(0)
            with client(running.port) as one:
                assert await one.ask(b"") == b"b"
