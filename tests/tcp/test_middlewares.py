"""TCP middlewares and services made of services."""

from __future__ import annotations

import pytest

from tests.loopback import Visit
from tests.tcp.given import balanced, says, scripted, site
from trafficcop.plan.messages import Health
from trafficcop.tcp.load_balancer import Member, Rotation

TEXT = """
tcp:
  routers: {{r: {{rule: 'HostSNI(`*`)', service: s, middlewares: [{names}]}}}}
  services: {{{service}}}
  middlewares: {{{middlewares}}}
"""


@pytest.mark.parametrize("kind", ["ipAllowList", "ipWhiteList"])
@pytest.mark.parametrize(
    ("ranges", "is_good"), [("127.0.0.0/8", True), ("'::1', 127.0.0.1", True), ("10.0.0.1", False)]
)
async def test_only_some_may_connect(kind: str, ranges: str, is_good: bool) -> None:
    async with scripted(says(b"s")) as (server,):
        middleware = f"m: {{{kind}: {{sourceRange: [{ranges}]}}}}"
        async with site(TEXT.format(names="m", service=balanced("s", server), middlewares=middleware)) as entry:
            assert await entry.ask(b"x") == (b"s:x" if is_good else b"")


async def test_only_so_many_at_a_time() -> None:
    async def echo(visit: Visit) -> None:
        while data := await visit.reader.read(100):
            await visit.send(data)

    async with scripted(echo) as (server,):
        middleware = "m: {inFlightConn: {amount: 2}}"
        async with site(TEXT.format(names="m", service=balanced("s", server), middlewares=middleware)) as entry:
            clients = [await entry.client() for _ in range(2)]
            for client in clients:
                await client.send(b"x")
                assert await client.reader.readexactly(1) == b"x"
            assert await entry.ask(b"x") == b""
            clients[0].writer.write_eof()
            assert await clients[0].rest() == b""
            again = await entry.client()
            await again.send(b"y")
            assert await again.reader.readexactly(1) == b"y"


async def test_in_the_order_in_which_they_are_listed() -> None:
    async with scripted(says(b"s")) as (server,):
        middlewares = "none: {inFlightConn: {amount: 0}}, away: {ipAllowList: {sourceRange: [10.0.0.1]}}"
        text = TEXT.format(names="away, none", service=balanced("s", server), middlewares=middlewares)
        async with site(text) as entry:
            assert await entry.ask(b"x") == b""


async def test_weighted_services() -> None:
    async with scripted(says(b"a"), says(b"b")) as (a, b):
        text = f"""
tcp:
  routers: {{r: {{rule: 'HostSNI(`*`)', service: both}}}}
  services:
    {balanced("a", a)}
    {balanced("b", b)}
    both: {{weighted: {{services: [{{name: a, weight: 3}}, {{name: b, weight: 1}}]}}}}
"""
        async with site(text) as entry:
            answers = [await entry.ask(b"x") for _ in range(8)]
            assert sorted(answers) == [b"a:x"] * 6 + [b"b:x"] * 2


async def test_servers_have_weights() -> None:
    async with scripted(says(b"a"), says(b"b"), says(b"c")) as (a, b, c):
        service = balanced("s", a, b, c)
        service = service.replace(f"{a.port}'", f"{a.port}', weight: 2").replace(f"{c.port}'", f"{c.port}', weight: 0")
        async with site(TEXT.format(names="", service=service, middlewares="")) as entry:
            answers = [await entry.ask(b"x") for _ in range(6)]
            assert sorted(answers) == [b"a:x"] * 4 + [b"b:x"] * 2


async def test_without_servers_connections_are_closed() -> None:
    text = "tcp: {routers: {r: {rule: 'HostSNI(`*`)', service: s}}, services: {s: {loadBalancer: {servers: []}}}}"
    async with site(text) as entry:
        assert await entry.ask(b"x") == b""


# === turns ===


def rotation(**weights: int) -> Rotation[str]:
    return Rotation([Member(name, weight, name) for name, weight in weights.items()])


@pytest.mark.parametrize("weights", [{"a": 1, "b": 1}, {"a": 5, "b": 2, "c": 1}, {"a": 4, "b": 2}, {"a": 3, "b": 0}])
def test_turns_are_shared_out_by_weight(weights: dict[str, int]) -> None:
    turns = rotation(**weights)
    size = sum(weights.values())
    chosen = [turns.choose() for _ in range(size * 3)]
    assert {name: chosen.count(name) for name in weights} == {name: 3 * weight for name, weight in weights.items()}


def test_who_is_down_is_passed_over() -> None:
    turns = rotation(a=1, b=2)
    told: list[bool] = []
    turns.watchers.append(told.append)
    turns.set_down(["b"])
    assert {turns.choose() for _ in range(4)} == {"a"}
    turns.set_down(["a", "b"])
    assert turns.choose() is None
    turns.set_up("b", True)
    assert {turns.choose() for _ in range(4)} == {"b"}
    assert told == [False, True]


async def test_health_goes_up_the_tree() -> None:
    async with scripted(says(b"a"), says(b"b")) as (a, b):
        check = ", healthCheck: {interval: 1h}"
        text = f"""
tcp:
  routers: {{r: {{rule: 'HostSNI(`*`)', service: top}}}}
  services:
    {balanced("a", a, options=check)}
    {balanced("b", b, options=check)}
    middle: {{weighted: {{healthCheck: {{}}, services: [{{name: a}}]}}}}
    top: {{weighted: {{services: [{{name: middle}}, {{name: b}}], healthCheck: {{}}}}}}
"""
        async with site(text) as entry:
            assert {await entry.ask(b"x") for _ in range(4)} == {b"a:x", b"b:x"}
            down = Health("a@file", frozenset([f"127.0.0.1:{a.port}"]), "tcp")
            entry.runtime.apply_health(down)
            assert {await entry.ask(b"x") for _ in range(4)} == {b"b:x"}
            entry.runtime.apply_health(Health("b@file", frozenset([f"127.0.0.1:{b.port}"]), "tcp"))
            assert await entry.ask(b"x") == b""
            entry.runtime.apply_health(Health("a@file", frozenset(), "tcp"))
            assert {await entry.ask(b"x") for _ in range(4)} == {b"a:x"}
