"""The bare socket of a client's connection, taken out of the event loop's hands."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import Final


class _Gone(asyncio.Protocol):
    """What a transport tells after its socket was taken from it concerns nobody."""

    __slots__ = ()


_GONE: Final = _Gone()


def detach(connection: asyncio.Transport | socket.socket) -> socket.socket | None:
    """The socket, without the transport; None where there is something between them: TLS, or bytes not yet sent.

    OSError when there is no descriptor left.
    """
    return connection if isinstance(connection, socket.socket) else _take(connection)


def _take(transport: asyncio.Transport) -> socket.socket | None:
    sock = transport.get_extra_info("socket")
    if sock is None or transport.get_extra_info("ssl_object") is not None or transport.is_closing():
        return None
    if transport.get_write_buffer_size():
        return None
    own = socket.socket(sock.family, sock.type, sock.proto, os.dup(sock.fileno()))
    own.setblocking(False)
    transport.set_protocol(_GONE)
    transport.abort()  # closes its descriptor, not the connection: there is another one of it now
    return own
