"""What an explanation takes on a running instance with 10,000 routers, through a worker to the control process."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path

from benches.load import Wanted
from benches.measure import Bench, Row, Running
from benches.peers import Job, Peer, dynamic_text, interpreters

_QUESTIONS = 50
_API = "    api: {entryPoints: [web], rule: PathPrefix(`/api`), service: api@internal}\n"


def explain(bench: Bench) -> dict[str, Row]:
    """`POST /api/explain` with 10,000 routers: the first question, the others, and those that no router fits."""
    job = Job(Path(), 0, 0, routers=1000 if bench.is_quick else 10_000)
    names = [peer.name for peer in bench.peers]
    peers = [Peer(name, _start(command)) for name, command in interpreters().items() if name in names]

    def measure(peer: Peer) -> Row:
        with bench.running(peer, job) as running:
            first = _ask(running, Wanted().host)
            return {
                "first_ms": first,
                "ask_ms": statistics.median(_ask(running, Wanted().host) for _ in range(_QUESTIONS)),
                "none_ms": statistics.median(_ask(running, "bemch.example.com") for _ in range(_QUESTIONS)),
            }

    return bench.rounds_of(peers, measure)


def _start(python: list[str]) -> Callable[[Job], list[str]]:
    def command(job: Job) -> list[str]:
        path, dynamic = job.directory / "static.yml", job.directory / "dynamic.yml"
        dynamic.write_text(dynamic_text(replace(job, mark="1")).replace("  routers:\n", f"  routers:\n{_API}", 1))
        path.write_text(
            f'entryPoints: {{web: {{address: "127.0.0.1:{job.port}"}}}}\n'
            f"providers: {{file: {{filename: {dynamic}}}}}\napi: {{}}\nlog: {{level: WARN}}\nworkers: 2\n"
        )
        return [*python, "-m", "trafficcop", "-c", str(path)]

    return command


def _ask(running: Running, host: str) -> float:
    """Milliseconds from the connection to the last byte of the answer."""
    began = time.perf_counter()
    client = HTTPConnection("127.0.0.1", running.port, timeout=10)
    client.request("POST", "/api/explain", json.dumps({"url": f"http://{host}:{running.port}/"}))
    response = client.getresponse()
    answer = response.read()
    client.close()
    if response.status != 200:
        raise RuntimeError(f"explain: {response.status} {answer!r}")
    return (time.perf_counter() - began) * 1e3
