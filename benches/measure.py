"""One measurement of one peer, from a free port to a free port."""

from __future__ import annotations

import contextlib
import functools
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benches.load import Load, Measured, Wanted, wait_for
from benches.peers import Job, Peer
from benches.processes import Tree, free_port, prove_free

Row = dict[str, float]


@dataclass(slots=True)
class Bench:
    """What a whole run shares: how long and how often, and the server behind."""

    peers: list[Peer]
    rounds: int
    seconds: float
    is_quick: bool
    backend: int = 0

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        """The server behind runs."""
        with tempfile.TemporaryDirectory(prefix="bench-") as directory:
            self.backend = free_port()
            tree = Tree([sys.executable, "-m", "benches.backend", str(self.backend)], Path(directory) / "log")
            try:
                wait_for(self.backend, Wanted())
                yield
            finally:
                tree.end()

    @contextlib.contextmanager
    def running(
        self,
        peer: Peer,
        job: Job | None = None,
        wanted: Wanted | None = None,
        first_answer: Callable[[Tree, int], float] | None = None,
    ) -> Iterator[Running]:
        """The peer runs alone on its port, and nothing of it is left afterwards."""
        with tempfile.TemporaryDirectory(prefix="bench-") as directory:
            port = free_port()
            here = replace(job or Job(Path(), 0, 0), directory=Path(directory), port=port, backend=self.backend)
            Path(directory).chmod(0o755)  # nginx drops its privileges
            command = peer.command(here)
            prove_free(port)
            tree = Tree(command, Path(directory) / "log", peer.environ)
            try:
                first = first_answer or functools.partial(_first_answer, wanted=wanted or Wanted())
                answered = first(tree, port)
                yield Running(peer, tree, here, answered - tree.started)
                tree.check_alive()
            finally:
                tree.end()
                prove_free(port)

    def rounds_of(self, peers: Sequence[Peer], measure: Callable[[Peer], Row]) -> dict[str, Row]:
        """Peers take turns; of every figure the median."""
        rows: dict[str, list[Row]] = {peer.name: [] for peer in peers}
        for number in range(self.rounds):
            for peer in peers:
                sys.stderr.write(f"  round {number + 1} of {self.rounds}: {peer.name}\n")
                try:
                    rows[peer.name].append(measure(peer))
                except (RuntimeError, TimeoutError) as error:
                    sys.stderr.write(f"  {peer.name}: {error}\n")
        return {
            name: {key: statistics.median(row[key] for row in many) for key in many[0]}
            for name, many in rows.items()
            if many
        }


@dataclass(slots=True)
class Running:
    """A peer that answers."""

    peer: Peer
    tree: Tree
    job: Job
    start: float

    @property
    def port(self) -> int:
        return self.job.port

    def load(self, wanted: Wanted, seconds: float) -> Load:
        return Load(self.job.directory, self.port, wanted, seconds)

    def under_load(self, wanted: Wanted, seconds: float) -> Row:
        """A warm-up, then load; CPU is read while every thread of it is still there."""
        self.load(wanted, 1).result()
        cpu = self.tree.cpu()
        load = self.load(wanted, seconds)
        time.sleep(max(0.5, seconds - 1))
        pss = self.tree.pss()
        result = load.result()
        return self.row(result, self.tree.cpu() - cpu, pss)

    def row(self, result: Measured, cpu: float, pss: int) -> Row:
        if not result.requests:
            raise RuntimeError(f"no request was answered\n{self.tree.tail()}")
        return {
            "cpu_us": cpu * 1e6 / result.requests,
            "rps": result.requests / result.seconds,
            "p50_ms": result.p50,
            "p99_ms": result.p99,
            "pss_mib": pss / (1 << 20),
            "failed": float(result.failed),
        }


def _first_answer(tree: Tree, port: int, wanted: Wanted) -> float:
    deadline = time.monotonic() + 30
    while True:
        try:
            return wait_for(port, wanted, seconds=0.5)
        except TimeoutError:
            tree.check_alive()
            if time.monotonic() > deadline:
                raise TimeoutError(f"no answer\n{tree.tail()}") from None
