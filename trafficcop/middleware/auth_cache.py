"""Positive answers of an auth server, remembered for a while: an extension, off unless `cache.ttl` is set."""

from __future__ import annotations

import hashlib
import os
from time import monotonic
from typing import Generic, TypeVar

from trafficcop.config.own import ForwardAuthCache
from trafficcop.http.messages import Request
from trafficcop.middleware.redirects import request_uri

T = TypeVar("T")

_ENTRIES = 4096


class AuthCache(Generic[T]):
    """Bounded; the oldest goes first. A key is a keyed digest, so that no credentials stay in memory."""

    __slots__ = ("_entries", "_keyed", "_names", "_ttl")

    def __init__(self, config: ForwardAuthCache) -> None:
        self._ttl = config.ttl.seconds
        self._names = tuple(name.encode() for name in config.key_headers)
        self._keyed = hashlib.blake2b(key=os.urandom(32), digest_size=16)
        self._entries: dict[bytes, tuple[float, T]] = {}

    def key_of(self, request: Request) -> bytes:
        """The client, what it asks for, and the fields that the answer depends on."""
        headers = request.headers
        parts = [request.peer.ip, request.method, request.scheme, request.authority, request_uri(request)]
        parts += [b"\x00".join(headers.get_all(name)) if name in headers else b"" for name in self._names]
        digest = self._keyed.copy()
        digest.update(b"".join([b"%d:%b" % (len(part), part) for part in parts]))
        return digest.digest()

    def get(self, key: bytes) -> T | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry[0] <= monotonic():
            del self._entries[key]
            return None
        return entry[1]

    def put(self, key: bytes, value: T) -> None:
        self._entries.pop(key, None)
        if len(self._entries) >= _ENTRIES:
            del self._entries[next(iter(self._entries))]
        self._entries[key] = (monotonic() + self._ttl, value)
