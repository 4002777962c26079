"""What an entry point does to every request before it is routed (Traefik `pkg/server/server_entrypoint_tcp.go`).

In order: underscores in names, the target's form, normal form and dot segments, semicolons, X-Forwarded-*, the host.
"""

from __future__ import annotations

import socket
from typing import Final

from trafficcop.config.entry_points import EntryPoint
from trafficcop.errors import Kind, ProxyError
from trafficcop.http.headers import MANAGED, MANAGED_NAMES, UNDERSCORE, Field, Headers
from trafficcop.http.messages import Request, Response, bare_response, malformed_response, text_response
from trafficcop.http.networks import Networks
from trafficcop.http.paths import PLAIN, normalize, routing_path, sanitize

_HOSTS_LIMIT: Final = 4096
# RFC 3986 §3.2.2, and the colon before a port.
_HOST_BYTES: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:[]%"
_FORWARDED_FOR: Final = b"x-forwarded-for"
_SCHEMES: Final = {b"http": b"80", b"https": b"443", b"ws": b"80", b"wss": b"443"}


class Admission:
    """The admission rules of one entry point. `admit` returns the refusal, or None and the request made ready."""

    __slots__ = (
        "_hosts",
        "_is_sanitizing",
        "_is_semicolon_encoded",
        "_kept_options",
        "_server",
        "_shared",
        "_trusted",
        "_underscores",
    )

    def __init__(self, entry_point: EntryPoint) -> None:
        forwarded = entry_point.forwarded_headers
        self._trusted = Networks.of(forwarded.trusted_ips, is_everything=forwarded.insecure)
        self._kept_options = frozenset(name.lower().encode() for name in forwarded.connection)
        self._is_sanitizing = entry_point.http.sanitize_path
        self._is_semicolon_encoded = entry_point.http.encode_query_semicolons
        self._underscores = entry_point.http.underscore_headers_strategy.lower()
        self._server: Field = (b"X-Forwarded-Server", socket.gethostname().encode())
        # Host as sent → canonical host. Clients choose the keys, so the table is bounded.
        self._hosts: dict[bytes, bytes] = {}
        # The X-Forwarded-* fields that all connections to one authority have in common, bounded likewise.
        self._shared: dict[tuple[bytes, bytes], tuple[Field, ...]] = {}

    def admit(self, request: Request) -> Response | None:
        marks = request.marks
        if marks & UNDERSCORE and self._underscores not in ("", "keep"):
            refusal = self._judge_underscores(request)
            if refusal is not None:
                return refusal
        if request.raw_path[:1] != b"/" or request.method == b"CONNECT":
            refusal = self._read_odd_target(request)
            if refusal is not None:
                return refusal
        raw_path = request.raw_path
        # `find`, and a number for one byte: `in` takes longer to see what it is asked for than to look for it.
        if raw_path.translate(None, PLAIN) or raw_path.find(b"/.") >= 0 or raw_path.find(b"//") >= 0:
            refusal = self._clean_path(request)
            if refusal is not None:
                return refusal
        query = request.query
        if query is not None and 0x3B in query:  # ";"
            request.asked_query = query
            request.query = query.replace(b";", b"%3B" if self._is_semicolon_encoded else b"&")
        authority = request.authority
        host = self._hosts.get(authority)
        if host is None:
            host = self._learn_host(authority)
        request.host = host
        self._forwarded(request, marks)
        return None

    # === the target ===

    def _read_odd_target(self, request: Request) -> Response | None:
        """Absolute-form, asterisk-form, and CONNECT's authority-form (RFC 9112 §3.2)."""
        if request.method == b"CONNECT":
            raise ProxyError(Kind.NOT_IMPLEMENTED, "CONNECT")
        target = request.raw_path
        if target == b"*":
            return bare_response(200) if request.method == b"OPTIONS" else malformed_response()
        scheme, mark, rest = target.partition(b"://")
        if not mark or scheme.lower() not in (b"http", b"https") or not rest:
            return malformed_response()
        # The target's host wins over the Host field.
        request.authority, slash, path = rest.partition(b"/")
        request.authority = request.authority.rpartition(b"@")[2]
        if not request.authority:
            return malformed_response()
        request.raw_path = request.path = slash + path if slash else b"/"
        return None

    def _clean_path(self, request: Request) -> Response | None:
        """Normal form, and no dot segments or empty segments unless the entry point lets them through."""
        raw_path = normalize(request.raw_path)
        if b"#" in request.raw_path:
            return bare_response(400)
        if raw_path is None:
            return malformed_response()
        if self._is_sanitizing:
            raw_path = sanitize(raw_path)
        path = routing_path(raw_path)
        if path is None:
            return bare_response(400)
        request.raw_path = raw_path
        request.path = path
        return None

    def _judge_underscores(self, request: Request) -> Response | None:
        if self._underscores == "reject":
            return text_response(400, b"Bad Request")
        request.headers.fields = [field for field in request.headers.fields if b"_" not in field[0]]
        return None

    def _learn_host(self, authority: bytes) -> bytes:
        if authority.translate(None, _HOST_BYTES):
            raise ProxyError(Kind.BAD_REQUEST, "malformed host")
        host = canonical_host(authority)
        if len(self._hosts) >= _HOSTS_LIMIT:
            self._hosts.clear()
        self._hosts[authority] = host
        return host

    # === X-Forwarded-* (Traefik `pkg/middlewares/forwardedheaders`) ===

    def _forwarded(self, request: Request, marks: int) -> None:
        peer = request.peer
        headers = request.headers
        options = request.connection_options
        if options is not None:
            self._drop_options(request, options)
        is_trusted = peer.is_trusted
        if is_trusted is None:
            is_trusted = peer.is_trusted = self._trusted.has(peer.text)
        if marks & MANAGED:
            if is_trusted:
                self._complete(request)
                return
            headers.fields = [field for field in headers.fields if not _is_managed(field[0])]
        if request.upgrade is None:
            if peer.forwarded_authority is not request.authority and peer.forwarded_authority != request.authority:
                peer.forwarded_lines = Headers(self._fields_of(request)).encode()
                peer.forwarded_authority = request.authority
            headers.append_lines(peer.forwarded_lines)
        else:
            headers.fields += self._fields_of(request)

    def _fields_of(self, request: Request) -> list[Field]:
        authority, proto = request.authority, _proto(request)
        shared = self._shared.get((authority, proto))
        if shared is None:
            if len(self._shared) >= _HOSTS_LIMIT:
                self._shared.clear()
            # HTTP/1.0 needs no host, and then there is none to tell.
            host = ((b"X-Forwarded-Host", authority),) if authority else ()
            shared = self._shared[authority, proto] = (
                (b"X-Forwarded-Proto", proto),
                (b"X-Forwarded-Port", _port(authority, proto)),
                *host,
                self._server,
            )
        return [(b"X-Real-Ip", request.peer.ip), *shared]

    def _complete(self, request: Request) -> None:
        """A trusted peer's fields stay; those it did not send are added."""
        headers = request.headers
        values = headers.get_all(_FORWARDED_FOR)
        if len(values) > 1:
            headers.set(b"X-Forwarded-For", b", ".join(values))
        proto = headers.get(b"x-forwarded-proto")
        for name, value in self._fields_of(request):
            if name == b"X-Forwarded-Port" and proto:
                value = _port(request.authority, proto)
            if name is self._server[0] or not headers.get(name):
                headers.set(name, value)

    def _drop_options(self, request: Request, options: list[bytes]) -> None:
        """Fields that Connection names end here, but for the managed ones. Those that the entry point keeps, and what
        is left of Connection itself, rules and middlewares see, and no server."""
        headers = request.headers
        # A client may list thousands, beside thousands of fields: each is looked at once.
        named = set(options) - MANAGED_NAMES
        hop = [field for field in headers.hop or () if field[0].lower() != b"connection"]
        left: list[bytes] = []
        if named:
            left = [_canonical(option) for option in options if option in self._kept_options and option in named]
            kept = named & self._kept_options
            hop += [field for field in headers.fields if field[0].lower() in kept]
            headers.fields = [field for field in headers.fields if field[0].lower() not in named]
        if request.upgrade is not None:
            left.append(b"Upgrade")
        if left:
            hop.append((b"Connection", b",".join(left)))
        headers.hop = hop or None


def _canonical(name: bytes) -> bytes:
    return b"-".join([part.capitalize() for part in name.split(b"-")])


def _is_managed(name: bytes) -> bool:
    return name.lower().replace(b"_", b"-") in MANAGED_NAMES


def _proto(request: Request) -> bytes:
    is_tls = request.peer.is_tls
    if request.upgrade is not None and request.upgrade.lower() == b"websocket":
        return b"wss" if is_tls else b"ws"
    return b"https" if is_tls else b"http"


def _port(authority: bytes, proto: bytes) -> bytes:
    port = split_authority(authority)[1]
    return port or _SCHEMES.get(proto, b"80")


def split_authority(authority: bytes) -> tuple[bytes, bytes]:
    """Host and port; the port is b"" when there is none or it is not one. Brackets of an IPv6 address are dropped."""
    if authority[:1] == b"[":
        host, bracket, rest = authority[1:].partition(b"]")
        if not bracket:
            return authority, b""
        return host, rest[1:] if rest[:1] == b":" else b""
    host, colon, port = authority.partition(b":")
    if colon and b":" not in port:
        return host, port
    return authority, b""


def canonical_host(authority: bytes) -> bytes:
    """Lower case, without port, brackets and spaces (Traefik `pkg/middlewares/requestdecorator`)."""
    if b":" not in authority:
        return authority.strip().lower()
    return split_authority(authority)[0].strip().lower()
