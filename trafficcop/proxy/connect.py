"""A TCP connection to the first of several addresses that takes it (Happy Eyeballs, RFC 8305)."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from typing import Final

from trafficcop.proxy.names import Names

_KEEP_ALIVE_SECONDS: Final = 30
DELAY_SECONDS = 0.25  # before the next address is tried beside one that does not answer (RFC 8305 §5)


async def connect(names: Names, host: str, port: int) -> socket.socket:
    """A connected socket. OSError when no address of the host takes the connection: that of the first."""
    addresses = await names.addresses(host)
    if len(addresses) == 1:
        return await _open(addresses[0], port)
    return await _race(names, host, addresses, port)


async def _race(names: Names, host: str, addresses: Sequence[str], port: int) -> socket.socket:
    attempts: dict[asyncio.Task[socket.socket], str] = {}
    first: BaseException | None = None
    coming = list(addresses)
    loop = asyncio.get_running_loop()
    try:
        while coming or attempts:
            if coming:
                address = coming.pop(0)
                attempts[loop.create_task(_open(address, port))] = address
            done, _ = await asyncio.wait(
                attempts, timeout=DELAY_SECONDS if coming else None, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                address = attempts.pop(task)
                error = task.exception()
                if error is None:
                    return task.result()
                names.blame(host, address)
                first = first or error
        raise first or OSError(f"{host} has no address")
    finally:
        for task in attempts:
            task.add_done_callback(_close_late)
            task.cancel()


def _close_late(task: asyncio.Task[socket.socket]) -> None:
    """An attempt that won too late."""
    if not task.cancelled() and task.exception() is None:
        task.result().close()


async def _open(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        await asyncio.get_running_loop().sock_connect(sock, (address, port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEP_ALIVE_SECONDS)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _KEEP_ALIVE_SECONDS)
    except BaseException:
        sock.close()
        raise
    return sock
