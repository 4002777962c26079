"""What `ssl` has no word for is asked of OpenSSL directly."""

from __future__ import annotations

import ctypes
import ssl
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

_SET_SESSION_CACHE_MODE = 44  # SSL_CTRL_SET_SESS_CACHE_MODE (OpenSSL `include/openssl/ssl.h`)
_OFF = 0  # SSL_SESS_CACHE_OFF


def control(context: ssl.SSLContext, command: int, number: int, pointer: bytes | None = None) -> int | None:
    """What `SSL_CTX_ctrl` gives for one of its commands; None in an interpreter that we do not know."""
    call = _call()
    if call is None:
        return None
    # CPython's context begins, behind what all objects have, with the pointer to OpenSSL's (`Modules/_ssl.c`).
    address = ctypes.c_void_p.from_address(id(context) + object.__basicsize__).value
    return call(address, command, number, pointer) if address else None


def forget_sessions(context: ssl.SSLContext) -> None:
    """No session is kept on our side: as in Go, a session goes on by a ticket or not at all.

    By its number alone it would go on without the client's certificates (RFC 5246 §7.4.1.2), and OpenSSL keeps 20,480.
    """
    control(context, _SET_SESSION_CACHE_MODE, _OFF)


@cache
def _call() -> Callable[..., int] | None:
    """The function of the OpenSSL that `ssl` uses; None where we do not know how to reach it."""
    if sys.implementation.name != "cpython" or sys.version_info >= (3, 15):
        return None
    import _ssl

    try:
        found: Any = ctypes.CDLL(getattr(_ssl, "__file__", None)).SSL_CTX_ctrl
    except (OSError, AttributeError):
        return None
    found.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_long, ctypes.c_char_p)
    found.restype = ctypes.c_long
    call: Callable[..., int] = found
    return call
