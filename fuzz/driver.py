"""What all fuzzers run by: inputs numbered from a seed, so that each of them can be tried again."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable

Check = Callable[[random.Random], None]


def drive(check: Check, until: Callable[[int], bool], seed: int) -> int:
    """How many inputs were tried."""
    count = 0
    while until(count):
        check(random.Random(f"{seed}:{count}"))
        count += 1
    return count


def main(check: Check) -> None:
    """The command line: [seconds] [seed]."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    end = time.monotonic() + seconds
    sys.stdout.write(f"{drive(check, lambda _: time.monotonic() < end, seed)} inputs, nothing found\n")
