"""What a single matcher asks of a request, in both syntaxes: small objects, each called once per candidate."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from trafficcop.http.addresses import Range
from trafficcop.http.messages import Request
from trafficcop.rules.query import values_of

BytesTest = Callable[[bytes], bool]


class HostIs:
    """The host is one of these, which are lower-case."""

    __slots__ = ("_hosts",)

    def __init__(self, hosts: Iterable[bytes]) -> None:
        self._hosts = frozenset(hosts)

    def __call__(self, request: Request) -> bool:
        return request.host in self._hosts


class HostEndsWith:
    """The host without its first label is one of these: `*.example.com` is b".example.com"."""

    __slots__ = ("_suffixes",)

    def __init__(self, suffixes: Iterable[bytes]) -> None:
        self._suffixes = frozenset(suffixes)

    def __call__(self, request: Request) -> bool:
        host = request.host
        dot = host.find(b".")
        return (host[dot:] if dot >= 0 else b"") in self._suffixes and host != b""


class HostFits:
    """The host fits an expression."""

    __slots__ = ("_fits",)

    def __init__(self, fits: BytesTest) -> None:
        self._fits = fits

    def __call__(self, request: Request) -> bool:
        return self._fits(request.host)


class PathIs:
    """The routing path is exactly this."""

    __slots__ = ("_path",)

    def __init__(self, path: bytes) -> None:
        self._path = path

    def __call__(self, request: Request) -> bool:
        return request.path == self._path


class PathStartsWith:
    """The routing path starts so."""

    __slots__ = ("_prefix",)

    def __init__(self, prefix: bytes) -> None:
        self._prefix = prefix

    def __call__(self, request: Request) -> bool:
        return request.path.startswith(self._prefix)


class PathFits:
    """The routing path fits an expression."""

    __slots__ = ("_fits",)

    def __init__(self, fits: BytesTest) -> None:
        self._fits = fits

    def __call__(self, request: Request) -> bool:
        return self._fits(request.path)


class MethodIs:
    """The method is one of these."""

    __slots__ = ("_methods",)

    def __init__(self, methods: Iterable[bytes]) -> None:
        self._methods = frozenset(methods)

    def __call__(self, request: Request) -> bool:
        return request.method in self._methods


# Go keeps these out of its header map, so no rule ever sees them (net/http, `readTransfer` and `readRequest`).
UNSEEN_HEADERS: Final = frozenset([b"host", b"transfer-encoding", b"trailer"])


class HeaderIs:
    """A field of this name, given in lower case, has exactly this value."""

    __slots__ = ("_name", "_size", "_value")

    def __init__(self, name: bytes, value: bytes) -> None:
        self._name = name
        self._size = len(name)
        self._value = value

    def __call__(self, request: Request) -> bool:
        headers = request.headers
        expected = self._value
        for name, value in headers.fields:
            if value == expected and len(name) == self._size and name.lower() == self._name:
                return True
        if headers.hop is not None:
            for name, value in headers.hop:
                if value == expected and name.lower() == self._name:
                    return True
        return False


class HeaderFits:
    """A field of this name, given in lower case, has a value that fits an expression."""

    __slots__ = ("_fits", "_name")

    def __init__(self, name: bytes, fits: BytesTest) -> None:
        self._name = name
        self._fits = fits

    def __call__(self, request: Request) -> bool:
        return any(name.lower() == self._name and self._fits(value) for name, value in request.headers)


class QueryIs:
    """The query has a pair of this key and this value."""

    __slots__ = ("_key", "_value")

    def __init__(self, key: bytes, value: bytes) -> None:
        self._key = key
        self._value = value

    def __call__(self, request: Request) -> bool:
        query = request.query
        return query is not None and self._value in values_of(query, self._key)


class QueryFits:
    """The query has a pair of this key whose value fits an expression."""

    __slots__ = ("_fits", "_key")

    def __init__(self, key: bytes, fits: BytesTest) -> None:
        self._key = key
        self._fits = fits

    def __call__(self, request: Request) -> bool:
        query = request.query
        return query is not None and any(map(self._fits, values_of(query, self._key)))


class PeerIsIn:
    """The client's own address, at the other end of the connection, is in one of the ranges."""

    __slots__ = ("_ranges",)

    def __init__(self, ranges: Iterable[Range]) -> None:
        self._ranges = tuple(ranges)

    def __call__(self, request: Request) -> bool:
        peer = request.peer
        number = peer.number
        if number is None:
            number = peer.learn_number()
        for mask, network in self._ranges:  # noqa: SIM110 - a generator would cost three times as much
            if number & mask == network:
                return True
        return False
