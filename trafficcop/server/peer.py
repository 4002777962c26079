"""Who is at the other end of a client's connection."""

from __future__ import annotations

import asyncio

from trafficcop.http.messages import Peer


def peer_of(transport: asyncio.Transport) -> Peer:
    """The client's address as the socket tells it."""
    return peer_named(transport.get_extra_info("peername"))


def peer_named(name: object) -> Peer:
    """The same from what a socket says; a zone is dropped, a v4-mapped address is the v4 one."""
    if not isinstance(name, tuple):
        return Peer("")
    address = str(name[0]).partition("%")[0]
    if address.startswith("::ffff:") and "." in address:
        address = address[7:]
    return Peer(address, int(name[1]))


def local_address_of(transport: asyncio.Transport) -> str:
    """Our own address on this connection: it chooses the certificate for a client that names no server."""
    name = transport.get_extra_info("sockname")
    if not isinstance(name, tuple):
        return ""
    address = str(name[0]).partition("%")[0]
    return address[7:] if address.startswith("::ffff:") and "." in address else address
