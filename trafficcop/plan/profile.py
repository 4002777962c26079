"""What control and workers say to each other about where time is spent."""

from __future__ import annotations

from trafficcop.config.lazy import dataclass

# One line of code on a stack: function, file, line.
Place = tuple[str, str, int]
# How often each stack was seen, its innermost place first.
Stacks = tuple[tuple[tuple[Place, ...], int], ...]


@dataclass(frozen=True, slots=True)
class TakeProfile:
    """Look for so many seconds where CPU time is spent; answered by a Profile of the same `turn`."""

    turn: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Profile:
    """`period`: nanoseconds of CPU time that one look stands for."""

    worker: int
    turn: int
    period: int
    stacks: Stacks
