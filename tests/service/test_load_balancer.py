"""Load balancers: distribution, health, stickiness."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pieces import Pieces
from tests.support import Origin, make_request, run
from trafficcop.config.dynamic import Cookie, Sticky
from trafficcop.errors import Kind, ProxyError
from trafficcop.http.headers import Headers
from trafficcop.http.messages import Request, Response
from trafficcop.service.internal import NoopHandler, PingHandler
from trafficcop.service.load_balancer import LoadBalancer, Server
from trafficcop.service.sticky import cookie_name, fnv1
from trafficcop.service.strategies import STRATEGIES, Beginning
from trafficcop.service.weighted import Child, highest_random_weight, weighted

ANY = make_request()


def servers(*weights: int, fenced: Sequence[int] = ()) -> list[Server]:
    return [
        Server(f"http://192.0.2.{index}", weight, Origin(body=b"%d" % index), index in fenced)
        for index, weight in enumerate(weights)
    ]


async def pick(balancer: LoadBalancer, request: Request = ANY) -> int:
    return int((await run(balancer, request))[2])


# === wrr ===


@given(st.lists(st.integers(0, 12), min_size=1, max_size=5), st.integers(0, 2**32), st.floats(0, 0.999))
def test_turns_are_exact_in_every_window(weights: list[int], seed: int, phase: float) -> None:
    balancer = LoadBalancer("s@file", servers(*weights), beginning=Beginning(random.Random(seed), phase))
    size = sum(weights)
    if not size:
        assert balancer._choose(ANY) is None
        return
    picks = [server.url for _ in range(3 * size) if (server := balancer._choose(ANY)) is not None]
    expected = {f"http://192.0.2.{index}": weight for index, weight in enumerate(weights) if weight}
    for start in range(2 * size + 1):
        assert Counter(picks[start : start + size]) == expected


def test_turns_are_smooth() -> None:
    balancer = LoadBalancer("s@file", servers(3, 1))
    picks = [server.weight for _ in range(8) if (server := balancer._choose(ANY)) is not None]
    assert all(picks[i : i + 2] != [1, 1] for i in range(7))
    assert picks[:4] == picks[4:]


def test_the_first_server_is_random() -> None:
    firsts = {LoadBalancer("s@file", servers(1, 1, 1))._choose(ANY).url for _ in range(100)}  # type: ignore[union-attr]
    assert len(firsts) == 3


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_servers_that_are_down_or_fenced_get_nothing(strategy: str) -> None:
    balancer = LoadBalancer("s@file", servers(1, 1, 1, fenced=[1]), strategy)
    balancer.set_down(["http://192.0.2.0"])
    assert {await pick(balancer) for _ in range(20)} == {2}
    balancer.set_down(["http://192.0.2.2"])
    assert {await pick(balancer) for _ in range(20)} == {0}
    balancer.set_down(["http://192.0.2.0", "http://192.0.2.2"])
    assert balancer.is_up  # the fenced one is
    assert await run(balancer, ANY) == (
        503,
        {"Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff"},
        b"no available server\n",
    )
    balancer.set_down([])
    assert {await pick(balancer) for _ in range(50)} <= {0, 2}


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_no_servers(strategy: str) -> None:
    balancer = LoadBalancer("s@file", [], strategy)
    assert (await run(balancer, ANY))[0] == 503
    assert not balancer.is_up


def test_unknown_strategy() -> None:
    with pytest.raises(ValueError, match=r'^unsupported load-balancer strategy "best"$'):
        LoadBalancer("s@file", [], "best")


# === p2c ===


async def test_the_less_busy_of_two_is_taken() -> None:
    pair = servers(1, 0)
    balancer = LoadBalancer("s@file", pair, "p2c")
    pair[0].tally.count = 5
    assert {await pick(balancer) for _ in range(20)} == {1}  # its weight of 0 does not count
    pair[1].tally.count = 6
    assert {await pick(balancer) for _ in range(20)} == {0}
    assert [server.tally.total() for server in pair] == [5, 6]


async def test_a_request_is_under_way_until_its_body_is_read() -> None:
    async def answer(request: Request) -> Response:
        return Response(200, Headers(), Pieces(b"0", is_whole=request.method == b"HEAD").stream())

    server = Server("http://192.0.2.0", 1, answer)
    balancer = LoadBalancer("s@file", [server], "p2c")
    first, second, third = [await balancer(make_request()) for _ in range(3)]
    assert server.tally.total() == 3
    await balancer(make_request(method="HEAD"))  # all of it is here: the server has done its part
    assert server.tally.total() == 3
    assert await first.body.read() == b"0"
    second.body.close()
    assert server.tally.total() == 2
    assert await first.body.read() == b""
    assert server.tally.total() == 1
    assert await third.body.read() == b"0"
    assert await third.body.read() == b""
    assert server.tally.total() == 0


async def test_whoever_has_the_last_byte_is_under_way_no_more() -> None:
    """A client that has all of its answer may ask another worker before this one has seen the end of the body."""
    pieces = Pieces(b"a", b"b", is_here=True, trailers=[(b"x", b"y")])
    body = pieces.stream()

    async def answer(request: Request) -> Response:
        return Response(200, Headers(), body)

    server = Server("http://192.0.2.0", 1, answer)
    response = await LoadBalancer("s@file", [server], "p2c")(make_request())
    assert response.body.take() is None
    assert response.body.take_available() == b"ab"
    assert server.tally.total() == 1
    body.feed(b"c")
    body.end([(b"x", b"y")])
    assert response.body.is_ended
    assert await response.body.read() == b"c"
    assert server.tally.total() == 0
    assert await response.body.read() == b""
    assert response.body.trailers == [(b"x", b"y")]


async def test_a_failed_request_is_not_under_way() -> None:
    async def fail(request: Request) -> Response:
        raise ProxyError(Kind.UNREACHABLE)

    server = Server("http://192.0.2.0", 1, fail)
    with pytest.raises(ProxyError):
        await LoadBalancer("s@file", [server], "p2c")(make_request())
    assert server.tally.total() == 0


# === hrw ===


async def test_a_client_keeps_its_server() -> None:
    balancer = LoadBalancer("s@file", servers(1, 1, 1), "hrw")
    again = LoadBalancer("s@file", servers(1, 1, 1), "hrw")
    clients = [make_request(peer=f"192.0.2.{number}") for number in range(60)]
    chosen = [await pick(balancer, request) for request in clients]
    assert chosen == [await pick(again, request) for request in clients]
    assert set(chosen) == {0, 1, 2}
    again.set_down(["http://192.0.2.1"])
    for before, request in zip(chosen, clients, strict=True):
        after = await pick(again, request)
        assert after == before if before != 1 else after != 1


async def test_weights_move_shares() -> None:
    pair = [
        Server("http://one.example.com:8080", 9, Origin(body=b"0")),
        Server("http://two.example.com:8080", 1, Origin(body=b"1")),
    ]
    balancer = LoadBalancer("s@file", pair, "hrw")
    counts = Counter([await pick(balancer, make_request(peer=f"198.51.{n // 200}.{n % 200}")) for n in range(1000)])
    assert 850 < counts[0] < 950


# === leasttime ===


async def test_the_fastest_is_taken() -> None:
    pair = servers(1, 1)
    balancer = LoadBalancer("s@file", pair, "leasttime")
    pair[0].times.add(100)
    pair[1].times.add(10)
    assert await pick(balancer) == 1
    pair[1].tally.count = 200
    assert await pick(balancer) == 0


async def test_equals_take_weighted_turns() -> None:
    group = servers(2, 1)
    balancer = LoadBalancer("s@file", group, "leasttime")
    chosen = []
    for _ in range(300):
        server = balancer._choose(ANY)
        assert server is not None
        chosen.append(server.weight)
    assert Counter(chosen)[2] == pytest.approx(200, abs=2)


async def test_of_a_crowd_the_slow_ones_are_rarely_asked() -> None:
    crowd = servers(*[1] * 100)
    for index, server in enumerate(crowd):
        server.times.add(10 if index % 2 else 1000)
    balancer = LoadBalancer("s@file", crowd, "leasttime")
    chosen = Counter([await pick(balancer) % 2 for _ in range(1000)])
    assert chosen[1] > 950


def test_times_are_a_mean_of_the_last_hundred() -> None:
    times = servers(1)[0].times
    assert times.mean == 0.0
    for _ in range(100):
        times.add(1000)
    for _ in range(100):
        times.add(4)
    assert times.mean == 4.0


# === sticky ===

URL = "http://192.0.2.0"
VALUE = hashlib.sha256(URL.encode()).hexdigest()[:16]
# As Traefik v3.7.9 answers.
NO_DOMAINS = [
    "a b",
    "a..b",
    "-a.b",
    "a-.b",
    "1.2.3",
    "1.2.3.400",
    "::1",
    "é.example.com",
    ".",
    "a" * 64 + ".b",
    "a.b;c",
]
DOMAINS = ["a.b.", "127.0.0.1", "example.com", "a-b.c", "1.b.2", "a" * 63 + ".b"]


@pytest.mark.parametrize(
    ("name", "service", "expected"),
    [
        ("", "web@file", "_" + hashlib.sha1(b"_TRAEFIK_BACKEND_web@file").hexdigest()[:5]),
        ("lb", "web@file", "lb"),
        ("a b=c;é", "web@file", "a_b_c__"),
        ("a!#$%&'*+-.^`|~Z9", "web@file", "a!#$%&'*+-.^`|~Z9"),
    ],
)
def test_cookie_name(name: str, service: str, expected: str) -> None:
    assert cookie_name(name, service) == expected


@pytest.mark.parametrize(
    ("cookie", "attributes"),
    [
        (Cookie(), "; Path=/"),
        (Cookie(path="/a;b"), "; Path=/ab"),
        (Cookie(path=""), ""),
        (Cookie(domain=".example.com"), "; Path=/; Domain=example.com"),
        *((Cookie(domain=domain), "; Path=/") for domain in NO_DOMAINS),
        *((Cookie(domain=domain), f"; Path=/; Domain={domain}") for domain in DOMAINS),
        (Cookie(max_age=60), "; Path=/; Max-Age=60"),
        (Cookie(max_age=-1), "; Path=/; Max-Age=0"),
        (Cookie(same_site="LAX"), "; Path=/; SameSite=Lax"),
        (Cookie(same_site="other"), "; Path=/"),
        (
            Cookie(domain="example.com", http_only=True, max_age=5, path="/a", same_site="none", secure=True),
            "; Path=/a; Domain=example.com; Max-Age=5; HttpOnly; Secure; SameSite=None",
        ),
        (Cookie(same_site="strict"), "; Path=/; SameSite=Strict"),
    ],
)
async def test_set_cookie(cookie: Cookie, attributes: str) -> None:
    balancer = LoadBalancer("web@file", servers(1), sticky=Sticky(cookie))
    _, headers, _ = await run(balancer, make_request())
    assert headers == {"Set-Cookie": f"{cookie_name('', 'web@file')}={VALUE}{attributes}"}


FNV = fnv1(URL.encode()).decode()


@pytest.mark.parametrize(
    ("header", "is_kept", "is_written"),
    [
        (f"lb={VALUE}", True, False),
        (f'a=b; lb="{VALUE}" ;c=d', True, False),
        (f"xlb={VALUE}", False, True),
        (f"lb={VALUE}x", False, True),
        ("lb=", False, True),
        (f"lb={URL}", True, True),
        (f"lb={FNV}", True, True),
        (f"lb={fnv1(FNV.encode()).decode()}", True, True),
        (f"lb=x; lb={VALUE}", False, True),
    ],
)
@pytest.mark.parametrize("is_block", [True, False])
@pytest.mark.parametrize("strategy", ["wrr", "p2c", "leasttime", "leastConn", "random"])
async def test_cookies_of_clients(strategy: str, header: str, is_kept: bool, is_written: bool, is_block: bool) -> None:
    balancer = LoadBalancer("web@file", servers(1, 1, 1), strategy, Sticky(Cookie(name="lb")))
    request = make_request(headers=[("Cookie", header)])
    if is_block:
        request.headers = Headers.of_block(b"X-Cookie: lb=x\r\n" + request.headers.encode() + b"B: lb=y\r\n", None)
    answers = [await run(balancer, request) for _ in range(40)]
    chosen = {body for _, _, body in answers}
    assert chosen == {b"0"} if is_kept else len(chosen) == 3
    assert all(("Set-Cookie" in headers) is is_written for _, headers, _ in answers)


async def test_fnv1() -> None:
    assert fnv1(b"") == b"cbf29ce484222325"
    assert fnv1(b"a") == b"af63bd4c8601b7be"


async def test_a_fenced_server_is_kept_by_its_cookie_a_dead_one_is_not() -> None:
    balancer = LoadBalancer("web@file", servers(1, 1, fenced=[0]), sticky=Sticky(Cookie(name="lb")))
    request = make_request(headers=[("Cookie", f"lb={VALUE}")])
    assert await run(balancer, request) == (200, {}, b"0")
    balancer.set_down([URL])
    _, headers, body = await run(balancer, request)
    assert body == b"1"
    assert headers["Set-Cookie"].startswith("lb=")
    balancer.set_down([URL, "http://192.0.2.1"])
    assert (await run(balancer, request))[0] == 503


async def test_the_cookie_comes_before_those_of_the_server_and_with_failures() -> None:
    async def fail(request: Request) -> Response:
        raise ProxyError(Kind.UNREACHABLE)

    chatty = Server(URL, 1, Origin(headers=[("Set-Cookie", "a=b")]))
    _, headers, _ = await run(LoadBalancer("w@f", [chatty], sticky=Sticky(Cookie(name="lb"))), make_request())
    assert headers == {"Set-Cookie": f"lb={VALUE}; Path=/|a=b"}
    broken = LoadBalancer("w@f", [Server(URL, 1, fail)], sticky=Sticky(Cookie(name="lb")))
    status, headers, body = await run(broken, make_request())
    assert (status, headers, body) == (502, {"Set-Cookie": f"lb={VALUE}; Path=/"}, b"Bad Gateway")


async def test_rendezvous_hashing_has_no_cookie() -> None:
    balancer = LoadBalancer("web@file", servers(1), "hrw", Sticky(Cookie()))
    assert (await run(balancer, make_request()))[1] == {}


# === services of services ===


async def test_weighted_shares() -> None:
    children = [Child("a", 3, Origin(body=b"1")), Child("b@other", 1, Origin(body=b"2"))]
    balancer = weighted("w@file", children, Sticky(Cookie(name="lb")))
    assert Counter([await pick(balancer) for _ in range(40)]) == {1: 30, 2: 10}
    value = hashlib.sha256(b"a").hexdigest()[:16]  # the name as the configuration writes it
    request = make_request(headers=[("Cookie", f"lb={value}")])
    assert [await pick(balancer, request) for _ in range(4)] == [1] * 4
    value = hashlib.sha256(b"b@other").hexdigest()[:16]
    assert await pick(balancer, make_request(headers=[("Cookie", f"lb={value}")])) == 2


async def test_health_climbs() -> None:
    leaf = LoadBalancer("leaf@file", servers(1, 1))
    child = weighted("child@file", [Child("leaf@file", 1, leaf, leaf)])
    other = Origin(body=b"7")
    parent = weighted("parent@file", [Child("child@file", 1, child, child), Child("other@file", 1, other)])
    leaf.set_down([URL])
    assert {await pick(parent) for _ in range(6)} == {1, 7}
    leaf.set_down([URL, "http://192.0.2.1"])
    assert not child.is_up
    assert {await pick(parent) for _ in range(6)} == {7}
    leaf.set_down([])
    assert {await pick(parent) for _ in range(9)} == {0, 1, 7}


async def test_highest_random_weight_of_services() -> None:
    balancer = highest_random_weight("h@file", [Child(f"{n}@file", 1, Origin(body=b"%d" % n)) for n in range(3)])
    chosen = [await pick(balancer, make_request(peer=f"192.0.2.{n}")) for n in range(60)]
    assert chosen == [await pick(balancer, make_request(peer=f"192.0.2.{n}")) for n in range(60)]
    assert set(chosen) == {0, 1, 2}


# === internal ===


async def test_ping() -> None:
    ping = PingHandler(299)
    assert await run(ping, make_request()) == (200, {}, b"OK")
    ping.is_terminating = True
    assert await run(ping, make_request()) == (299, {}, b"")
    plain = PingHandler()
    plain.is_terminating = True
    assert await run(plain, make_request()) == (503, {}, b"Service Unavailable")


async def test_noop() -> None:
    assert await run(NoopHandler(), make_request()) == (418, {}, b"")
