"""Opening a connection to a server."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable
from typing import TypeVar

from trafficcop.errors import Kind, ProxyError
from trafficcop.http.drive import in_task
from trafficcop.proxy.origin import Limits, Origin

P = TypeVar("P", bound=asyncio.Protocol)

_KEEP_ALIVE_SECONDS = 30


async def dial(origin: Origin, limits: Limits, make: Callable[[], P]) -> P:
    """A connected protocol; ProxyError(UNREACHABLE or TIMEOUT), retryable since no byte was sent."""
    return await in_task(_dial(origin, limits, make))


async def _dial(origin: Origin, limits: Limits, make: Callable[[], P]) -> P:
    try:
        async with asyncio.timeout(limits.dial_timeout or None):
            return await _connect(origin, make)
    except TimeoutError:
        raise ProxyError(Kind.TIMEOUT, f"no connection to {origin} in time", is_retryable=True) from None
    except OSError as error:
        if error.errno == errno.ETIMEDOUT:
            raise ProxyError(Kind.TIMEOUT, f"{origin}: {error}", is_retryable=True) from None
        raise ProxyError(Kind.UNREACHABLE, f"{origin}: {error}", is_retryable=True) from None


async def _connect(origin: Origin, make: Callable[[], P]) -> P:
    loop = asyncio.get_running_loop()
    if origin.unix_path:
        _, protocol = await loop.create_unix_connection(make, origin.unix_path)
        return protocol
    transport, protocol = await loop.create_connection(make, origin.host, origin.port)
    _tune(transport)
    return protocol


def _tune(transport: asyncio.Transport) -> None:
    sock = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEP_ALIVE_SECONDS)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _KEEP_ALIVE_SECONDS)
