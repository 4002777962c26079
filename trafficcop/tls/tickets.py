"""Keys of session tickets (RFC 5077 §4) that all workers share: a client may resume its session with any of them.

`ssl` has no word for these keys, and would let each context of each worker draw its own: with eight workers, seven of
eight clients that come back would need a full handshake. So OpenSSL is asked for it directly.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import ssl
import sys
from collections.abc import Callable
from functools import cache
from time import time
from typing import Any

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
    control = _control()
    if control is None:
        return False
    # CPython's context begins, behind what all objects have, with the pointer to OpenSSL's (`Modules/_ssl.c`).
    address = ctypes.c_void_p.from_address(id(context) + object.__basicsize__).value
    return bool(address) and control(address, _SET_KEYS, len(keys), keys) == 1


@cache
def _control() -> Callable[..., int] | None:
    """`SSL_CTX_ctrl` of the OpenSSL that `ssl` uses; None in an interpreter that we do not know, or that hides it."""
    if sys.implementation.name != "cpython" or sys.version_info >= (3, 15):
        return None
    import _ssl

    try:
        found: Any = ctypes.CDLL(getattr(_ssl, "__file__", None)).SSL_CTX_ctrl
    except (OSError, AttributeError):
        return None
    found.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_long, ctypes.c_char_p)
    found.restype = ctypes.c_long
    control: Callable[..., int] = found
    return control
