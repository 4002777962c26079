"""Load over HTTP/2 with h2load: what a request costs, with many streams to a connection and with one."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence

from benches.measure import Row, Running

# Connections, and streams of each: a few busy browsers, and many that ask one thing at a time.
SHARED = (8, 10)
LONE = (64, 1)
_COUNTS = re.compile(r"requests: \d+ total, \d+ started, \d+ done, (\d+) succeeded, (\d+) failed")


def load(running: Running, shape: tuple[int, int], seconds: float, words: Sequence[str]) -> Row:
    """`words`: what is asked for, in h2load's terms."""
    _run(running, shape, 1, words)
    cpu = running.tree.cpu()
    done, failed = _run(running, shape, seconds, words)
    used = running.tree.cpu() - cpu
    if not done:
        raise RuntimeError(f"nothing was answered\n{running.tree.tail()}")
    return {"cpu_us": used * 1e6 / done, "rps": done / seconds, "failed": float(failed)}


def _run(running: Running, shape: tuple[int, int], seconds: float, words: Sequence[str]) -> tuple[int, int]:
    """How many answers came, and how many did not."""
    connections, streams = shape
    command = ["h2load", f"-D{max(1, round(seconds))}", f"-c{connections}", f"-m{streams}"]
    command += ["--connect-to", f"127.0.0.1:{running.port}", *words]
    output = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False).stdout
    found = _COUNTS.search(output)
    if found is None:
        raise RuntimeError(f"h2load: {output}")
    return int(found[1]), int(found[2])
