"""What all fuzzers run by: inputs numbered from a seed, so that each of them can be tried again."""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable

Check = Callable[[random.Random], None]


def drive(check: Check, until: Callable[[int], bool], seed: int) -> int:
    """How many inputs were tried. What `check` raises says which input it was."""
    count = 0
    while until(count):
        name = f"{seed}:{count}"
        try:
            check(random.Random(name))
        except Exception as error:
            error.add_note(f"found with random.Random({name!r})")
            raise
        count += 1
    return count


def main(check: Check) -> None:
    """The command line: [seconds] [seed]."""
    parser = argparse.ArgumentParser(description="Try inputs until the time is over or one of them finds something.")
    parser.add_argument("seconds", type=float, nargs="?", default=60.0, help="how long (60)")
    parser.add_argument("seed", type=int, nargs="?", default=0, help="another one for other inputs (0)")
    given = parser.parse_args()
    end = time.monotonic() + given.seconds
    sys.stdout.write(f"{drive(check, lambda _: time.monotonic() < end, given.seed)} inputs, nothing found\n")
