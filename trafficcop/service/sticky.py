"""Sticky cookies: a client stays with the server it was given first (Traefik `pkg/server/service/loadbalancer`)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from trafficcop.config.dynamic import Cookie
from trafficcop.http.headers import Headers
from trafficcop.http.messages import Request
from trafficcop.service.algorithms import Server

_NO_TOKEN = re.compile(r"[^A-Za-z0-9!#$%&'*+\-.^`|~]")
_DOMAIN = re.compile(r"\.?[A-Za-z0-9\-.]{1,253}").fullmatch
_NO_ATTRIBUTE = re.compile(r"[^\x20-\x7e]|;")
_SAME_SITE = {"none": "; SameSite=None", "lax": "; SameSite=Lax", "strict": "; SameSite=Strict"}


class Sticky:
    """Which server a cookie stands for, and the Set-Cookie line of each server."""

    __slots__ = ("_lines", "_name", "_servers", "_superseded")

    def __init__(self, cookie: Cookie, service: str, servers: Sequence[Server]) -> None:
        name = cookie_name(cookie.name, service)
        self._name = name.encode() + b"="
        self._servers: dict[bytes, Server] = {}
        self._superseded: dict[bytes, Server] = {}
        self._lines: dict[Server, bytes] = {}
        attributes = _attributes(cookie)
        for server in servers:
            value = cookie_value(server.url)
            self._servers[value] = server
            self._lines[server] = b"%s=%s%s" % (name.encode(), value, attributes)
            for old in _old_values(server.url):
                self._superseded[old] = server

    def find(self, request: Request) -> tuple[Server | None, bool]:
        """The server of this client's cookie, and whether the cookie has an old form that must be rewritten."""
        value = read_cookie(request.headers, self._name)
        if value is None:
            return None, False
        server = self._servers.get(value)
        if server is not None:
            return server, False
        server = self._superseded.get(value)
        return server, server is not None

    def line(self, server: Server) -> bytes:
        """The value of Set-Cookie that keeps a client with that server."""
        return self._lines[server]


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


def read_cookie(headers: Headers, name: bytes) -> bytes | None:
    """The value of the first cookie of that name (given with its "="), RFC 6265 §5.4."""
    for field, value in headers.fields:
        if len(field) == 6 and field.lower() == b"cookie" and name in value:
            for pair in value.split(b";"):
                pair = pair.strip()
                if pair.startswith(name):
                    found = pair[len(name) :].strip()
                    return found[1:-1] if len(found) > 1 and found[:1] == b'"' == found[-1:] else found
    return None


def _attributes(cookie: Cookie) -> bytes:
    """In the order of Go's `http.Cookie.String`."""
    text = ""
    path = _NO_ATTRIBUTE.sub("", cookie.path)
    if path:
        text += f"; Path={path}"
    if cookie.domain and _DOMAIN(cookie.domain):
        text += f"; Domain={cookie.domain.removeprefix('.')}"
    if cookie.max_age:
        text += f"; Max-Age={max(cookie.max_age, 0)}"
    if cookie.http_only:
        text += "; HttpOnly"
    if cookie.secure:
        text += "; Secure"
    return (text + _SAME_SITE.get(cookie.same_site.lower(), "")).encode()
