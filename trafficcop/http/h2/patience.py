"""How much useless work one connection may ask for before it is closed with ENHANCE_YOUR_CALM (RFC 9113 §10.5).

One account for everything that costs us and brings nobody forward: PING, SETTINGS, PRIORITY and unknown frames, empty
DATA and CONTINUATION, window updates beyond what was sent or for single bytes, and streams that are opened to be reset
(CVE-2023-44487) or to make us reset them (CVE-2025-8671). It fills up with time, and with work that was of use.
"""

from __future__ import annotations

from time import monotonic
from typing import Final

from trafficcop.http.h2.faults import ENHANCE_YOUR_CALM, ConnectionFault

# A page of a browser that is left at once resets a hundred streams; a client that measures its bandwidth sends a PING
# with each read. Neither comes near 2,000, and a flood is there within milliseconds.
BURST: Final = 2000
POINTS_PER_SECOND: Final = 100

FRAME_COST: Final = 1
# A request that is broken off has cost a connection to a server.
RESET_COST: Final = 5
# DATA that we send may be answered by a PING. The window updates it is answered by cost nothing, however many they are.
DATA_REFUND: Final = 2
STREAM_REFUND: Final = 2


class Patience:
    """The account of one connection."""

    __slots__ = ("_left", "_since")

    def __init__(self) -> None:
        self._left = BURST
        self._since = monotonic()  # when it was last filled up

    def charge(self, points: int) -> None:
        self._left -= points
        if self._left < 0:
            self._fill()

    def owe(self, points: int) -> None:
        """To be charged with the next frame that comes: we are not reading just now."""
        self._left -= points

    def refund(self, points: int) -> None:
        if self._left < BURST:
            self._left += points

    def _fill(self) -> None:
        now = monotonic()
        self._left = min(self._left + int((now - self._since) * POINTS_PER_SECOND), BURST)
        self._since = now
        if self._left < 0:
            raise ConnectionFault(ENHANCE_YOUR_CALM, "too many frames without a purpose")
