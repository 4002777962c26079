"""Plans that come and go: linked in steps, and freed by reference counts alone."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from tests.control.given import compiled, static, told
from trafficcop.config.static import StaticConfiguration
from trafficcop.control.channel import parts_of
from trafficcop.plan.model import Plan
from trafficcop.proxy.forward import Forward
from trafficcop.router.bucket import Candidate
from trafficcop.router.http import HTTPRouter
from trafficcop.service.failover import Failover
from trafficcop.service.load_balancer import LoadBalancer
from trafficcop.service.mirroring import Mirroring
from trafficcop.worker.link import Linker
from trafficcop.worker.linked import Linked
from trafficcop.worker.runtime import Runtime

ROUTERS = 60
MADE = (Candidate, Failover, Forward, HTTPRouter, LoadBalancer, Linked, Linker, Mirroring)


def dynamic() -> str:
    """Services of every kind, some of which know one another, and some middlewares."""
    return "\n".join(
        [
            "http:",
            "  routers:",
            *(
                f"    r{number}: {{rule: 'Host(`h{number}.test`)', service: s{number % 3}, middlewares: [m, c]}}"
                for number in range(ROUTERS)
            ),
            "    parent: {rule: 'Host(`parent.test`)', middlewares: [m]}",
            "    child: {rule: 'Path(`/child`)', service: s0, parentRefs: [parent]}",
            "    failed: {rule: 'Host(`failed.test`)', service: top}",
            "    failing: {rule: 'Host(`failing.test`)', service: s0, middlewares: [e]}",
            "  middlewares:",
            "    m: {headers: {customResponseHeaders: {X-Mark: a}}}",
            "    c: {chain: {middlewares: [m]}}",
            "    e: {errors: {status: ['500'], service: s2, query: /}}",
            "  services:",
            "    s0: {weighted: {healthCheck: {}, services: [{name: s1, weight: 1}, {name: s2, weight: 1}]}}",
            *(
                f"    s{number}: {{loadBalancer: {{healthCheck: {{path: /}}, servers: [{{url: 'http://127.0.0.1:9'}}]}}}}"
                for number in (1, 2)
            ),
            "    f: {failover: {healthCheck: {}, service: s0, fallback: m}}",
            "    m: {mirroring: {healthCheck: {}, service: s1, mirrors: [{name: s2, percent: 10}]}}",
            "    top: {highestRandomWeight: {healthCheck: {}, services: [{name: f}]}}",
        ]
    )


@pytest.fixture
def given() -> StaticConfiguration:
    return static("entryPoints: {web: {address: '127.0.0.1:0'}}")


@pytest.fixture
def uncollected() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def made() -> int:
    return sum(isinstance(one, MADE) for one in gc.get_objects())


def link(runtime: Runtime, plan: Plan) -> Linked:
    """As a worker does it, without the pauses."""
    linker = runtime.linker()
    for part in parts_of(plan):
        for _ in linker.link(part):
            pass
    for _ in linker.index():
        pass
    for _ in linker.clear_up():
        pass
    return linker.linked


async def test_a_retired_plan_is_freed_in_steps_and_without_the_collector(
    given: StaticConfiguration, uncollected: None
) -> None:
    plan, report = compiled(dynamic(), given)
    assert not told(report), told(report)
    assert len(plan.routers) == ROUTERS + 3
    runtime = Runtime(given)
    before = made()
    for _ in runtime.install(link(runtime, plan)):
        pass
    one_plan = made() - before
    assert one_plan > ROUTERS
    steps = sum(1 for _ in runtime.install(link(runtime, plan)))
    assert steps > 1
    assert made() - before == one_plan


async def test_steps_are_short(given: StaticConfiguration) -> None:
    plan, _ = compiled(dynamic(), given)
    linker = Runtime(given).linker()
    steps = sum(1 for part in parts_of(plan) for _ in linker.link(part))
    assert steps >= ROUTERS // 8
