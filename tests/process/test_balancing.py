"""How requests are shared among real servers when workers are killed and servers fail."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.process.instance import Instance, until
from tests.process.site import Named, Site, ask_each, hold

# === workers that are killed ===


def test_what_killed_workers_had_under_way_does_not_count(
    tmp_path: Path, sites: list[Site], servers: list[Named]
) -> None:
    pair = servers[:2]
    sites.append(site := Site(tmp_path, 2, pair, "strategy: leastConn, sticky: {header: {name: X-User}}"))
    pinned = next(user for user in "abcdefghijkl" if ask_each(site, 1, f"X-User: {user}\r\n") == ["a"])
    for server in pair:
        server.is_holding = True
    connections = hold(site, pair, 6, f"X-User: {pinned}\r\n")
    connections += hold(site, pair, 5)
    assert [server.held for server in pair] == [6, 5]
    children = site.instance.children()
    for name in ("w0", "w1"):
        os.kill(children[name], signal.SIGKILL)
    until(lambda: _are_new(site.instance, children), "new workers")
    for server in pair:
        server.held = 0
    connections += hold(site, pair, 8)
    assert [server.held for server in pair] == [4, 4]
    for connection in connections:
        connection.sock.close()


def test_failures_that_killed_workers_have_seen_count_on(
    tmp_path: Path, sites: list[Site], servers: list[Named]
) -> None:
    options = "passiveHealthCheck: {failureWindow: 60s, maxFailedAttempts: 6}"
    sites.append(site := Site(tmp_path, 2, servers[:2], options))
    servers[1].status = 500
    while servers[1].requests < 3:
        ask_each(site, 1)
    for seen in (3, 6):
        children = site.instance.children()
        for name in ("w0", "w1"):
            os.kill(children[name], signal.SIGKILL)
        until(lambda children=children: _are_new(site.instance, children), "new workers")  # type: ignore[misc]
        assert servers[1].requests == seen
        ask_each(site, 20)
        assert servers[1].requests == 6
        assert site.statuses() == {servers[0].url: "UP", servers[1].url: "DOWN"}


def _are_new(instance: Instance, before: Mapping[str, int]) -> bool:
    now = instance.children()
    return len(now) == len(before) and not {now["w0"], now["w1"]} & {before["w0"], before["w1"]}


# === ejections ===


@pytest.mark.parametrize("workers", [1, 4])
def test_failures_of_all_workers_eject_a_server(
    tmp_path: Path, sites: list[Site], servers: list[Named], workers: int
) -> None:
    options = "passiveHealthCheck: {failureWindow: 60s, maxFailedAttempts: 6}"
    sites.append(site := Site(tmp_path, workers, servers[:2], options))
    servers[1].status = 500
    ask_each(site, 60)
    assert servers[1].requests == 6
    assert site.statuses() == {servers[0].url: "UP", servers[1].url: "DOWN"}
    site.reload(servers[:3], options)
    assert set(ask_each(site, 30)) == {"a", "c"}
    assert servers[1].requests == 6
    assert site.statuses()[servers[1].url] == "DOWN"


def test_an_ejected_server_comes_back(tmp_path: Path, sites: list[Site], servers: list[Named]) -> None:
    options = "passiveHealthCheck: {failureWindow: 1s}"
    sites.append(site := Site(tmp_path, 2, servers[:2], options))
    servers[1].status = 500
    ask_each(site, 4)
    assert servers[1].requests == 1
    servers[1].status = 200
    until(lambda: "b" in ask_each(site, 2), "its return")
    assert set(site.statuses().values()) == {"UP"}


def test_an_active_check_takes_an_ejected_server_back(tmp_path: Path, sites: list[Site], servers: list[Named]) -> None:
    options = "passiveHealthCheck: {failureWindow: 100h}, healthCheck: {path: /health, interval: 500ms}"
    sites.append(site := Site(tmp_path, 2, servers[:2], options))
    servers[1].status = 500
    until(lambda: site.statuses()[servers[1].url] == "DOWN" or not ask_each(site, 2), "its ejection")
    servers[1].status = 200
    until(lambda: set(ask_each(site, 4)) == {"a", "b"}, "its return")
    until(lambda: site.statuses()[servers[1].url] == "UP", "word of it")
