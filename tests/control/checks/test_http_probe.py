"""Health checks over HTTP against real little servers, one table per option."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable

import pytest

from tests.live import Seen, backend, plain
from trafficcop.config.dynamic import LoadBalancer, Server, ServerHealthCheck, Service
from trafficcop.config.scalars import Duration
from trafficcop.control.checks.health import CheckFailed, Probe, Schedule
from trafficcop.control.checks.http import http_checks, mistakes
from trafficcop.control.checks.http_probe import check_url
from trafficcop.control.checks.terms import schedule_of
from trafficcop.plan.model import Plan, ServicePlan, TransportPlan

Answer = Callable[[int, str, bytes], bytes]


def probe_of(url: str, config: ServerHealthCheck) -> Probe:
    plan = Plan(
        services={"s@file": ServicePlan("s@file", Service(load_balancer=balancer(url, config)))},
        transports={"default@internal": TransportPlan()},
    )
    (checks,) = http_checks(plan)
    return checks.probes[url]


def balancer(url: str, config: ServerHealthCheck) -> LoadBalancer:
    return LoadBalancer(servers=(Server(url=url),), health_check=config)


async def verdict(url: str, config: ServerHealthCheck) -> str:
    """Why a check fails, "" when it passes."""
    try:
        async with asyncio.timeout(10):
            await probe_of(url, config)()
    except CheckFailed as error:
        return str(error)
    return ""


def always(data: bytes) -> Answer:
    return lambda n, head, body: data


OK = always(plain(200))


@pytest.mark.parametrize(
    ("status", "wanted", "failure"),
    [
        (200, 0, ""),
        (204, 0, ""),
        (301, 0, ""),
        (399, 0, ""),
        (400, 0, "received error status code: 400"),
        (404, 0, "received error status code: 404"),
        (500, 0, "received error status code: 500"),
        (503, 503, ""),
        (404, 404, ""),
        (200, 204, "received error status code: 200 expected status code: 204"),
    ],
)
async def test_status(status: int, wanted: int, failure: str) -> None:
    async with backend(always(plain(status))) as port:
        assert await verdict(f"http://127.0.0.1:{port}", ServerHealthCheck(path="/", status=wanted)) == failure


@pytest.mark.parametrize(
    ("config", "lines"),
    [
        (ServerHealthCheck(path="/health"), ["GET /health HTTP/1.1", "Host: {address}", "User-Agent: trafficcop"]),
        (ServerHealthCheck(path="/h?deep=1&x=a b"), ["GET /h?deep=1&x=a%20b HTTP/1.1"]),
        (ServerHealthCheck(path="/ä b"), ["GET /%C3%A4%20b HTTP/1.1"]),
        (ServerHealthCheck(), ["GET /base/app HTTP/1.1"]),
        (ServerHealthCheck(path="up"), ["GET /base/up HTTP/1.1"]),
        (ServerHealthCheck(path="/h", method="HEAD"), ["HEAD /h HTTP/1.1"]),
        (ServerHealthCheck(path="/h", method="POST"), ["POST /h HTTP/1.1", "Content-Length: 0"]),
        (ServerHealthCheck(path="/h", hostname="app.example.com"), ["Host: app.example.com"]),
        (
            ServerHealthCheck(path="/h", headers={"X-Probe": "1", "user-agent": "mine"}),
            ["X-Probe: 1", "User-Agent: mine"],
        ),
        (ServerHealthCheck(path="/h", headers={"Host": "other", "Content-Length": "7"}), ["Host: {address}"]),
    ],
)
async def test_what_is_asked(config: ServerHealthCheck, lines: list[str]) -> None:
    seen = Seen()
    async with backend(OK, seen) as port:
        assert await verdict(f"http://127.0.0.1:{port}/base/app", config) == ""
    (head,) = seen.heads
    sent = head.split("\r\n")
    assert [line for line in lines if line.format(address=f"127.0.0.1:{port}") not in sent] == []
    names = [line.partition(":")[0].lower() for line in sent[1:]]
    assert len(names) - names.count("") == len(set(names)) - 1


@pytest.mark.parametrize(
    ("server", "config", "url"),
    [
        ("http://192.0.2.1:8080", ServerHealthCheck(path="/h"), "http://192.0.2.1:8080/h"),
        ("http://192.0.2.1:8080/a/b", ServerHealthCheck(path="/h"), "http://192.0.2.1:8080/h"),
        ("http://192.0.2.1:8080", ServerHealthCheck(path="/h", port=81), "http://192.0.2.1:81/h"),
        ("http://192.0.2.1", ServerHealthCheck(path="/h", port=81), "http://192.0.2.1:81/h"),
        ("http://[2001:db8::1]:8080", ServerHealthCheck(path="/h", port=81), "http://[2001:db8::1]:81/h"),
        ("http://u:p@app.example.com", ServerHealthCheck(path="/h", port=81), "http://u:p@app.example.com:81/h"),
        ("http://192.0.2.1:8080", ServerHealthCheck(path="/h", scheme="https"), "https://192.0.2.1:8080/h"),
        ("https://192.0.2.1", ServerHealthCheck(path="/h", scheme="http", port=80), "http://192.0.2.1:80/h"),
        ("h2c://192.0.2.1:1", ServerHealthCheck(path="/h"), "h2c://192.0.2.1:1/h"),
        ("http://192.0.2.1/x", ServerHealthCheck(path="/a/../h#part"), "http://192.0.2.1/h"),
    ],
)
def test_the_url_of_a_check(server: str, config: ServerHealthCheck, url: str) -> None:
    assert check_url(server, config) == url


@pytest.mark.parametrize(
    ("config", "failure"),
    [
        (ServerHealthCheck(path="http://elsewhere.example.com/h"), "must be a relative URL"),
        (ServerHealthCheck(path="//elsewhere.example.com/h"), "must be a relative URL"),
        (ServerHealthCheck(path="/%zz"), "invalid URL escape"),
        (ServerHealthCheck(path="/h", method="GET /"), "invalid method"),
        (ServerHealthCheck(path="/h", headers={"X Y": "1"}), "invalid header field"),
        (ServerHealthCheck(path="/h", headers={"X": "1\r\nY: 2"}), "invalid header field"),
        (ServerHealthCheck(path="/h", hostname="a\nb"), "invalid header field"),
    ],
)
async def test_what_cannot_be_asked_fails_without_asking(config: ServerHealthCheck, failure: str) -> None:
    seen = Seen()
    async with backend(OK, seen) as port:
        assert failure in await verdict(f"http://127.0.0.1:{port}", config)
    assert seen.heads == []


async def test_credentials_of_the_url() -> None:
    seen = Seen()
    async with backend(OK, seen) as port:
        assert await verdict(f"http://us%40er:pass@127.0.0.1:{port}", ServerHealthCheck(path="/h")) == ""
    assert "Authorization: Basic dXNAZXI6cGFzcw==" in seen.heads[0]
    assert f"Host: 127.0.0.1:{port}" in seen.heads[0]


class TestRedirects:
    @pytest.mark.parametrize(
        ("status", "method", "second"),
        [
            (301, "POST", "GET"),
            (302, "HEAD", "HEAD"),
            (303, "PUT", "GET"),
            (307, "POST", "POST"),
            (308, "GET", "GET"),
        ],
    )
    async def test_are_followed(self, status: int, method: str, second: str) -> None:
        seen = Seen()
        config = ServerHealthCheck(path="/h", method=method, hostname="app.example.com")
        answer = lambda n, head, body: plain(status, b"", "Location: next?q=1\r\n") if n == 1 else plain(503)  # noqa: E731
        async with backend(answer, seen) as port:
            assert await verdict(f"http://127.0.0.1:{port}", config) == "received error status code: 503"
        assert seen.heads[1].startswith(f"{second} /next?q=1 HTTP/1.1\r\nHost: app.example.com\r\n")

    async def test_to_another_server(self) -> None:
        seen = Seen()
        config = ServerHealthCheck(path="/h", hostname="app.example.com")
        async with backend(OK, seen) as second:
            location = f"Location: http://127.0.0.1:{second}/x\r\n"
            async with backend(always(plain(302, b"", location))) as first:
                assert await verdict(f"http://127.0.0.1:{first}", config) == ""
        assert seen.heads[0].startswith(f"GET /x HTTP/1.1\r\nHost: 127.0.0.1:{second}\r\n")

    async def test_are_the_answer_when_not_followed(self) -> None:
        seen = Seen()
        config = ServerHealthCheck(path="/h", follow_redirects=False, status=302)
        async with backend(always(plain(302, b"", "Location: /next\r\n")), seen) as port:
            assert await verdict(f"http://127.0.0.1:{port}", config) == ""
        assert len(seen.heads) == 1

    async def test_for_ever(self) -> None:
        seen = Seen()
        async with backend(always(plain(302, b"", "Location: /next\r\n")), seen) as port:
            failure = await verdict(f"http://127.0.0.1:{port}", ServerHealthCheck(path="/h"))
        assert failure == "stopped after 10 redirects"
        assert len(seen.heads) == 10

    async def test_without_a_place_to_go(self) -> None:
        async with backend(always(plain(302))) as port:
            assert await verdict(f"http://127.0.0.1:{port}", ServerHealthCheck(path="/h", status=302)) == ""


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 2"])
async def test_servers_that_do_not_answer(answer: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    assert await verdict(f"http://127.0.0.1:{port}", ServerHealthCheck(path="/h")) != ""
    server.close()


async def test_a_server_that_refuses() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        assert "HTTP request failed" in await verdict(f"http://127.0.0.1:{port}", ServerHealthCheck(path="/h"))


async def test_a_long_answer_is_not_waited_for() -> None:
    gone = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nthe beginning")
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()
        gone.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    assert await verdict(f"http://127.0.0.1:{port}", ServerHealthCheck(path="/h")) == ""
    async with asyncio.timeout(10):
        await gone.wait()
    server.close()


@pytest.mark.parametrize(
    ("config", "schedule"),
    [
        (ServerHealthCheck(), Schedule(30, 30, 5)),
        (ServerHealthCheck(interval=Duration.of("2s")), Schedule(2, 2, 5)),
        (ServerHealthCheck(unhealthy_interval=Duration.of("1s"), timeout=Duration.of("3s")), Schedule(30, 1, 3)),
        (ServerHealthCheck(interval=Duration.of("0s"), timeout=Duration.of("-1s")), Schedule(30, 30, 5)),
        (ServerHealthCheck(interval=Duration.of("2s"), unhealthy_interval=Duration.of("0s")), Schedule(2, 30, 5)),
        (ServerHealthCheck(healthy_threshold=2, unhealthy_threshold=3), Schedule(30, 30, 5, 2, 3)),
        (ServerHealthCheck(healthy_threshold=0, unhealthy_threshold=-1), Schedule(30, 30, 5)),
    ],
)
def test_the_schedule(config: ServerHealthCheck, schedule: Schedule) -> None:
    assert schedule_of(config, config.healthy_threshold, config.unhealthy_threshold) == schedule


@pytest.mark.parametrize(
    ("config", "keys"),
    [
        (ServerHealthCheck(path="/h"), []),
        (ServerHealthCheck(mode="grpc", path="http://x/"), []),
        (ServerHealthCheck(mode="grpc", scheme="https"), ["scheme"]),
        (ServerHealthCheck(mode="tcp"), ["mode"]),
        (ServerHealthCheck(path="http://x/"), ["path"]),
        (
            ServerHealthCheck(
                interval=Duration.of("0s"), unhealthy_interval=Duration.of("0s"), timeout=Duration.of("0s")
            ),
            ["interval", "unhealthyInterval", "timeout"],
        ),
        (ServerHealthCheck(healthy_threshold=0, unhealthy_threshold=0), ["healthyThreshold", "unhealthyThreshold"]),
    ],
)
def test_what_makes_no_sense_is_told(config: ServerHealthCheck, keys: list[str]) -> None:
    assert [key for key, _ in mistakes(config)] == keys
