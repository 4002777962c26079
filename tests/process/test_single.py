"""What the instance of one process does itself, since nobody is above it."""

from __future__ import annotations

import subprocess
import sys

from tests.process.instance import ROOT, is_alive

CODE = """
import os, time
from trafficcop.single import disown_children

disown_children()
pid = os.fork() or os._exit(0)
for _ in range(1000):
    if not os.path.exists(f"/proc/{pid}"):
        break
    time.sleep(0.01)
else:
    raise SystemExit("a zombie")
print(pid)
"""


def test_children_that_end_leave_no_zombies():
    done = subprocess.run([sys.executable, "-c", CODE], cwd=ROOT, timeout=30, check=False, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    assert not is_alive(int(done.stdout))
