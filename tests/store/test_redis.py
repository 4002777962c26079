"""Buckets in a real Redis server."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import Origin, build, make_request, run
from tests.tls_servers import authority, pair_for
from trafficcop.config.middlewares import RateLimit, RateLimitRedis
from trafficcop.config.scalars import Duration
from trafficcop.config.tls import ClientTLS
from trafficcop.store import redis as store
from trafficcop.store.interface import Rate, StoreUnavailable
from trafficcop.store.redis import RedisBuckets

SECOND = 1_000_000_000
PASSWORD = "let-me-in"


@pytest.fixture(scope="module")
def endpoints(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    program = shutil.which("redis-server")
    assert program is not None, "these tests need redis-server: apt-get install redis-server"
    directory = tmp_path_factory.mktemp("redis")
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            tls_port = other.getsockname()[1]
    cert_file, key_file = pair_for("127.0.0.1").write(directory, "redis")
    (directory / "ca.pem").write_bytes(authority().pem)
    arguments = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    arguments += ["--requirepass", PASSWORD, "--dir", str(directory)]
    arguments += ["--tls-port", str(tls_port), "--tls-cert-file", cert_file, "--tls-key-file", key_file]
    arguments += ["--tls-ca-cert-file", str(directory / "ca.pem"), "--tls-auth-clients", "optional"]
    process = subprocess.Popen([program, *arguments], stdout=subprocess.DEVNULL)
    end = time.monotonic() + 15
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            break
        except ConnectionRefusedError:
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.01)
    yield f"127.0.0.1:{port}", f"127.0.0.1:{tls_port}"
    process.terminate()
    process.wait()


@pytest.fixture
def endpoint(endpoints: tuple[str, str]) -> str:
    return endpoints[0]


@pytest.fixture
async def config(endpoint: str) -> Any:
    config = RateLimitRedis(endpoints=(endpoint,), password=PASSWORD, min_idle_conns=1, pool_size=4)
    client = await store._client(config)
    await client.flushall()
    yield config
    await client.aclose()


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = time.time_ns()
        monkeypatch.setattr("trafficcop.store.redis.time.time_ns", lambda: self.now)


async def test_a_bucket(config: RateLimitRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    buckets = RedisBuckets(config, "limit@file", Rate(2.0, 3, SECOND // 4, 60))
    assert [await buckets.reserve("a") for _ in range(3)] == [0, 0, 0]
    assert await buckets.reserve("a") == SECOND // 2  # too long: no token taken
    assert await buckets.reserve("a") == SECOND // 2
    assert await buckets.reserve("b") == 0
    clock.now += SECOND // 4
    assert await buckets.reserve("a") == SECOND // 4  # on credit
    assert await buckets.reserve("a") == SECOND * 3 // 4
    clock.now += 100 * SECOND
    assert [await buckets.reserve("a") for _ in range(4)] == [0, 0, 0, SECOND // 2]
    clock.now -= 50 * SECOND  # the clock of another machine: no tokens for that
    assert await buckets.reserve("a") == SECOND // 2


async def test_what_is_stored(config: RateLimitRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    await RedisBuckets(config, "limit@file", Rate(1.0, 5, 0, 60)).reserve("192.0.2.1")
    client = await store._client(config)
    stored = await client.hgetall("rate:limit@file:192.0.2.1")
    assert stored == {b"last": str(clock.now // 1000).encode(), b"tokens": b"4"}
    assert await client.ttl("rate:limit@file:192.0.2.1") == 60
    assert await client.dbsize() == 1


async def test_many_at_once_share_one_bucket(config: RateLimitRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    Clock(monkeypatch)
    buckets = [RedisBuckets(config, "limit@file", Rate(1.0, 7, 0, 60)) for _ in range(3)]
    waits = await asyncio.gather(*(buckets[number % 3].reserve("a") for number in range(60)))
    assert sum(not wait for wait in waits) == 7


async def test_scripts_that_the_server_forgot_are_sent_again(config: RateLimitRedis) -> None:
    buckets = RedisBuckets(config, "limit@file", Rate(1.0, 7, 0, 60))
    assert await buckets.reserve("a") == 0
    await (await store._client(config)).script_flush()
    assert await buckets.reserve("a") == 0


async def test_the_middleware(config: RateLimitRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    Clock(monkeypatch)
    origin = Origin()
    handler = build("rate_limit", RateLimit(1, 2, Duration.of("2s"), redis=config), origin)
    assert [(await run(handler, make_request()))[0] for _ in range(2)] == [200, 200]
    answer = await run(handler, make_request())
    assert answer == (429, {"Retry-After": "2", "X-Retry-In": "2s"}, b"Too Many Requests")
    assert (await run(handler, make_request(peer="192.0.2.2")))[0] == 200
    assert len(origin.requests) == 3


async def test_who_need_not_wait_long_is_served_then(config: RateLimitRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    handler = build("rate_limit", RateLimit(50, 1, redis=config), Origin())
    assert (await run(handler, make_request()))[0] == 200
    assert (await run(handler, make_request()))[0] == 429  # 20 ms
    clock.now += SECOND // 80
    assert (await run(handler, make_request()))[0] == 200  # 7.5 ms


@pytest.mark.parametrize(
    ("change", "word"),
    [({"password": "wrong"}, "AuthenticationError"), ({"endpoints": ("127.0.0.1:1",)}, "ConnectionError")],
)
async def test_redis_that_does_not_answer(
    endpoint: str, change: dict[str, Any], word: str, caplog: pytest.LogCaptureFixture
) -> None:
    options: dict[str, Any] = {"endpoints": (endpoint,), "password": PASSWORD, **change}
    config = RateLimitRedis(**options)
    with pytest.raises(StoreUnavailable, match=word):
        await RedisBuckets(config, "limit@file", Rate(1.0, 1, 0, 2)).reserve("a")
    origin = Origin()
    handler = build("rate_limit", RateLimit(1, redis=config), origin)
    status, headers, body = await run(handler, make_request())
    assert (status, body) == (500, b"Could not insert/update bucket\n")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert not origin.requests
    await (await store._client(config)).aclose()


@pytest.mark.parametrize(
    ("config", "text"),
    [
        (RateLimitRedis(endpoints=("localhost",)), "address localhost: missing port in address"),
        (RateLimitRedis(endpoints=("localhost:x",)), "address localhost:x: missing port in address"),
        (RateLimitRedis(endpoints=()), "no endpoints"),
        (RateLimitRedis(tls=ClientTLS(key="a")), "both TLS cert and key must be defined"),
    ],
)
def test_bad_options(config: RateLimitRedis, text: str) -> None:
    with pytest.raises(ValueError) as failure:
        build("rate_limit", RateLimit(1, redis=config), Origin())
    assert str(failure.value) == f"creating redis limiter: {text}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("redis.example.com:6379", ("redis.example.com", 6379)), ("[::1]:1", ("::1", 1)), (":2", ("localhost", 2))],
)
def test_endpoints(text: str, expected: tuple[str, int]) -> None:
    assert store.split_endpoint(text) == expected


PAIR = pair_for("client.example.com")


@pytest.mark.parametrize(
    ("tls", "is_reached"),
    [
        (ClientTLS(ca=authority().pem.decode()), True),
        (ClientTLS(insecure_skip_verify=True), True),
        (ClientTLS(ca=authority().pem.decode(), cert=PAIR.pem.decode(), key=PAIR.key_pem.decode()), True),
        (ClientTLS(), False),
        (ClientTLS(ca=authority("Somebody Else").pem.decode()), False),
    ],
)
async def test_over_tls(endpoints: tuple[str, str], tls: ClientTLS, is_reached: bool) -> None:
    config = RateLimitRedis(endpoints=(endpoints[1],), password=PASSWORD, tls=tls)
    buckets = RedisBuckets(config, f"tls{hash(tls)}@file", Rate(1.0, 1, SECOND, 2))
    if is_reached:
        assert await buckets.reserve("a") == 0
        await (await store._client(config)).aclose()
    else:
        with pytest.raises(StoreUnavailable):
            await buckets.reserve("a")
