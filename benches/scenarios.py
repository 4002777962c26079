"""What is measured: every function here is one scenario, and returns figures by peer."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from benches.backend import HUGE, MIB
from benches.balancing import choosing, slow_server
from benches.compression import gzip
from benches.datagrams import udp
from benches.each_middleware import each_middleware, each_service
from benches.explain import explain
from benches.faults import faults
from benches.grpc import grpc
from benches.http2 import http2
from benches.load import FIELDS, Wanted, ask
from benches.measure import Bench, Row, Running
from benches.peers import Job, Peer, write_dynamic
from benches.scrape import scrape
from benches.streams import tcp
from benches.tls import tls
from benches.turns import added

Figures = dict[str, Row]
NOWHERE = Job(Path(), 0, 0)
IDLE = 2000


def host(bench: Bench) -> Figures:
    """One Host rule, 64 keep-alive connections, 70 bytes back."""
    return bench.rounds_of(bench.peers, lambda peer: _load(bench, peer, NOWHERE, Wanted()))


def middlewares(bench: Bench) -> Figures:
    """The same through five middlewares."""
    job = replace(NOWHERE, middlewares=True)
    return bench.rounds_of(_routers_of(bench), lambda peer: _load(bench, peer, job, Wanted(path="/app/x")))


def routers(bench: Bench) -> Figures:
    """10,000 Host rules: the last of them is asked for."""
    job = replace(NOWHERE, routers=1000 if bench.is_quick else 10_000)
    return bench.rounds_of(_routers_of(bench), lambda peer: _load(bench, peer, job, Wanted()))


_OBSERVED: tuple[tuple[str, ...], ...] = ((), ("metrics",), ("clf",), ("json",), ("metrics", "json"))


def observability(bench: Bench) -> Figures:
    """Metrics on all levels and access logs, buffered, by themselves and together; load in turns of 0.25 s."""
    figures: Figures = {}
    for peer in _routers_of(bench):
        figures |= added(bench, NOWHERE, [_observing(peer, kept) for kept in _OBSERVED])
    return figures


def _observing(peer: Peer, kept: tuple[str, ...]) -> Peer:
    name = f"{peer.name}, {' and '.join(kept)}" if kept else peer.name
    return replace(peer, name=name, command=lambda job: peer.command(replace(job, observed=kept)))


def start(bench: Bench) -> Figures:
    """From exec to the first answer, with a small file."""

    def measure(peer: Peer) -> Row:
        with bench.running(peer) as running:
            return {"start_ms": running.start * 1e3}

    return bench.rounds_of(bench.peers, measure)


def idle(bench: Bench) -> Figures:
    """Memory of 2,000 connections that have asked once and stay open."""

    def measure(peer: Peer) -> Row:
        with bench.running(peer) as running:
            running.load(Wanted(), 1).result()
            time.sleep(0.5)
            before = running.tree.pss()
            clients = [socket.create_connection(("127.0.0.1", running.port), timeout=5) for _ in range(IDLE)]
            try:
                for client in clients:
                    ask(running.port, Wanted(), keep=client)
                time.sleep(0.5)
                grown = running.tree.pss() - before
            finally:
                for client in clients:
                    client.close()
            return {"pss_mib": before / MIB, "idle_kb": grown / IDLE / 1e3}

    return bench.rounds_of(bench.peers, measure)


def download(bench: Bench) -> Figures:
    """1 MiB from the server to the client."""
    wanted = Wanted(path="/big", connections=16)
    return bench.rounds_of(bench.peers, lambda peer: _load(bench, peer, NOWHERE, wanted))


def upload(bench: Bench) -> Figures:
    """1 MiB from the client to the server."""
    wanted = Wanted(body=MIB, connections=16)
    return bench.rounds_of(bench.peers, lambda peer: _load(bench, peer, NOWHERE, wanted))


def slow(bench: Bench) -> Figures:
    """Memory while a client reads 1 GiB with pauses."""

    def measure(peer: Peer) -> Row:
        with bench.running(peer) as running:
            before = running.tree.pss()
            return {"pss_mib": before / MIB, "grown_mib": (_read_slowly(running) - before) / MIB}

    return bench.rounds_of(bench.peers, measure)


def _read_slowly(running: Running) -> int:
    """The most memory that was seen meanwhile."""
    most = 0
    fields = "".join(f"{name}: {value}\r\n" for name, value in {"Host": Wanted().host, **FIELDS}.items())
    with socket.create_connection(("127.0.0.1", running.port), timeout=30) as client:
        client.sendall(f"GET /huge HTTP/1.1\r\n{fields}\r\n".encode())
        left, step = HUGE, HUGE // 16
        while left > 0:
            time.sleep(0.2)
            most = max(most, running.tree.pss())
            until = max(0, left - step)
            while left > until:
                data = client.recv(1 << 18)
                if not data:
                    raise RuntimeError(f"the connection ended {left} bytes too early")
                left -= len(data)
    return most


def reload(bench: Bench) -> Figures:
    """10,000 routers are replaced again and again under load."""
    job = replace(NOWHERE, routers=1000 if bench.is_quick else 10_000, mark="before")

    def measure(peer: Peer) -> Row:
        with bench.running(peer, job) as running:
            running.load(Wanted(), 1).result()
            before = running.load(Wanted(), bench.seconds).result()
            seconds = max(8.0, 2 * bench.seconds)
            load = running.load(Wanted(), seconds)
            deadline, count, longest = time.monotonic() + seconds - 1, 0, 0.0
            while time.monotonic() < deadline:
                count += 1
                longest = max(longest, _change(running, f"mark{count}"))
            during = load.result()
            return {
                "p99_ms": before.p99,
                "p99_during_ms": during.p99,
                "failed": float(before.failed + during.failed),
                "reloads": float(count),
                "longest_s": longest,
            }

    return bench.rounds_of(_routers_of(bench), measure)


def reloads(bench: Bench) -> Figures:
    """Memory and descriptors after 10,000 reloads of a small file, against those after the first 100."""
    many = 300 if bench.is_quick else 10_000

    def measure(peer: Peer) -> Row:
        with bench.running(peer, replace(NOWHERE, mark="0")) as running:
            for number in range(100):
                _change(running, f"first{number}")
            pss, descriptors = running.tree.pss(), running.tree.descriptors()
            for number in range(many):
                _change(running, f"next{number}")
            after = running.tree.pss()
            return {
                "pss_mib": pss / MIB,
                "pss_after_mib": after / MIB,
                "growth": after / pss,
                "descriptors": float(running.tree.descriptors() - descriptors),
            }

    rounds, bench.rounds = bench.rounds, 1
    try:
        return bench.rounds_of(_routers_of(bench), measure)
    finally:
        bench.rounds = rounds


def _change(running: Running, mark: str) -> float:
    """Replace the file; the seconds until an answer carries the new mark."""
    began = time.monotonic()
    write_dynamic(replace(running.job, mark=mark))
    wanted = b"X-Mark: " + mark.encode() + b"\r\n"
    while wanted not in ask(running.port, Wanted())[1]:
        if time.monotonic() - began > 30:
            raise TimeoutError(f"the change {mark} never showed\n{running.tree.tail()}")
        time.sleep(0.005)
    return time.monotonic() - began


def _load(bench: Bench, peer: Peer, job: Job, wanted: Wanted) -> Row:
    with bench.running(peer, job, replace(wanted, path=wanted.path if job.middlewares else "/")) as running:
        row = running.under_load(wanted, bench.seconds)
        return {**row, "start_ms": running.start * 1e3}


def _routers_of(bench: Bench) -> list[Peer]:
    return [peer for peer in bench.peers if peer.can_route]


SCENARIOS: dict[str, Callable[[Bench], Figures]] = {
    scenario.__name__: scenario
    for scenario in (
        host,
        middlewares,
        each_middleware,
        gzip,
        routers,
        observability,
        scrape,
        start,
        idle,
        download,
        upload,
        slow,
        reload,
        reloads,
        udp,
        tcp,
        tls,
        http2,
        choosing,
        each_service,
        slow_server,
        faults,
        grpc,
        explain,
    )
}
