"""`retryFor`: requests wait for a server, and what ends their waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.live import backend, plain
from tests.loopback import router, until
from tests.support import Origin, make_request, run
from trafficcop.config.dynamic import LoadBalancer as Options
from trafficcop.config.scalars import Duration
from trafficcop.http.drive import Drive
from trafficcop.http.messages import Request, Response
from trafficcop.plan.messages import Health
from trafficcop.service import hold
from trafficcop.service.hold import Hold
from trafficcop.service.load_balancer import LoadBalancer, Server

URL = "http://192.0.2.1"
LONG = 3600.0


def balancer(body: bytes = b"ok") -> LoadBalancer:
    return LoadBalancer("s@file", [Server(URL, 1, Origin(body=body))])


async def waits(held: Hold, request: Request | None = None) -> asyncio.Task[tuple[int, dict[str, str], bytes]]:
    """A request that has begun to wait."""
    count = len(held._waiting)
    task = asyncio.create_task(run(held, request or make_request()))
    await until(lambda: len(held._waiting) > count)
    return task


async def test_a_server_that_is_up_answers_at_once() -> None:
    assert (await run(Hold(balancer(), LONG), make_request()))[2] == b"ok"


async def test_a_server_that_comes_back_wakes_everybody() -> None:
    servers = balancer()
    held = Hold(servers, LONG)
    servers.set_down([URL])
    tasks = [await waits(held) for _ in range(3)]
    servers.set_down([])
    assert [(await task)[0] for task in tasks] == [200, 200, 200]
    assert held._waiting == set()


async def test_the_time_is_over() -> None:
    servers = balancer()
    servers.set_down([URL])
    assert (await run(Hold(servers, 0.01), make_request()))[::2] == (503, b"no available server\n")


async def test_a_server_that_is_gone_again_is_waited_for_once_more() -> None:
    servers = balancer()
    held = Hold(servers, LONG)
    servers.set_down([URL])
    task = await waits(held)
    servers.set_down([])
    servers.set_down([URL])
    await until(lambda: len(held._waiting) == 1)
    assert not task.done()
    servers.set_down([])
    assert (await task)[0] == 200


async def test_a_client_that_leaves_waits_no_more() -> None:
    servers = balancer()
    held = Hold(servers, LONG)
    servers.set_down([URL])
    ended: list[BaseException | None] = []
    drive = Drive(ended.append)

    async def serve() -> None:
        await held(make_request())

    drive.start(serve())
    assert len(held._waiting) == 1
    drive.throw(ConnectionError())
    assert held._waiting == set()
    assert isinstance(ended[0], ConnectionError)
    held._release()


async def test_servers_that_nobody_tells_of_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hold, "_LOOK_SECONDS", 0.001)

    class ByTheClock:
        def __init__(self) -> None:
            self.watchers: list[Callable[[bool], None]] = []
            self.looks = 0

        @property
        def is_up(self) -> bool:
            self.looks += 1
            return self.looks > 5

        def __call__(self, request: Request) -> Awaitable[Response]:
            return Origin()(request)

    assert (await run(Hold(ByTheClock(), LONG), make_request()))[0] == 200


class TestReload:
    async def test_who_waits_goes_on_in_the_new_plan(self) -> None:
        old, new = balancer(b"old"), balancer(b"new")
        held, successor = Hold(old, LONG), Hold(new, LONG)
        old.set_down([URL])
        new.set_down([URL])
        task = await waits(held)
        held.replace(successor)
        await until(lambda: len(successor._waiting) == 1)
        new.set_down([])
        assert (await task)[2] == b"new"

    async def test_a_service_that_is_gone_answers(self) -> None:
        old = balancer()
        held = Hold(old, LONG)
        old.set_down([URL])
        task = await waits(held)
        held.replace(None)
        assert (await task)[0] == 503


async def test_behind_a_listener() -> None:
    async with backend(lambda n, head, body: plain(200, b"here")) as port:
        url = f"http://127.0.0.1:{port}"
        async with router(url, balancer=Options(retry_for=Duration.of("1h"))) as loopback:
            loopback.runtime.apply_health(Health("app@file", frozenset({url})))
            client = await loopback.client()
            await client.send(b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n")
            linked = loopback.runtime._linked
            assert linked is not None
            await until(lambda: len(linked.holds["app@file"]._waiting) == 1)
            loopback.runtime.apply_health(Health("app@file", frozenset()))
            assert (await client.answer())[2] == b"here"
