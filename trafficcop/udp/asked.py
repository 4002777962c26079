"""The address that a client has asked, where a socket is bound to all of them: it must be the one that answers.

ip(7) and ipv6(7): `struct in_pktinfo` and `struct in6_pktinfo` come with each datagram and may go with each.
"""

from __future__ import annotations

import socket
from typing import Final

_IP_PKTINFO: Final = 8  # <linux/in.h>; Python names it from 3.14 on
_MAPPED: Final = b"\0" * 10 + b"\xff\xff"

# Ancillary data for `sendmsg`.
Ancillary = list[tuple[int, int, bytes]]


def is_wildcard(sock: socket.socket) -> bool:
    return sock.getsockname()[0] in ("0.0.0.0", "::")


def ask_addresses(sock: socket.socket) -> None:
    """Have each datagram come with the address that it was sent to."""
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)


def reply_from(asked: bytes) -> Ancillary:
    """What to send with an answer to a datagram that came with this. The way back is for the routes to choose, so no
    interface is named but for a link-local address, which means nothing without one."""
    if len(asked) == 12:
        local = asked[4:8]  # the address of ours that the kernel would answer from: right for broadcasts, too
        return [(socket.IPPROTO_IP, _IP_PKTINFO, b"\0\0\0\0" + local + b"\0\0\0\0")] if any(local) else []
    if len(asked) != 20 or not _can_answer(asked):
        return []
    interface = asked[16:] if asked.startswith(b"\xfe\x80") else b"\0\0\0\0"
    return [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, asked[:16] + interface)]


def _can_answer(asked: bytes) -> bool:
    """Not from a group or a broadcast address."""
    return asked[12] < 224 if asked.startswith(_MAPPED) else asked[0] != 0xFF
