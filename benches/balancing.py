"""What choosing a server costs, and what it is worth when one server is slow."""

from __future__ import annotations

import contextlib
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benches.load import Wanted, wait_for
from benches.measure import Bench, Row
from benches.peers import Job, Peer
from benches.processes import Tree, free_port
from trafficcop.http.headers import Headers
from trafficcop.http.messages import Peer as Client
from trafficcop.http.messages import Ready, Request, Response
from trafficcop.service.servers import Server
from trafficcop.service.strategies import STRATEGIES, Beginning
from trafficcop.store.servers import ServerTable, SharedServers

Figures = dict[str, Row]

_WORKERS = 4
_CHOICES = 2000
_SLOW_MS = 10
STRATEGIES_MEASURED = ("wrr", "p2c", "leasttime", "leastConn")


def choosing(bench: Bench) -> Figures:
    """µs for one choice, with counts over four workers: the best of many rounds, in this process."""
    figures: Figures = {}
    cases = [(name, count, _alike) for name in STRATEGIES if name for count in (3, 1000)]
    for strategy, count, weigh in (*cases, ("wrr", 1000, _unlike)):
        weights = "" if weigh is _alike else ", weights from 1 to 1000"
        figures[f"{strategy}, {count} servers{weights}"] = {"choice_us": _cost(strategy, count, weigh)}
    return figures


def _alike(index: int) -> int:
    return 1


def _unlike(index: int) -> int:
    return 1 + index * 7919 % 1000


def _cost(strategy: str, count: int, weigh: Callable[[int], int]) -> float:
    table = ServerTable(_WORKERS)
    seats = [SharedServers(table, worker) for worker in range(_WORKERS)]
    urls = [f"http://192.0.2.{index}" for index in range(count)]
    servers = [Server(url, weigh(index), _nothing, tally=seats[0].tally("s", url)) for index, url in enumerate(urls)]
    whole = seats[0].tally("s", "")
    tallies = [seat.tally("s", url) for seat in seats for url in urls]
    for tally in tallies:  # everybody is busy
        tally.enter()
        whole.enter()
    beginning = Beginning(random.Random(1), 0.3, None, whole)
    choose = STRATEGIES[strategy].make(servers, beginning).choose
    request = Request(b"GET", b"/", None, Headers(), peer=Client("192.0.2.1"))
    best = float("inf")
    for _ in range(50):
        began = time.perf_counter()
        for _ in range(_CHOICES):
            choose(request)
        best = min(best, time.perf_counter() - began)
    return best / _CHOICES * 1e6


def _nothing(request: Request) -> Ready:
    return Ready(Response(200, Headers()))


def slow_server(bench: Bench) -> Figures:
    """Three servers, one of which takes 10 ms for each request, one after the other."""
    figures: Figures = {}
    with _three_servers() as ports:
        for strategy in STRATEGIES_MEASURED:
            job = Job(Path(), 0, 0, backends=ports, strategy=strategy)
            rows = bench.rounds_of(_of(bench, strategy), _load(bench, job))
            figures |= {f"{name} {strategy}": row for name, row in rows.items()}
    for peer in bench.peers:
        if base := figures.get(f"{peer.name} wrr"):
            for strategy in STRATEGIES_MEASURED:
                if row := figures.get(f"{peer.name} {strategy}"):
                    row["p99_ratio"] = row["p99_ms"] / base["p99_ms"]
    return figures


def _of(bench: Bench, strategy: str) -> Sequence[Peer]:
    """Only ours has every strategy."""
    known = strategy != "leastConn"
    return [peer for peer in bench.peers if peer.can_route and (known or peer.name.startswith("trafficcop"))]


def _load(bench: Bench, job: Job) -> Callable[[Peer], Row]:
    def measure(peer: Peer) -> Row:
        with bench.running(peer, job) as running:
            return running.under_load(Wanted(), bench.seconds)

    return measure


@contextlib.contextmanager
def _three_servers() -> Iterator[tuple[int, ...]]:
    ports = tuple(free_port() for _ in range(3))
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        delays = [str(ports[0]), str(ports[1]), f"{ports[2]}={_SLOW_MS}"]
        tree = Tree([sys.executable, "-m", "benches.backend", *delays], Path(directory) / "log")
        try:
            for port in ports:
                wait_for(port, Wanted())
            yield ports
        finally:
            tree.end()
