"""Servers that are ejected for their answers, come back, and regain their weight."""

from __future__ import annotations

from asyncio import Future, create_task, sleep
from collections import Counter

import pytest

from tests.support import Origin, make_request, run
from trafficcop.config.dynamic import Cookie, PassiveHealthCheck, Sticky
from trafficcop.config.own_balancing import OutlierDetection
from trafficcop.config.scalars import Duration
from trafficcop.errors import Kind, ProxyError
from trafficcop.http.headers import Headers
from trafficcop.http.messages import Request, Response
from trafficcop.service import conditions
from trafficcop.service.conditions import Conditions, Judge
from trafficcop.service.load_balancer import LoadBalancer
from trafficcop.service.servers import Server
from trafficcop.service.weighted import Child, weighted
from trafficcop.store.servers import ServerTable, SharedServers

SECOND = 1_000_000_000
ANY = make_request()


class Clock:
    def __init__(self) -> None:
        self.now = 1000 * SECOND

    def __call__(self) -> int:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += int(seconds * SECOND)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(conditions, "monotonic_ns", clock)
    return clock


class Service:
    """One service in two workers."""

    def __init__(
        self,
        count: int = 3,
        passive: PassiveHealthCheck | None = None,
        outlier: OutlierDetection | None = None,
        *,
        slow_start: str = "0s",
        is_checked: bool = False,
        sticky: Sticky | None = None,
        strategy: str = "wrr",
    ) -> None:
        self.table = ServerTable(2, 256)
        self.origins = [Origin(body=b"%d" % index) for index in range(count)]
        self.workers = []
        for worker in range(2):
            servers = [Server(f"http://192.0.2.{i}", 1, origin) for i, origin in enumerate(self.origins)]
            standing = SharedServers(self.table, worker).standing("s@file", [server.url for server in servers])
            if passive is not None or outlier is not None:
                Judge(standing, count, passive, outlier, is_checked=is_checked).watch(servers)
            states = Conditions(servers, standing, Duration.of(slow_start))
            self.workers.append(LoadBalancer("s@file", servers, strategy, sticky, conditions=states))

    async def ask(self, times: int, worker: int = 0) -> Counter[str]:
        answers = [await run(self.workers[worker], make_request()) for _ in range(times)]
        return Counter(body.decode() if status != 503 else "503" for status, _, body in answers)


def passive(window: str = "10s", attempts: int = 1) -> PassiveHealthCheck:
    return PassiveHealthCheck(Duration.of(window), attempts)


# === passive health checks ===


async def test_one_failure_is_enough_by_default(clock: Clock) -> None:
    service = Service(passive=PassiveHealthCheck())
    service.origins[1].status = 500
    assert await service.ask(3) == {"0": 1, "1": 1, "2": 1}
    assert await service.ask(6) == {"0": 3, "2": 3}
    assert await service.ask(6, worker=1) == {"0": 3, "2": 3}
    assert service.table.until("s@file", "http://192.0.2.1") == clock.now + 10 * SECOND
    clock.pass_by(9.9)
    assert await service.ask(6) == {"0": 3, "2": 3}
    clock.pass_by(0.1)
    service.origins[1].status = 200
    assert await service.ask(6) == {"0": 2, "1": 2, "2": 2}
    assert await service.ask(6, worker=1) == {"0": 2, "1": 2, "2": 2}


async def test_failures_of_all_workers_count(clock: Clock) -> None:
    service = Service(1, passive("10s", 4))
    service.origins[0].status = 500
    for number in range(4):
        assert await service.ask(1, worker=number % 2) == {"0": 1}
        clock.pass_by(1)
    assert await service.ask(1) == await service.ask(1, worker=1) == {"503": 1}


async def test_failures_that_are_too_far_apart_do_not_count(clock: Clock) -> None:
    service = Service(1, passive("10s", 3))
    service.origins[0].status = 502
    for _ in range(8):
        assert await service.ask(1) == {"0": 1}
        clock.pass_by(5)


async def test_a_success_of_any_worker_forgives_everything(clock: Clock) -> None:
    service = Service(1, passive("10s", 2))
    for _ in range(4):
        service.origins[0].status = 500
        assert await service.ask(1) == {"0": 1}
        service.origins[0].status = 499
        assert await service.ask(1, worker=1) == {"0": 1}


@pytest.mark.parametrize(
    ("kind", "counts"),
    [(Kind.UNREACHABLE, True), (Kind.SERVER_CLOSED, True), (Kind.CLIENT_GONE, False), (Kind.BODY_TOO_LARGE, False)],
)
async def test_no_answer_counts_unless_the_client_is_to_blame(kind: Kind, counts: bool, clock: Clock) -> None:
    async def fail(request: Request) -> Response:
        raise ProxyError(kind)

    server = Server("a", 1, fail)
    standing = SharedServers(ServerTable(1, 64), 0).standing("s", ["a"])
    Judge(standing, 1, PassiveHealthCheck(), None).watch([server])
    balancer = LoadBalancer("s", [server], conditions=Conditions([server], standing))
    with pytest.raises(ProxyError):
        await balancer(make_request())
    assert balancer.is_up is not counts


async def test_with_active_checks_only_those_take_a_server_back(clock: Clock) -> None:
    service = Service(2, passive(), is_checked=True)
    service.origins[0].status = 500
    await service.ask(2)
    clock.pass_by(100_000)
    assert await service.ask(4) == {"1": 4}
    service.table.restore("s@file", "http://192.0.2.0", clock.now)
    service.origins[0].status = 200
    assert await service.ask(4) == await service.ask(4, worker=1) == {"0": 2, "1": 2}


async def test_what_was_asked_before_it_came_back_says_nothing_about_it(clock: Clock) -> None:
    """A server that hung is well again, and requests that waited for it all the time give up."""
    service = Service(1, passive(), is_checked=True)
    origin = service.origins[0]
    waiting: list[Future[Response]] = []

    async def hang(request: Request) -> Response:
        waiting.append(Future())
        return await waiting[-1]

    balancer = service.workers[0]
    balancer.servers[0].handler._handler = hang  # type: ignore[attr-defined]
    tasks = [create_task(run(balancer, make_request())) for _ in range(3)]
    await sleep(0)
    clock.pass_by(1)
    waiting[0].set_exception(ProxyError(Kind.TIMEOUT))
    await sleep(0)
    assert await service.ask(1, worker=1) == {"503": 1}
    clock.pass_by(1)
    service.table.restore("s@file", "http://192.0.2.0", clock.now)
    waiting[1].set_exception(ProxyError(Kind.TIMEOUT))
    await sleep(0)
    assert await service.ask(1, worker=1) == {"0": 1}
    origin.status = 500
    assert await service.ask(2, worker=1) == {"0": 1, "503": 1}
    waiting[2].set_result(Response(200, Headers()))
    for task in tasks[:2]:
        with pytest.raises(ProxyError):
            await task
    assert (await tasks[2])[0] == 200


async def test_values_that_make_no_sense(clock: Clock) -> None:
    service = Service(1, passive("-1s", 0))
    service.origins[0].status = 500
    assert await service.ask(3) == {"0": 3}


async def test_a_cookie_does_not_keep_a_client_with_an_ejected_server(clock: Clock) -> None:
    service = Service(2, passive(), sticky=Sticky(Cookie(name="lb")))
    balancer = service.workers[0]
    _, headers, body = await run(balancer, make_request())
    request = make_request(headers=[("Cookie", headers["Set-Cookie"].partition(";")[0])])
    service.origins[int(body)].status = 500
    assert await run(balancer, request) == (500, {}, body)
    status, headers, other = await run(balancer, request)
    assert (status, "Set-Cookie" in headers) == (200, True)
    assert other != body


async def test_a_parent_learns_what_any_worker_has_seen(clock: Clock) -> None:
    service = Service(1, passive())
    leaf = service.workers[1]
    parent = weighted("p@file", [Child("s@file", 1, leaf, leaf), Child("o@file", 1, Origin(body=b"7"))])
    assert {(await run(parent, ANY))[2] for _ in range(4)} == {b"0", b"7"}
    service.origins[0].status = 500
    await service.ask(1, worker=0)
    assert {(await run(parent, make_request()))[2] for _ in range(4)} == {b"7"}
    clock.pass_by(10)
    service.origins[0].status = 200
    assert {(await run(parent, make_request()))[2] for _ in range(4)} == {b"0", b"7"}
    leaf.retire()
    assert leaf.watchers == []


# === outliers ===


async def test_errors_in_a_row(clock: Clock) -> None:
    service = Service(4, outlier=OutlierDetection(3, Duration.of("30s"), 50))
    service.origins[1].status = 500
    assert (await service.ask(12))["1"] == 3
    assert "1" not in await service.ask(9, worker=1)
    clock.pass_by(30)
    assert (await service.ask(4))["1"] == 1


async def test_no_more_than_the_share_are_ejected(clock: Clock) -> None:
    service = Service(4, outlier=OutlierDetection(1, Duration.of("30s"), 50))
    for origin in service.origins:
        origin.status = 500
    await service.ask(12)
    assert len(await service.ask(12)) == 2
    assert len(await service.ask(12, worker=1)) == 2


async def test_one_may_always_be_ejected(clock: Clock) -> None:
    service = Service(2, outlier=OutlierDetection(1, Duration.of("30s"), 10))
    service.origins[0].status = 503
    await service.ask(2)
    assert await service.ask(4) == {"1": 4}


# === slow start ===


async def test_weight_comes_back_in_steps(clock: Clock) -> None:
    service = Service(2, passive(), slow_start="30s")
    assert await service.ask(20) == {"0": 10, "1": 10}  # nobody has come back yet
    service.origins[0].status = 500
    await service.ask(2)
    service.origins[0].status = 200
    clock.pass_by(10)
    assert await service.ask(110) == {"0": 10, "1": 100}
    clock.pass_by(15)
    assert await service.ask(160) == {"0": 60, "1": 100}
    assert await service.ask(160, worker=1) == {"0": 60, "1": 100}
    clock.pass_by(15)
    assert await service.ask(20) == {"0": 10, "1": 10}


async def test_servers_that_active_checks_bring_back_start_slowly(clock: Clock) -> None:
    service = Service(2, slow_start="10s")
    balancer = service.workers[0]
    balancer.set_down(["http://192.0.2.0"])
    assert await service.ask(4) == {"1": 4}
    balancer.set_up("http://192.0.2.0", True)
    assert await service.ask(110) == {"0": 10, "1": 100}
    balancer.set_down([])  # said again: nothing begins anew
    clock.pass_by(9.5)
    assert await service.ask(20) == {"0": 10, "1": 10}


async def test_all_come_back_at_once_share_alike(clock: Clock) -> None:
    service = Service(2, slow_start="10s")
    balancer = service.workers[0]
    balancer.set_down([server.url for server in balancer.servers])
    assert await service.ask(1) == {"503": 1}
    balancer.set_down([])
    assert await service.ask(20) == {"0": 10, "1": 10}
