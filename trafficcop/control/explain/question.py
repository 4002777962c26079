"""The request that somebody asks about."""

from __future__ import annotations

import ipaddress
from urllib.parse import SplitResult, urlsplit

from trafficcop.config.lazy import dataclass
from trafficcop.config.static import StaticConfiguration
from trafficcop.errors import BadQuestion
from trafficcop.http.h1 import RequestDecoder
from trafficcop.http.messages import Peer, Request
from trafficcop.middleware.fields import is_field_name
from trafficcop.server.limits import header_limit

_PORTS = {"http": 80, "https": 443}
_LONGEST = 64 * 1024


@dataclass(frozen=True, slots=True)
class Question:
    """A request in words. `entry_point`: "" to find it by the scheme and the port of the URL."""

    url: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    client_ip: str = "127.0.0.1"
    entry_point: str = ""

    @property
    def is_tls(self) -> bool:
        return self.parts.scheme == "https"

    @property
    def parts(self) -> SplitResult:
        return urlsplit(self.url)

    @property
    def host(self) -> str:
        """What the client says in its Host field."""
        given = [value.strip() for name, value in self.headers if name.lower() == "host"]
        return given[-1] if given else self.parts.netloc.rpartition("@")[2]

    @property
    def port(self) -> int:
        """Where the client connects to."""
        return self.parts.port or _PORTS[self.parts.scheme]

    @property
    def server_name(self) -> str:
        """What the client says in its ClientHello: the host of the URL, but no address (RFC 6066 §3)."""
        name = (self.parts.hostname or "").rstrip(".")
        return "" if _is_address(name.partition("%")[0]) else name

    @property
    def peer_ip(self) -> str:
        """As `server/peer.py` has it: without a zone, and a v4-mapped address is the v4 one."""
        address = ipaddress.ip_address(self.client_ip.partition("%")[0])
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        return str(mapped or address)


def check(question: Question) -> None:
    """BadQuestion unless it can be asked."""
    _check_url(question.url)
    if not is_field_name(question.method):
        raise BadQuestion(f"method: {question.method!r} is no name of a method")
    for name, value in question.headers:
        if not is_field_name(name):
            raise BadQuestion(f"header: {name!r} is no name of a field")
        if any(character in value for character in "\r\n\0"):
            raise BadQuestion(f"header: the value of {name} holds a line break")
    if not _is_address(question.client_ip):
        raise BadQuestion(f"client IP: {question.client_ip!r} is no address")


def _check_url(url: str) -> None:
    if len(url) > _LONGEST:
        raise BadQuestion(f"URL: longer than {_LONGEST} characters")
    if not url.isascii() or any(character <= " " or character == "\x7f" for character in url):
        raise BadQuestion("URL: spaces and characters beyond ASCII have to be percent-encoded")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BadQuestion(f"URL: {str(error)[:1].lower()}{str(error)[1:]}") from None
    if parts.scheme not in _PORTS or not parts.hostname or port == 0:
        raise BadQuestion(f"URL: {url!r} is not of the form http://host/path or https://host/path")


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def request_of(question: Question, static: StaticConfiguration, entry_point: str) -> Request:
    """The request as the entry point reads it from the wire; ProxyError for what it refuses to read."""
    options = static.entry_points[entry_point].http
    decoder = RequestDecoder(_Silent(), header_limit(options.max_header_bytes))
    decoder.feed(_head(question))
    request = decoder.ready[0]
    request.peer = Peer(question.peer_ip, 0, is_tls=question.is_tls)
    return request


def _head(question: Question) -> bytes:
    parts = question.parts
    target = parts.path or "/"
    # A fragment is never sent, an empty query is.
    if parts.query or question.url.partition("#")[0].endswith("?"):
        target += "?" + parts.query
    lines = [f"{name}: {value.strip()}\r\n" for name, value in question.headers if name.lower() != "host"]
    text = f"{question.method} {target} HTTP/1.1\r\nHost: {question.host}\r\n{''.join(lines)}\r\n"
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise BadQuestion("header: half of a surrogate pair is no character") from None


class _Silent:
    """The connection of a request that nobody sends: its body never comes."""

    def pause_body(self) -> None:
        """Nothing to pause."""

    def resume_body(self) -> None:
        """Nothing to resume."""

    def continue_body(self) -> None:
        """Nobody waits for it."""

    def abandon_body(self) -> None:
        """Nothing to abandon."""
