"""A client stays with its server: by a cookie that it is given (Traefik `pkg/server/service/loadbalancer`), or by what
its requests have in common anyway, a header or an address."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Final

from trafficcop.config.dynamic import Cookie
from trafficcop.config.own_balancing import StickyClientIP, StickyHeader
from trafficcop.http.addresses import IPV6, UNKNOWN
from trafficcop.http.answer import Change
from trafficcop.http.cookies import read_cookie
from trafficcop.http.messages import Request, Response
from trafficcop.service.hashing import HeaderKey, Key, Placed, client_address
from trafficcop.service.servers import Server

_NO_TOKEN: Final = re.compile(r"[^A-Za-z0-9!#$%&'*+\-.^`|~]")
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN: Final = re.compile(rf"(?=.*[A-Za-z])(?!.{{256}})\.?{_LABEL}(?:\.{_LABEL})*\.?").fullmatch
_IPV4: Final = re.compile(r"(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}").fullmatch
_NO_ATTRIBUTE: Final = re.compile(r"[^\x20-\x7e]|;")
_SAME_SITE: Final = {"none": "; SameSite=None", "lax": "; SameSite=Lax", "strict": "; SameSite=Strict"}

_NOBODY: Final[tuple[Server | None, bool]] = (None, False)
_PLACES: Final = 160  # on the ring, for each unit of weight


class StickyCookie:
    """Which server a cookie stands for, and the Set-Cookie of each server."""

    __slots__ = ("_marks", "_name", "_servers", "_superseded")

    def __init__(self, cookie: Cookie, service: str, servers: Sequence[Server]) -> None:
        name = cookie_name(cookie.name, service)
        self._name = name.encode() + b"="
        self._servers: dict[bytes, Server] = {}
        self._superseded: dict[bytes, Server] = {}
        self._marks: dict[Server, _Mark] = {}
        attributes = _attributes(cookie)
        for server in servers:
            value = cookie_value(server.url)
            self._servers[value] = server
            self._marks[server] = _Mark(b"%s=%s%s" % (name.encode(), value, attributes))
            for old in _old_values(server.url):
                self._superseded[old] = server

    def find(self, request: Request) -> tuple[Server | None, bool]:
        """The server of this client's cookie, and whether the cookie has an old form that must be rewritten."""
        value = read_cookie(request.headers, self._name)
        if value is None:
            return _NOBODY
        server = self._servers.get(value)
        if server is not None:
            return server, False
        server = self._superseded.get(value)
        return server, server is not None

    def mark(self, server: Server) -> Change:
        """What puts the Set-Cookie on an answer that keeps a client with that server."""
        return self._marks[server]


class _Mark:
    """The Set-Cookie of one server, before those that it sends itself."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    def change(self, request: Request, response: Response) -> None:
        response.headers.prepend(b"Set-Cookie", self._value)


def cookie_name(name: str, service: str) -> str:
    """The configured name, fit for a cookie; else one made of the service's."""
    if name:
        return _NO_TOKEN.sub("_", name)
    digest = hashlib.sha1(f"_TRAEFIK_BACKEND_{service}".encode(), usedforsecurity=False)
    return "_" + digest.hexdigest()[:5]


def cookie_value(url: str) -> bytes:
    return hashlib.sha256(url.encode()).hexdigest()[:16].encode()


def fnv1(data: bytes) -> bytes:
    """FNV-1 with 64 bits, in hexadecimal."""
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF) ^ byte
    return b"%x" % value


def _old_values(url: str) -> tuple[bytes, ...]:
    """What cookies of earlier versions hold: the name, its hash, the hash of that."""
    hashed = fnv1(url.encode())
    return url.encode(), hashed, fnv1(hashed)


def _attributes(cookie: Cookie) -> bytes:
    """In the order of Go's `http.Cookie.String`."""
    text = ""
    path = _NO_ATTRIBUTE.sub("", cookie.path)
    if path:
        text += f"; Path={path}"
    if _DOMAIN(cookie.domain) or _IPV4(cookie.domain):
        text += f"; Domain={cookie.domain.removeprefix('.')}"
    if cookie.max_age:
        text += f"; Max-Age={max(cookie.max_age, 0)}"
    if cookie.http_only:
        text += "; HttpOnly"
    if cookie.secure:
        text += "; Secure"
    return (text + _SAME_SITE.get(cookie.same_site.lower(), "")).encode()


# === without a cookie ===


class ClientNetwork:
    """The network of an IPv6 client, the address of an IPv4 one."""

    __slots__ = ("_shift",)

    def __init__(self, bits: int) -> None:
        self._shift = 128 - bits

    def __call__(self, request: Request) -> bytes:
        peer = request.peer
        number = peer.number if peer.number is not None else peer.learn_number()
        if number < IPV6 or number == UNKNOWN:
            return peer.ip
        return b"%x" % (number >> self._shift)


class Affinity:
    """The server of a request's header, or of its client. The same on every machine: it is hashed, not remembered."""

    __slots__ = ("_keys", "_placed")

    def __init__(
        self, header: StickyHeader | None, client_ip: StickyClientIP | None, servers: Sequence[Server]
    ) -> None:
        self._keys: list[Key] = []
        if header is not None:
            self._keys.append(HeaderKey(header.name))
        if client_ip is not None:
            bits = client_ip.ipv6_subnet
            self._keys.append(client_address if bits is None else ClientNetwork(bits))
        self._placed = Placed(servers, _PLACES)

    def refresh(self) -> None:
        self._placed.refresh()

    def find(self, request: Request) -> Server | None:
        """None when the request has no such header, or no server is up."""
        for key in self._keys:
            value = key(request)
            if value is not None:
                return self._placed.find(value)
        return None
