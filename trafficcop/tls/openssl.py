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
_TYPES = {
    "SSL_CTX_ctrl": ((ctypes.c_void_p, ctypes.c_int, ctypes.c_long, ctypes.c_char_p), ctypes.c_long),
    "SSL_CTX_set_ciphersuites": ((ctypes.c_void_p, ctypes.c_char_p), ctypes.c_int),
    "SSL_CTX_set_client_CA_list": ((ctypes.c_void_p, ctypes.c_void_p), None),
    "SSL_load_client_CA_file": ((ctypes.c_char_p,), ctypes.c_void_p),
}
SUITES = b"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"


def control(context: ssl.SSLContext, command: int, number: int, pointer: bytes | None = None) -> int | None:
    """What `SSL_CTX_ctrl` gives for one of its commands; None in an interpreter that we do not know."""
    return _ask(context, "SSL_CTX_ctrl", command, number, pointer)


def forget_sessions(context: ssl.SSLContext) -> None:
    """No session is kept on our side: as in Go, a session goes on by a ticket or not at all.

    By its number alone it would go on without the client's certificates (RFC 5246 §7.4.1.2), and OpenSSL keeps 20,480.
    """
    control(context, _SET_SESSION_CACHE_MODE, _OFF)


def prefer_suites(context: ssl.SSLContext) -> None:
    """The cipher suites of TLS 1.3 in Go's order: OpenSSL would begin with the one that costs the most."""
    _ask(context, "SSL_CTX_set_ciphersuites", SUITES)


def can_name_authorities() -> bool:
    """Whether `name_authorities` does anything here."""
    return _call("SSL_load_client_CA_file") is not None and _call("SSL_CTX_set_client_CA_list") is not None


def name_authorities(context: ssl.SSLContext, path: str) -> None:
    """Tell clients that are asked for a certificate the subjects of these, to choose one by (RFC 8446 §4.2.4)."""
    load = _call("SSL_load_client_CA_file")
    names = None if load is None else load(path.encode())
    if names is not None:
        _ask(context, "SSL_CTX_set_client_CA_list", names)  # which owns them from now on


def _ask(context: ssl.SSLContext, name: str, *arguments: int | bytes | None) -> int | None:
    call = _call(name)
    if call is None:
        return None
    # CPython's context begins, behind what all objects have, with the pointer to OpenSSL's (`Modules/_ssl.c`).
    address = ctypes.c_void_p.from_address(id(context) + object.__basicsize__).value
    return call(address, *arguments) if address else None


@cache
def _call(name: str) -> Callable[..., int] | None:
    """A function of the OpenSSL that `ssl` uses; None where we do not know how to reach it."""
    if sys.implementation.name != "cpython" or sys.version_info >= (3, 15):
        return None
    import _ssl

    try:
        found: Any = getattr(ctypes.CDLL(getattr(_ssl, "__file__", None)), name)
    except (OSError, AttributeError):
        return None
    found.argtypes, found.restype = _TYPES[name]
    call: Callable[..., int] = found
    return call
