"""What reading the metrics takes with 10,000 routers that have all been asked, and what clients feel of it."""

from __future__ import annotations

import socket
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path

from benches.load import Wanted, ask
from benches.measure import Bench, Row, Running
from benches.peers import Job, Peer

_SCRAPES = 5
_PAUSE = 0.5


def scrape(bench: Bench) -> dict[str, Row]:
    """`/metrics` of 10,000 routers, each of which has taken a request; p99 of requests without and with scrapes."""
    job = Job(Path(), 0, 0, routers=1000 if bench.is_quick else 10_000, observed=("metrics",), is_scraped=True)

    def measure(peer: Peer) -> Row:
        with bench.running(peer, job) as running:
            _ask_everybody(running, job.routers)
            before = running.load(Wanted(), bench.seconds).result()
            quiet = statistics.median(_scrape(running) for _ in range(_SCRAPES))
            load = running.load(Wanted(), max(bench.seconds, 2 * _SCRAPES * _PAUSE))
            for _ in range(_SCRAPES):
                time.sleep(_PAUSE)
                _scrape(running)
            during = load.result()
            return {
                "scrape_ms": quiet * 1e3,
                "p99_ms": before.p99,
                "p99_during_ms": during.p99,
                "failed": float(before.failed + during.failed),
            }

    return bench.rounds_of([_with_metrics(peer) for peer in bench.peers if peer.can_route], measure)


def _with_metrics(peer: Peer) -> Peer:
    command: Callable[[Job], list[str]] = peer.command
    return replace(peer, command=lambda job: command(replace(job, observed=("metrics",), is_scraped=True)))


def _ask_everybody(running: Running, routers: int) -> None:
    """On a few connections, so that every worker has taken some."""
    clients = [socket.create_connection(("127.0.0.1", running.port), timeout=10) for _ in range(8)]
    try:
        for number in range(routers - 1):
            ask(running.port, Wanted(host=f"host{number}.example.com"), keep=clients[number % len(clients)])
    finally:
        for client in clients:
            client.close()


def _scrape(running: Running) -> float:
    """Seconds until the last byte."""
    connection = HTTPConnection("127.0.0.1", running.port, timeout=60)
    begun = time.perf_counter()
    try:
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        text = answer.read()
    finally:
        connection.close()
    if answer.status != 200 or b"traefik_router_requests_total" not in text:
        raise RuntimeError(f"/metrics answered {answer.status} with {len(text)} bytes")
    return time.perf_counter() - begun
