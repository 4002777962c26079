"""Limits that hold for the instance, however many workers it has, also when one is killed."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.process.conftest import Start
from tests.process.instance import PATIENCE, get, until

ROUTES = """
http:
  routers:
    all: {{rule: "PathPrefix(`/`)", service: origin, middlewares: [limited]}}
  middlewares:
    limited: {middleware}
  services:
    origin: {{loadBalancer: {{servers: [{{url: "http://127.0.0.1:{origin}"}}]}}}}
"""


@pytest.fixture
def middleware() -> str:
    return ""


@pytest.fixture
def write_routes(tmp_path: Path, origin: int, middleware: str) -> Callable[[str], None]:
    def write(prefix: str) -> None:
        (tmp_path / "dynamic.yml").write_text(ROUTES.format(middleware=middleware, origin=origin))

    return write


@pytest.mark.parametrize("middleware", ["{rateLimit: {average: 1, period: 1h, burst: 5}}"])
def test_all_workers_take_from_one_bucket(start: Start, port: int) -> None:
    instance = start(workers=3)
    instance.wait_serving()
    statuses = [get(port)[0] for _ in range(30)]
    assert statuses == [200] * 5 + [429] * 25
    children = instance.children()
    for name in ("w0", "w1"):
        os.kill(children[name], signal.SIGKILL)
    until(lambda: len(instance.children()) == 4, "new workers")
    assert [get(port)[0] for _ in range(10)] == [429] * 10  # and those that come later know it, too


@pytest.mark.parametrize("workers", [2, 4])
@pytest.mark.parametrize("middleware", ["{inFlightReq: {amount: 3}}"])
def test_a_limit_is_exact_and_what_killed_workers_had_is_over(start: Start, port: int, workers: int) -> None:
    instance = start(workers=workers)
    instance.wait_serving()
    for _ in range(2):
        with contextlib.ExitStack() as under_way:
            assert _refused(under_way, port) == 17
            assert get(port)[0] == 429
            before = instance.children()
            for number in range(workers):
                os.kill(before[f"w{number}"], signal.SIGKILL)
            # No place is lost, and none is counted twice: the next turn finds as many.
            until(lambda: _is_served(port), "room for others")
            until(lambda: len(instance.children()) == workers + 1, "new workers")


def _refused(under_way: contextlib.ExitStack, port: int) -> int:
    """How many of twenty long requests are refused; the others stay under way."""
    socks = [under_way.enter_context(socket.create_connection(("127.0.0.1", port), PATIENCE)) for _ in range(20)]
    for sock in socks:
        sock.sendall(b"GET /slow/30 HTTP/1.1\r\nHost: example.com\r\n\r\n")
    until(lambda: len(select.select(socks, [], [], 0.1)[0]) >= 17, "refusals")
    answered = select.select(socks, [], [], 0)[0]
    assert all(sock.recv(12) == b"HTTP/1.1 429" for sock in answered)
    return len(answered)


def _is_served(port: int) -> bool:
    try:
        return get(port)[0] == 200
    except OSError:
        return False
