"""The servers of all UDP services of a worker, by address; names are looked up beside the loop."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
from collections.abc import Callable
from time import monotonic
from typing import Final

from trafficcop.http.datagrams import DatagramServer
from trafficcop.telemetry.seldom import Seldom

_log = logging.getLogger(__name__)
_RETRY_SECONDS: Final = 1.0  # until a name is looked up again that could not be found
# Traefik looks a name up for each session; addresses of names seldom change faster than this.
_FRESH_SECONDS: Final = 30.0

Known = Callable[[bool], None]


class Servers:
    """One DatagramServer for each address: what is known of it outlives a reload."""

    def __init__(self) -> None:
        self._servers: dict[str, DatagramServer] = {}
        self._fresh_until: dict[DatagramServer, float] = {}  # of those that have names
        self._searches: dict[DatagramServer, asyncio.Task[None]] = {}
        self._waiting: dict[DatagramServer, list[Known]] = {}
        self._seldom = Seldom(_log)

    def get(self, address: str) -> DatagramServer:
        """The server at `host:port`."""
        server = self._servers.get(address)
        if server is None:
            server = self._servers[address] = DatagramServer(address)
            _take_literal(server)
        return server

    def keep_only(self, used: set[str]) -> None:
        for address in self._servers.keys() - used:
            self._fresh_until.pop(self._servers.pop(address), None)

    def refresh(self, server: DatagramServer, on_known: Known | None = None) -> None:
        """Look the name up if it was long ago. `on_known` is called once, with whether there is an address now."""
        if server.target is not None and self._fresh_until.get(server, 0.0) == 0.0:
            return  # not a name
        if server not in self._searches:
            if self._fresh_until.get(server, 0.0) > monotonic():
                if on_known is not None:
                    on_known(server.target is not None)
                return
            self._searches[server] = asyncio.get_running_loop().create_task(self._search(server))
        if on_known is not None:
            self._waiting.setdefault(server, []).append(on_known)

    async def _search(self, server: DatagramServer) -> None:
        host, _, port = server.address.rpartition(":")
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host or "localhost", port, type=socket.SOCK_DGRAM)
        except (OSError, UnicodeError) as error:
            self._seldom.warn("the UDP server %s cannot be found: %s", server.address, error)
            self._note(server, _RETRY_SECONDS)
        else:
            server.family, _, _, _, server.target = min(found, key=lambda entry: entry[0] != socket.AF_INET)
            self._note(server, _FRESH_SECONDS)
        finally:
            del self._searches[server]
        for on_known in self._waiting.pop(server, ()):
            on_known(server.target is not None)

    def _note(self, server: DatagramServer, seconds: float) -> None:
        if self._servers.get(server.address) is server:  # a reload may have dropped it meanwhile
            self._fresh_until[server] = monotonic() + seconds

    def close(self) -> None:
        for search in self._searches.values():
            search.cancel()
        self._waiting.clear()


def _take_literal(server: DatagramServer) -> None:
    """An address that is one already needs no look-up."""
    host, _, port = server.address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not port.isascii() or not port.isdigit():
        return
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return
    if address.version == 4:
        server.family, server.target = socket.AF_INET, (host, int(port))
    elif "%" not in host:  # a zone has a number that the look-up finds
        server.family, server.target = socket.AF_INET6, (host, int(port), 0, 0)
