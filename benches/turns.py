"""What something adds to a request: processes with it and without it run side by side and serve in turns.

Load stays on one of them for a quarter of a second, then on the next. So whatever else the machine does meanwhile is
shared by all, and what they differ by shows to a few tenths of a microsecond; two runs one after the other differ by
more than that on a machine that is not alone.
"""

from __future__ import annotations

import contextlib
import signal
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benches.load import Load, Wanted
from benches.measure import Bench, Row, Running
from benches.peers import Job, Peer

_TURN = 0.25  # seconds
_SETTLING = 0.02  # seconds in which what is on its way arrives
_UNENDING = 3600.0


@dataclass(slots=True)
class _Player:
    """One process under load that is held back while it is not its turn; `cpu`: seconds that it has used in its own."""

    running: Running
    load: Load
    cpu: float = 0.0

    def play(self, seconds: float = _TURN) -> None:
        before = self.running.tree.cpu()
        self.load.process.send_signal(signal.SIGCONT)
        time.sleep(seconds)
        self.load.process.send_signal(signal.SIGSTOP)
        time.sleep(_SETTLING)
        self.cpu += self.running.tree.cpu() - before

    def finish(self) -> float:
        """Microseconds of CPU per request."""
        before = self.running.tree.cpu()
        self.load.process.send_signal(signal.SIGCONT)
        time.sleep(0.05)
        self.load.process.send_signal(signal.SIGINT)
        result = self.load.result()
        self.cpu += self.running.tree.cpu() - before
        return self.cpu * 1e6 / result.requests


def added(bench: Bench, job: Job, variants: Sequence[Peer]) -> dict[str, Row]:
    """CPU per request of each, and what it is above the first; medians of the rounds."""
    rows: dict[str, list[Row]] = {peer.name: [] for peer in variants}
    for number in range(bench.rounds):
        sys.stderr.write(f"  round {number + 1} of {bench.rounds}: {', '.join(rows)}\n")
        # Nobody is always the one after the longest pause.
        first = number % len(variants)
        costs = _round(bench, job, [*variants[first:], *variants[:first]])
        for name, cost in costs.items():
            rows[name].append({"cpu_us": cost, "added_us": cost - costs[variants[0].name]})
    return {
        name: {key: statistics.median(row[key] for row in many) for key in ("cpu_us", "added_us")}
        for name, many in rows.items()
    }


def _round(bench: Bench, job: Job, variants: Sequence[Peer]) -> dict[str, float]:
    """All start, play in turns for `bench.seconds` each, and end."""
    with contextlib.ExitStack() as stack:
        players = {peer.name: stack.enter_context(_playing(bench, job, peer)) for peer in variants}
        there = list(players.values())
        for _ in range(max(1, round(bench.seconds / _TURN))):
            for player in there:
                player.play()
        return {name: player.finish() for name, player in players.items()}


@contextlib.contextmanager
def _playing(bench: Bench, job: Job, peer: Peer) -> Iterator[_Player]:
    with bench.running(peer, job) as running:
        running.load(Wanted(), 1).result()
        load = running.load(Wanted(), _UNENDING)
        load.process.send_signal(signal.SIGSTOP)
        try:
            yield _Player(running, load)
        finally:
            load.process.kill()
            load.process.wait()
