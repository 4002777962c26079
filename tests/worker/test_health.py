"""News of servers in a worker: who answers when some of them are down, through trees of services."""

from __future__ import annotations

import pytest

from tests.control.given import compiled, static, told
from tests.support import make_request, run
from trafficcop.control.channel import parts_of
from trafficcop.http.body import Bytes
from trafficcop.http.headers import Headers
from trafficcop.http.messages import Handler, Request, Response
from trafficcop.plan.messages import Health
from trafficcop.worker.runtime import Runtime

HEAD = """
http:
  middlewares: {m: {headers: {customRequestHeaders: {X: y}}}}
  routers: {r: {rule: PathPrefix(`/`), service: top}}
  services:
    """
LEAVES = """
    a: {loadBalancer: {healthCheck: {path: /}, servers: [{url: "http://a1"}, {url: "http://a2"}]}}
    b: {loadBalancer: {healthCheck: {path: /}, servers: [{url: "http://b1"}]}}
    c: {loadBalancer: {servers: [{url: "http://c1"}]}}
"""


class Named:
    """A server that answers with its URL."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def __call__(self, request: Request) -> Response:
        return Response(200, Headers(), Bytes(self.url.encode()))


def linked(services: str) -> tuple[Runtime, Handler]:
    """A worker whose one router leads to the service `top`; its servers answer without a network."""
    runtime = Runtime(static("entryPoints: {web: {address: '127.0.0.1:0'}}"))
    return runtime, install(runtime, services)


def install(runtime: Runtime, services: str) -> Handler:
    """Give a worker its next plan; what its router is now."""
    plan, report = compiled(HEAD + services + LEAVES)
    assert not told(report), told(report)
    linker = runtime.linker()
    for part in parts_of(plan):
        linker.add(part)
    made = linker.finish()
    for balancer in made.balancers.values():
        for server in balancer.servers:
            if server.url.startswith("http"):
                server.handler = Named(server.url)
    list(runtime.install(made))
    return made.routes["web"].http


async def answers(handler: Handler) -> set[str]:
    found = set()
    for n in range(24):
        status, _, body = await run(handler, make_request(peer=f"192.0.2.{n}"))
        found.add(body.decode() if status == 200 else str(status))
    return found


@pytest.mark.parametrize(
    ("services", "steps"),
    [
        ("top: {weighted: {healthCheck: {}, services: [{name: a}, {name: b}]}}",
         [("", "a1 a2 b1"), ("a1", "a2 b1"), ("a1 a2", "b1"), ("a1 a2 b1", "503"), ("b1", "a1 a2"), ("", "a1 a2 b1")]),
        ("top: {weighted: {services: [{name: a}, {name: b}]}}",
         [("a1 a2", "503 b1"), ("", "a1 a2 b1")]),
        ("top: {highestRandomWeight: {healthCheck: {}, services: [{name: a}, {name: b}]}}",
         [("", "a1 a2 b1"), ("a1 a2", "b1"), ("a1 a2 b1", "503"), ("", "a1 a2 b1")]),
        ("top: {failover: {service: a, fallback: c}}",
         [("", "a1 a2"), ("a1", "a2"), ("a1 a2", "c1"), ("", "a1 a2")]),
        ("top: {failover: {healthCheck: {}, service: a, fallback: b}}",
         [("a1 a2", "b1"), ("a1 a2 b1", "503"), ("b1", "a1 a2"), ("", "a1 a2")]),
        ("top: {failover: {service: c, fallback: b, errors: {status: ['500']}}}",
         [("", "c1"), ("b1", "c1")]),
        ("top: {failover: {service: a, fallback: b, errors: {status: ['503']}}}",
         [("", "a1 a2"), ("a1 a2", "b1"), ("a1 a2 b1", "503")]),
        (("top: {failover: {service: m, fallback: c}}\n"
         "    m: {mirroring: {healthCheck: {}, service: a, mirrors: [{name: b, percent: 0}]}}"),
         [("", "a1 a2"), ("a1 a2", "c1"), ("b1", "a1 a2")]),
        (("top: {weighted: {healthCheck: {}, services: [{name: f}, {name: w}]}}\n"
         "    f: {failover: {healthCheck: {}, service: a, fallback: b}}\n"
         "    w: {weighted: {healthCheck: {}, services: [{name: b}]}}"),
         [("", "a1 a2 b1"), ("b1", "a1 a2"), ("a1 a2", "b1"), ("a1 a2 b1", "503"), ("a1 b1", "a2")]),
        (("top: {failover: {service: guarded, fallback: c}}\n"
         "    guarded: {middlewares: [m], weighted: {healthCheck: {}, services: [{name: a}]}}"),
         [("", "a1 a2"), ("a1 a2", "c1")]),
    ],
)  # fmt: skip
async def test_trees(services: str, steps: list[tuple[str, str]]) -> None:
    runtime, handler = linked(services)
    for down, expected in steps:
        for name in ("a", "b"):
            urls = frozenset(f"http://{url}" for url in down.split() if url.startswith(name))
            runtime.apply_health(Health(f"{name}@file", urls))
        names = {url if url.isdigit() else f"http://{url}" for url in expected.split()}
        assert await answers(handler) == names, down
    assert [health.service for health in runtime.health] == sorted({f"{url[0]}@file" for url in steps[-1][0].split()})


async def test_a_plan_begins_with_what_is_known() -> None:
    services = "top: {failover: {service: a, fallback: c}}"
    runtime, _ = linked(services)
    runtime.apply_health(Health("a@file", frozenset({"http://a1", "http://a2"})))
    assert await answers(install(runtime, services)) == {"http://c1"}
    runtime.apply_health(Health("a@file", frozenset()))
    assert await answers(install(runtime, services)) == {"http://a1", "http://a2"}
