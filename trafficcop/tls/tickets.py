"""Keys of session tickets (RFC 5077 §4) that all workers share: a client may resume its session with any of them.

`ssl` has no word for these keys, and would let each context of each worker draw its own: with eight workers, seven of
eight clients that come back would need a full handshake.
"""

from __future__ import annotations

import hashlib
import os
import ssl
from collections.abc import Callable
from time import time

from trafficcop.tls.openssl import control

PERIOD = 24 * 3600.0  # seconds that keys are in use; who comes later with an old ticket makes a full handshake
_SET_KEYS = 59  # SSL_CTRL_SET_TLSEXT_TICKET_KEYS (OpenSSL `include/openssl/ssl.h`)
_SIZE = 80  # a name of 16 bytes, an HMAC key and an AES key of 32 each


class TicketKeys:
    """Draws the keys of a context from a secret that all workers have. Contexts of different `purpose` share none: a
    ticket must not lead around the client certificate that other options ask for."""

    __slots__ = ("_clock", "_secret")

    def __init__(self, secret: bytes = b"", clock: Callable[[], float] = time) -> None:
        self._secret = secret or os.urandom(32)
        self._clock = clock

    def install(self, context: ssl.SSLContext, purpose: str) -> float:
        """Give a context the keys of now. Returns when they are to be replaced; where that cannot be done, never."""
        period = int(self._clock() // PERIOD)
        material = b"%b %d %b" % (self._secret, period, purpose.encode())
        if not _set_keys(context, hashlib.shake_256(material).digest(_SIZE)):
            return float("inf")
        return (period + 1) * PERIOD

    def is_due(self, until: float) -> bool:
        return self._clock() >= until


def _set_keys(context: ssl.SSLContext, keys: bytes) -> bool:
    return control(context, _SET_KEYS, len(keys), keys) == 1
