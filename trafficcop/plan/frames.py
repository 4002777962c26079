"""How messages travel between control and workers: pickles with their length in front, over a Unix stream socket.

Both ends are the same program under the same user, in a directory nobody else may enter; `is_ours` proves it.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import socket
import struct

from trafficcop.plan.messages import ToControl, ToWorker

_LENGTH = struct.Struct("!I")
_CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid (`unix(7)`)
LIMIT = 64 * 1024 * 1024


class BrokenFrame(Exception):
    """A frame that cannot come from us: the connection is of no more use."""


def encode(message: ToWorker | ToControl) -> bytes:
    """The bytes of one message; BrokenFrame if it is too large to be sent."""
    payload = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    if len(payload) > LIMIT:
        raise BrokenFrame(f"a message of {len(payload)} bytes is over the limit of {LIMIT}")
    return _LENGTH.pack(len(payload)) + payload


async def read(reader: asyncio.StreamReader) -> ToWorker | ToControl:
    """The next message; `IncompleteReadError` or `ConnectionError` when the other end is gone."""
    (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    if length > LIMIT:
        raise BrokenFrame(f"a message of {length} bytes is over the limit of {LIMIT}")
    payload = await reader.readexactly(length)
    try:
        message = pickle.loads(payload)  # noqa: S301 - from a process of our own, see `is_ours`
    except Exception as error:
        raise BrokenFrame(f"a message that cannot be read: {error}") from error
    if not isinstance(message, ToWorker | ToControl):
        raise BrokenFrame(f"a message of an unknown kind: {type(message).__name__}")
    return message


def is_ours(sock: socket.socket) -> bool:
    """Whether the process at the other end runs under our user."""
    credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, uid, _ = _CREDENTIALS.unpack(credentials)
    return bool(uid == os.geteuid())
