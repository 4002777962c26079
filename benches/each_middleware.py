"""A row for each middleware, measured by a process of its own (`benches/added.py`) under every interpreter of ours."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from benches.measure import Bench, Row
from benches.peers import ROOT, interpreters

_SCRIPT = Path(__file__).with_name("added.py")


def each_middleware(bench: Bench) -> dict[str, Row]:
    """CPU that a middleware adds to a request, in one process and without system calls."""
    found: dict[str, Row] = {}
    for name, command in interpreters().items():
        if any(peer.name == name for peer in bench.peers):
            # The compiled package is installed; the sources must not stand before it on the path.
            script = [str(_SCRIPT)] if "-P" in command else ["-m", "benches.added"]
            done = subprocess.run([*command, *script], cwd=ROOT, capture_output=True, text=True, check=False)
            if done.returncode:
                raise RuntimeError(done.stderr)
            for middleware, row in json.loads(done.stdout).items():
                found.setdefault(middleware, {})["added_native_us" if "native" in name else "added_us"] = row
    return found
