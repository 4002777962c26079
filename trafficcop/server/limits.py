"""How much a client may ask of its connection, and how long it may take."""

from __future__ import annotations

from typing import Final

# A client may pipeline this many requests before we stop reading.
PIPELINE_LIMIT: Final = 8
# A client may send this much behind a request to upgrade before there is a tunnel.
LEFTOVER_LIMIT: Final = 64 * 1024
# What is left of a request body after its answer is read and dropped up to here; beyond, the connection is closed.
DISCARD_LIMIT: Final = 256 * 1024
# How long a connection that we closed first may go on sending (it would lose our answer to a reset otherwise).
LINGER_SECONDS = 2.0
# A client that sends no more may have closed or half-closed: it is waited for as long as its answer makes progress.
HALF_CLOSED_SECONDS = 5.0


def header_limit(given: int) -> int:
    """How long a head may be: what is not positive stands for net/http's own limit."""
    return given if given > 0 else 1048576
