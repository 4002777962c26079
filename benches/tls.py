"""HTTP/1.1 over TLS: requests on connections that stay open, and full handshakes one after the other."""

from __future__ import annotations

import re
import subprocess
import time

from benches.http2 import curl, secured
from benches.load import Wanted
from benches.measure import Bench, Row, Running
from benches.peers import Peer
from benches.processes import Tree

_COUNT = re.compile(r"^(\d+) connections in", re.MULTILINE)


def tls(bench: Bench) -> dict[str, Row]:
    """HTTP/1.1 over TLS: one Host rule, 64 keep-alive connections; and full handshakes (P-256)."""
    peers = [Peer(peer.name, command, environ=peer.environ) for peer in bench.peers if (command := secured(peer))]

    def measure(peer: Peer) -> Row:
        with bench.running(peer, first_answer=_first_answer) as running:
            row = running.under_load(Wanted(scheme="https"), bench.seconds)
            return {**row, "hand_us": _handshakes(running, bench.seconds)}

    return bench.rounds_of(peers, measure)


def _handshakes(running: Running, seconds: float) -> float:
    """CPU of a full handshake, in microseconds."""
    command = ["openssl", "s_time", "-new", "-connect", f"127.0.0.1:{running.port}", "-time", f"{max(1, seconds):.0f}"]
    cpu = running.tree.cpu()
    output = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False).stdout
    used = running.tree.cpu() - cpu
    found = _COUNT.search(output)
    if found is None or found[1] == "0":
        raise RuntimeError(f"openssl s_time: {output}")
    return used * 1e6 / int(found[1])


def _first_answer(tree: Tree, port: int) -> float:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        tree.check_alive()
        if curl(port, "--http1.1", "-w", "%{http_code}") == "200":
            return time.monotonic()
        time.sleep(0.05)
    raise TimeoutError(f"no answer over TLS\n{tree.tail()}")
