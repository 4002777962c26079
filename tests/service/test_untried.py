"""Another attempt is for another server, whatever the strategy says, as long as there is one."""

from __future__ import annotations

import pytest

from tests.support import build, make_request, run
from trafficcop.config.dynamic import Cookie, Sticky
from trafficcop.config.middlewares import Retry
from trafficcop.errors import Kind, ProxyError
from trafficcop.http.body import EMPTY
from trafficcop.http.headers import Headers
from trafficcop.http.messages import Request, Response, Target
from trafficcop.service.load_balancer import LoadBalancer, Server
from trafficcop.service.sticky import cookie_value

URLS = [f"http://192.0.2.{n}" for n in range(5)]


class Patient:
    """A server that is well or cannot be reached."""

    def __init__(self, url: str, asked: list[str], is_well: bool = False) -> None:
        self.target = Target("s@file", url)
        self.asked = asked
        self.is_well = is_well

    async def __call__(self, request: Request) -> Response:
        request.server = self.target
        self.asked.append(self.target.url)
        if not self.is_well:
            raise ProxyError(Kind.UNREACHABLE, is_retryable=True)
        return Response(200, Headers(), EMPTY)


def balancer(asked: list[str], well: int, strategy: str = "wrr", sticky: Sticky | None = None) -> LoadBalancer:
    servers = [Server(url, 1, Patient(url, asked, index == well)) for index, url in enumerate(URLS)]
    return LoadBalancer("s@file", servers, strategy, sticky)


@pytest.mark.parametrize("strategy", ["wrr", "p2c", "hrw", "leasttime"])
@pytest.mark.parametrize("sticky", [None, Sticky(Cookie(name="lb"))])
@pytest.mark.parametrize("well", range(5))
async def test_the_one_that_is_well_is_found(strategy: str, sticky: Sticky | None, well: int) -> None:
    asked: list[str] = []
    handler = build("retry", Retry(attempts=5), balancer(asked, well, strategy, sticky))
    for n in range(8):
        asked.clear()
        cookie = f"lb={cookie_value(URLS[n % 5]).decode()}"
        status, _, _ = await run(handler, make_request(peer=f"192.0.2.{n}", headers=[("Cookie", cookie)]))
        assert status == 200
        assert len(asked) == len(set(asked))
        assert asked[-1] == URLS[well]
        if sticky is not None and strategy != "hrw":
            assert asked[0] == URLS[n % 5]


async def test_when_all_have_failed_they_are_all_asked_again() -> None:
    asked: list[str] = []
    handler = build("retry", Retry(attempts=11), balancer(asked, -1))
    with pytest.raises(ProxyError):
        await run(handler, make_request())
    assert len(asked) == 11
    assert set(asked[:5]) == set(asked[5:10]) == set(URLS)


async def test_servers_that_are_down_are_no_way_out() -> None:
    asked: list[str] = []
    servers = balancer(asked, 0)
    servers.set_down(URLS[:3])
    handler = build("retry", Retry(attempts=4), servers)
    with pytest.raises(ProxyError):
        await run(handler, make_request())
    assert set(asked) == set(URLS[3:])
