"""A row for each middleware and each kind of service, measured by a process of its own under every interpreter of ours
(`benches/added.py`, `benches/added_services.py`)."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from benches.measure import Bench, Row
from benches.peers import ROOT, interpreters


def each_middleware(bench: Bench) -> dict[str, Row]:
    """CPU that a middleware adds to a request, in one process and without system calls."""
    return _each(bench, "added")


def each_service(bench: Bench) -> dict[str, Row]:
    """CPU that a service adds to a request, likewise, to one whose servers take turns."""
    return _each(bench, "added_services")


def _each(bench: Bench, module: str) -> dict[str, Row]:
    file = Path(__file__).with_name(f"{module}.py")
    found: dict[str, Row] = {}
    for name, command in interpreters().items():
        if any(peer.name == name for peer in bench.peers):
            # The compiled package is installed; the sources must not stand before it on the path.
            script = [str(file)] if "-P" in command else ["-m", f"benches.{module}"]
            done = subprocess.run([*command, *script], cwd=ROOT, capture_output=True, text=True, check=False)
            if done.returncode:
                raise RuntimeError(done.stderr)
            for case, row in json.loads(done.stdout).items():
                found.setdefault(case, {})["added_native_us" if "native" in name else "added_us"] = row
    return found
