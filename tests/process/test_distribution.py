"""How requests are shared among real servers, over one connection and over many, by one, two and four workers."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.process.site import Connection, Named, Site, ask_each, hold

WORKERS = pytest.mark.parametrize("workers", [1, 2, 4])


# === turns ===


@WORKERS
def test_turns(tmp_path: Path, sites: list[Site], servers: list[Named], workers: int) -> None:
    sites.append(site := Site(tmp_path, workers, servers, "strategy: wrr", "5321"))
    weights = dict(zip("abcd", (5, 3, 2, 1), strict=True))
    counts: Counter[str] = Counter()
    for done in range(1, 45):  # each on a connection of its own
        counts.update(ask_each(site, 1))
        for name, weight in weights.items():
            assert abs(counts[name] - done * weight / 11) <= workers, (done, counts)
    connection = site.connect()
    answers = [connection.ask() for _ in range(45)]
    connection.sock.close()
    for start in range(len(answers) - 10):
        assert Counter(answers[start : start + 11]) == weights


# === keys ===

HEADERS = [f"X-User: user{number}\r\n" for number in range(400)]


def by_header(site: Site) -> list[str]:
    """Who answers each key, over eight connections, which several workers have taken."""
    connections = [site.connect() for _ in range(8)]
    answers = [connections[number % 8].ask(fields) for number, fields in enumerate(HEADERS)]
    for connection in connections:
        connection.sock.close()
    return answers


def by_address(site: Site) -> list[str]:
    """Who answers each client: all of 127.0.0.0/8 is this machine."""
    answers = []
    for number in range(150):
        connection = Connection(site.web, f"127.0.1.{number + 1}")
        answers.append(connection.ask())
        connection.sock.close()
    return answers


@pytest.mark.parametrize(
    ("options", "ask"),
    [
        ("strategy: hrw", by_address),
        ("strategy: consistentHash", by_address),
        ("strategy: consistentHash, consistentHash: {header: X-User}", by_header),
        ("sticky: {header: {name: X-User}}", by_header),
    ],
    ids=["hrw", "consistentHash", "consistentHash of a header", "sticky header"],
)
def test_keys_stay_when_a_server_leaves(
    tmp_path: Path, sites: list[Site], servers: list[Named], options: str, ask: Callable[[Site], list[str]]
) -> None:
    sites.append(site := Site(tmp_path, 2, servers, options))
    before = ask(site)
    assert before == ask(site)  # whichever worker is asked
    # Each has about its share: the hash of `hrw`, which is Traefik's, does not spread addresses better than this.
    assert max(Counter(before).values()) < len(before) / len(servers) * 2
    site.reload(servers[:2] + servers[3:], options)
    after = ask(site)
    moved = [old for old, new in zip(before, after, strict=True) if old != new]
    assert len(moved) == before.count("c")
    assert set(moved) == {"c"}


# === queues ===


@WORKERS
@pytest.mark.parametrize("strategy", ["p2c", "leastConn"])
def test_no_queue_is_long(tmp_path: Path, sites: list[Site], servers: list[Named], strategy: str, workers: int) -> None:
    sites.append(site := Site(tmp_path, workers, servers, f"strategy: {strategy}"))
    for server in servers:
        server.is_holding = True
    connections = hold(site, servers, 32)
    assert max(server.held for server in servers) <= 8 + 2
    for connection in connections:
        connection.sock.close()


@pytest.mark.parametrize("strategy", ["p2c", "leastConn"])
def test_slow_servers_have_no_long_queues(
    tmp_path: Path, sites: list[Site], servers: list[Named], strategy: str
) -> None:
    sites.append(site := Site(tmp_path, 4, servers, f"strategy: {strategy}"))
    for server, seconds in zip(servers, (0.04, 0.02, 0.02, 0.02), strict=True):
        server.seconds = seconds

    def ask_on() -> None:
        connection = site.connect()
        for _ in range(40):
            connection.ask()
        connection.sock.close()

    clients = [threading.Thread(target=ask_on) for _ in range(16)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    queues = [queue for server in servers for queue in server.queues]
    assert len(queues) == 16 * 40
    assert sum(queue > 16 / 4 + 2 for queue in queues) <= len(queues) // 50
