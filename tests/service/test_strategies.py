"""The strategies beyond Traefik's, keys of requests, and the weight of servers that come back."""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import Origin, make_request, run
from trafficcop.config.dynamic import Sticky
from trafficcop.config.own_balancing import ConsistentHash, StickyClientIP, StickyHeader
from trafficcop.http.messages import Request
from trafficcop.service.load_balancer import LoadBalancer, Server
from trafficcop.service.rings import Ring, ring_of
from trafficcop.service.strategies import STRATEGIES, Beginning

ANY = make_request()
CLIENTS = [make_request(peer=f"192.0.2.{low}", headers=[("X-User", f"user{low}")]) for low in range(250)]


def servers(*weights: int) -> list[Server]:
    return [Server(f"http://192.0.2.{i}:80", weight, Origin(body=b"%d" % i)) for i, weight in enumerate(weights)]


def balancer(
    strategy: str, group: Sequence[Server], options: ConsistentHash | None = None, phase: float = 0.0
) -> LoadBalancer:
    return LoadBalancer("s@file", group, strategy, beginning=Beginning(random.Random(7), phase, options))


def choose(chooser: LoadBalancer, request: Request = ANY) -> Server:
    server = chooser._choose(request)
    assert server is not None
    return server


# === wrr ===


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(2, 4), st.lists(st.integers(0, 3), max_size=80))
@settings(max_examples=60)
def test_workers_together_are_a_turn_each_from_exact(weights: list[int], workers: int, asked: list[int]) -> None:
    seats = [balancer("wrr", servers(*weights), phase=place / workers) for place in range(workers)]
    counts = Counter(choose(seats[number % workers]).url for number in asked)
    for index, weight in enumerate(weights):
        share = len(asked) * weight / sum(weights)
        assert abs(counts[f"http://192.0.2.{index}:80"] - share) <= workers


def test_workers_begin_at_different_servers() -> None:
    assert len({choose(balancer("wrr", servers(1, 1, 1, 1), phase=place / 4)).url for place in range(4)}) == 4


def test_turns_too_long_to_be_kept() -> None:
    group = servers(5000, 1, 999)
    chooser = balancer("wrr", group, phase=0.5)
    assert Counter(choose(chooser).weight for _ in range(6000)) == {5000: 5000, 1: 1, 999: 999}


def test_who_is_left_goes_on_with_the_turns() -> None:
    chooser = balancer("wrr", servers(1, 1, 1))
    assert [choose(chooser).url[-4] for _ in range(2)] == ["0", "1"]
    chooser.set_down(["http://192.0.2.0:80"])
    assert sorted(choose(chooser).url[-4] for _ in range(10)) == ["1"] * 5 + ["2"] * 5
    chooser.set_down([])
    assert Counter(choose(chooser).url for _ in range(9)) == dict.fromkeys((s.url for s in chooser.servers), 3)


# === leastConn ===


@given(st.lists(st.integers(1, 5), min_size=2, max_size=6), st.integers(0, 2**16))
@settings(max_examples=50)
def test_the_least_busy_for_its_weight_is_taken(weights: list[int], seed: int) -> None:
    group = servers(*weights)
    chooser = balancer("leastConn", group)
    chance = random.Random(seed)
    for server in group:
        server.tally.count = chance.randrange(9)  # type: ignore[attr-defined]
    least = min(server.tally.total() / server.weight for server in group)
    chosen = choose(chooser)
    assert chosen.tally.total() / chosen.weight == least


def test_idle_servers_take_weighted_turns() -> None:
    chooser = balancer("leastConn", servers(3, 1))
    assert Counter(choose(chooser).weight for _ in range(40)) == {3: 30, 1: 10}


def test_of_many_servers_none_has_many_more_than_another() -> None:
    group = servers(*[1] * 200)
    chooser = balancer("leastConn", group)
    for _ in range(2000):
        choose(chooser).tally.enter()
    assert max(server.tally.total() for server in group) <= 12
    chance = random.Random(3)
    for _ in range(20_000):  # one comes, one goes, anywhere
        choose(chooser).tally.enter()
        chance.choice([server for server in group if server.tally.total()]).tally.leave()
    assert max(server.tally.total() for server in group) <= 12


# === p2c ===


@pytest.mark.parametrize("speeds", [(1, 1, 1, 1), (10, 1, 1, 1), (4, 3, 2, 1), (1,) * 7 + (10,)])
@pytest.mark.parametrize("strategy", ["p2c", "leastConn"])
def test_slow_servers_have_no_long_queues(strategy: str, speeds: tuple[int, ...]) -> None:
    """Eight requests for each server are under way at any time; a server takes its time for each, all at once."""
    group = servers(*[1] * len(speeds))
    seats = [balancer(strategy, group, phase=place / 4) for place in range(4)]
    chance = random.Random(5)
    under_way: list[tuple[float, float, Server]] = []
    long = 0
    for number in range(8 * len(speeds) + 5000):
        now, _, server = heapq.heappop(under_way) if number >= 8 * len(speeds) else (0.0, 0.0, None)
        if server is not None:
            server.tally.leave()
        server = choose(chance.choice(seats))
        server.tally.enter()
        time = speeds[group.index(server)] * chance.expovariate(1)
        heapq.heappush(under_way, (now + time, chance.random(), server))
        long += max(one.tally.total() for one in group) > 8 + 2
    assert long <= (100 if strategy == "p2c" else 0)


def test_the_least_busy_of_the_last_time_is_remembered() -> None:
    group = servers(1, 1, 1, 1)
    chooser = balancer("p2c", group)
    for server, count in zip(group, (5, 9, 9, 9), strict=True):
        for _ in range(count):
            server.tally.enter()
    while choose(chooser) is not group[0]:
        pass
    assert [choose(chooser) for _ in range(20)] == [group[0]] * 20  # its count does not change


def test_one_that_has_next_to_nothing_to_do_is_not_remembered() -> None:
    group = servers(1, 1, 1, 1)
    chooser = balancer("p2c", group)
    for server, count in zip(group, (1, 9, 9, 9), strict=True):
        for _ in range(count):
            server.tally.enter()
    counts = Counter(choose(chooser).url for _ in range(1000))
    assert 400 < counts[group[0].url] < 600  # half of all pairs have it


# === random ===


async def test_shares_of_chance() -> None:
    chooser = balancer("random", servers(8, 2, 0))
    counts = Counter([(await run(chooser, ANY))[2] for _ in range(1000)])
    assert counts[b"0"] + counts[b"1"] == 1000
    assert 740 < counts[b"0"] < 860


# === consistentHash ===


def owners(chooser: LoadBalancer, requests: Sequence[Request] = CLIENTS) -> list[str]:
    return [choose(chooser, request).url for request in requests]


UNBOUND = ConsistentHash(load_factor=0)


@pytest.mark.parametrize("strategy", ["hrw", "consistentHash"])
def test_only_keys_of_the_server_that_leaves_move(strategy: str) -> None:
    group = servers(1, 1, 1, 1)
    before = owners(balancer(strategy, group, UNBOUND))
    without = owners(balancer(strategy, group[:2] + group[3:], UNBOUND))
    down = balancer(strategy, group, UNBOUND)
    down.set_down([group[2].url])
    for one, after, meanwhile in zip(before, without, owners(down), strict=True):
        assert one == group[2].url or one == after
        assert meanwhile == after
    moved = before.count(group[2].url)
    assert moved <= len(CLIENTS) / 4 * 1.3
    assert set(before) == {server.url for server in group}


def test_weights_are_shares_of_keys() -> None:
    keys = [make_request(headers=[("X-User", str(number))]) for number in range(3000)]
    counts = Counter(
        owners(balancer("consistentHash", servers(3, 1), ConsistentHash(header="X-User", load_factor=0)), keys)
    )
    assert counts["http://192.0.2.0:80"] == pytest.approx(2250, rel=0.06)


def test_all_routers_agree_on_the_server_of_a_key() -> None:
    group = servers(1, 2, 3)
    other = list(reversed(servers(1, 2, 3)))
    assert owners(balancer("consistentHash", group, UNBOUND)) == owners(balancer("consistentHash", other, UNBOUND))


def test_keys_of_headers_and_cookies() -> None:
    group = servers(*[1] * 8)
    by_header = balancer("consistentHash", group, ConsistentHash(header="X-User"))
    by_cookie = balancer("consistentHash", group, ConsistentHash(cookie="id"))
    for number in range(30):
        header = make_request(headers=[("x-user", str(number))], peer=f"192.0.2.{number}")
        cookie = make_request(headers=[("Cookie", f"a=b; id={number}")], peer=f"192.0.2.{number}")
        assert choose(by_header, header) is choose(by_cookie, cookie)
    assert len({choose(by_header).url for _ in range(8)}) == 8  # without a key they take turns
    assert len({choose(by_cookie).url for _ in range(8)}) == 8


@given(st.lists(st.integers(1, 4), min_size=1, max_size=6), st.integers(0, 2**16))
@settings(max_examples=50)
def test_no_server_gets_more_than_its_bound(weights: list[int], seed: int) -> None:
    group = servers(*weights)
    beginning = Beginning(random.Random(1), 0.0, ConsistentHash(load_factor=1.5, virtual_nodes=20))
    chooser = LoadBalancer("s@file", group, "consistentHash", beginning=beginning)
    chance = random.Random(seed)
    for number in range(60):
        server = choose(chooser, make_request(peer=f"192.0.2.{chance.randrange(4)}"))
        server.tally.enter()
        beginning.whole.enter()
        bound = 1.5 * (number + 1) * server.weight / sum(weights)
        assert server.tally.total() < bound + 1


def test_a_key_whose_server_is_full_goes_to_the_next() -> None:
    group = servers(1, 1, 1)
    beginning = Beginning(random.Random(1), 0.0, ConsistentHash())
    chooser = LoadBalancer("s@file", group, "consistentHash", beginning=beginning)
    first = choose(chooser)
    first.tally.enter()
    beginning.whole.enter()
    second = choose(chooser)
    assert second is not first
    first.tally.leave()
    beginning.whole.leave()
    assert choose(chooser) is first
    for server in group:
        server.tally.count = 100  # type: ignore[attr-defined]
    assert choose(chooser) is first  # all are full: whoever counted has died, or the counts are of another moment


def test_rings_are_shared_while_they_are_used() -> None:
    group = servers(1, 1)
    ring, sizes = ring_of(group, 16)
    assert ring_of(servers(1, 1), 16)[0] is ring
    assert ring_of(servers(1, 2), 16)[0] is not ring
    assert sizes == [16, 16]
    assert ring_of(servers(1000, 1), 160)[1] == [40000, 40]  # no ring has more than 65536 places
    assert Ring([]).walk(0, []) == -1


# === sticky by header and address ===


async def test_a_header_keeps_its_server() -> None:
    group = servers(1, 1, 1)
    chooser = LoadBalancer(
        "s@file", group, "leastConn", Sticky(header=StickyHeader("X-User"), client_ip=StickyClientIP())
    )
    for request in CLIENTS[:40]:
        first = (await run(chooser, request))[2]
        moved = make_request(peer="198.51.100.7", headers=[("X-User", request.headers.get(b"X-User").decode())])  # type: ignore[union-attr]
        assert {(await run(chooser, moved))[2] for _ in range(3)} == {first}
    bare = make_request(peer="192.0.2.77")
    assert len({(await run(chooser, bare))[2] for _ in range(9)}) == 1
    kept = await run(chooser, bare)
    assert "Set-Cookie" not in kept[1]
    chooser.set_down([f"http://192.0.2.{kept[2].decode()}:80"])
    assert (await run(chooser, bare))[2] != kept[2]
    chooser.set_down([server.url for server in group])
    assert (await run(chooser, bare))[0] == 503


async def test_without_the_header_the_strategy_chooses() -> None:
    chooser = LoadBalancer("s@file", servers(1, 1, 1), "wrr", Sticky(header=StickyHeader("X-User")))
    assert len({(await run(chooser, ANY))[2] for _ in range(3)}) == 3


async def test_the_network_of_a_client_keeps_its_server() -> None:
    sticky = Sticky(client_ip=StickyClientIP(ipv6_subnet=64))
    chooser = LoadBalancer("s@file", servers(*[1] * 9), "wrr", sticky)
    near = {(await run(chooser, make_request(peer=f"2001:db8:1:2::{n:x}")))[2] for n in range(1, 30)}
    assert len(near) == 1
    assert len({(await run(chooser, make_request(peer=f"2001:db8:1:{n:x}::1")))[2] for n in range(60)}) > 4
    assert len({(await run(chooser, make_request(peer=f"192.0.2.{n}")))[2] for n in range(60)}) > 4


# === shares ===


@pytest.mark.parametrize("strategy", ["wrr", "p2c", "leastConn", "random", "leasttime", "hrw", "consistentHash"])
def test_a_server_on_its_way_back_is_given_less(strategy: str) -> None:
    group = servers(1, 1)
    chooser = balancer(strategy, group, UNBOUND)
    for server in group:
        server.times.add(10)
    group[0].share = 0.1
    chooser.revise()
    requests = [make_request(peer=f"198.51.{n % 200}.{n // 200}") for n in range(1000)]
    few = Counter(choose(chooser, request).url for request in requests)[group[0].url]
    if strategy == "leasttime":  # which asks it only when the others are ten times as busy
        assert few == 0
    else:
        assert 40 < few < 150
    group[0].share = 1.0
    chooser.revise()
    assert Counter(choose(chooser, request).url for request in requests)[group[0].url] > 390


def test_every_strategy_has_a_name_of_its_own() -> None:
    assert set(STRATEGIES) == {"", "wrr", "p2c", "hrw", "leasttime", "leastConn", "random", "consistentHash"}
