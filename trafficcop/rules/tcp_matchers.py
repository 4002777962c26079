"""The matchers of TCP routers, in both syntaxes, over what is known of a connection before its first answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from trafficcop.http.addresses import Range, address_number
from trafficcop.rules import combine
from trafficcop.rules.arguments import host, ranges
from trafficcop.rules.ast import Matcher, Node
from trafficcop.rules.errors import RuleError
from trafficcop.rules.patterns import Pattern, pattern
from trafficcop.rules.templates import HOST, compile_template

_ACME = "acme-tls/1"  # RFC 8737: the challenge is answered by the router itself
_NAME_V3 = re.compile(r"(\*\.)?[\w.\-:]+", re.ASCII)
_NAME_V2 = re.compile(r"[\w.\-:]+", re.ASCII)


class TCPFacts:
    """What rules see of a connection. The server name is in lower case and without spaces around it."""

    __slots__ = ("_peer_number", "alpn", "peer_ip", "server_name")

    def __init__(self, server_name: str = "", alpn: tuple[str, ...] = (), peer_ip: str = "") -> None:
        self.server_name = server_name
        self.alpn = alpn
        self.peer_ip = peer_ip
        self._peer_number = -1

    @property
    def peer_number(self) -> int:
        """The address as a number; most rules never ask for it."""
        if self._peer_number < 0:
            self._peer_number = address_number(self.peer_ip)
        return self._peer_number


TCPMatcher = Callable[[TCPFacts], bool]
_Arguments = tuple[str, ...]


class ServerNameIs:
    """The server name is one of these."""

    __slots__ = ("_names",)

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(names)

    def __call__(self, facts: TCPFacts) -> bool:
        return facts.server_name in self._names


class ServerNameEndsWith:
    """The server name without its first label is this, which starts with a dot."""

    __slots__ = ("_suffix",)

    def __init__(self, suffix: str) -> None:
        self._suffix = suffix

    def __call__(self, facts: TCPFacts) -> bool:
        name = facts.server_name
        dot = name.find(".")
        return dot >= 0 and name[dot:] == self._suffix


class ServerNameFits:
    """The server name fits an expression."""

    __slots__ = ("_fits",)

    def __init__(self, fits: Pattern) -> None:
        self._fits = fits

    def __call__(self, facts: TCPFacts) -> bool:
        return self._fits(facts.server_name.encode("utf-8", "surrogateescape"))


class SpeaksOneOf:
    """The client offers one of these protocols (ALPN, RFC 7301)."""

    __slots__ = ("_protocols",)

    def __init__(self, protocols: Iterable[str]) -> None:
        self._protocols = frozenset(protocols)

    def __call__(self, facts: TCPFacts) -> bool:
        return not self._protocols.isdisjoint(facts.alpn)


class PeerIsIn:
    """The client's address is in one of the ranges."""

    __slots__ = ("_ranges",)

    def __init__(self, found: Iterable[Range]) -> None:
        self._ranges = tuple(found)

    def __call__(self, facts: TCPFacts) -> bool:
        return any(facts.peer_number & mask == network for mask, network in self._ranges)


def _alpn(arguments: _Arguments) -> TCPMatcher:
    if _ACME in arguments:
        message = f"invalid protocol value for ALPN matcher, {_ACME!r} is not allowed"
        raise RuleError(message, argument=arguments.index(_ACME))
    return SpeaksOneOf(arguments)


def _client_ip(arguments: _Arguments) -> TCPMatcher:
    return PeerIsIn(ranges(arguments, "ClientIP"))


def _name(text: str, shape: re.Pattern[str], argument: int = 0) -> str:
    if shape.fullmatch(text) is None:
        raise RuleError(f"invalid value for HostSNI matcher, {text!r} is not a valid hostname", argument=argument)
    return text.lower()


def _host_sni(arguments: _Arguments) -> TCPMatcher:
    if arguments[0] == "*":
        return combine.Always()
    name = _name(arguments[0], _NAME_V3).removesuffix(".")
    return ServerNameEndsWith(name[1:]) if name.startswith("*") else ServerNameIs({name} - {""})


def _host_sni_regexp(arguments: _Arguments) -> TCPMatcher:
    host(arguments[0], "HostSNIRegexp")
    return ServerNameFits(pattern(arguments[0], "HostSNIRegexp", 0))


def _host_sni_v2(arguments: _Arguments) -> TCPMatcher:
    names = [_name(text, _NAME_V2, index) for index, text in enumerate(arguments) if text != "*"]
    exact = ServerNameIs({spelling for name in names for spelling in (name, name.removesuffix("."))} - {""})
    if arguments[0] == "*":
        return combine.Always()
    return combine.any_of([exact, _HasServerName()]) if "*" in arguments else exact


class _HasServerName:
    """Traefik lets a star that is not the first argument match any server name, but not a missing one."""

    __slots__ = ()

    def __call__(self, facts: TCPFacts) -> bool:
        return facts.server_name != ""


def _host_sni_regexp_v2(arguments: _Arguments) -> TCPMatcher:
    matchers: list[TCPMatcher] = [
        ServerNameFits(compile_template(template, HOST, "HostSNIRegexp", index, prefix="(?i)^"))
        for index, template in enumerate(arguments)
    ]
    return combine.any_of(matchers)


_Builders = Mapping[str, Callable[[_Arguments], TCPMatcher]]

TCP_V3: _Builders = {
    "ALPN": _alpn,
    "ClientIP": _client_ip,
    "HostSNI": _host_sni,
    "HostSNIRegexp": _host_sni_regexp,
}
TCP_V2: _Builders = {
    "ALPN": _alpn,
    "ClientIP": _client_ip,
    "HostSNI": _host_sni_v2,
    "HostSNIRegexp": _host_sni_regexp_v2,
}


def _leaf_v3(leaf: Matcher) -> TCPMatcher:
    return TCP_V3[leaf.name](leaf.arguments)


def _leaf_v2(leaf: Matcher) -> TCPMatcher:
    return TCP_V2[leaf.name](leaf.arguments)


def link_tcp(node: Node, syntax: str) -> TCPMatcher:
    """A tree as a predicate over the facts of a connection."""
    return combine.link(node, _leaf_v2 if syntax == "v2" else _leaf_v3)
