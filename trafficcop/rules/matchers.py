"""The HTTP matchers of the v3 syntax, and the one way from a tree to something that runs, whatever the syntax."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from trafficcop.http.messages import Request
from trafficcop.rules import combine, conditions
from trafficcop.rules.arguments import host, octets, path, ranges, spellings
from trafficcop.rules.ast import Matcher, Node
from trafficcop.rules.errors import RuleError
from trafficcop.rules.matchers_v2 import HTTP_V2
from trafficcop.rules.names import Kind, Syntax
from trafficcop.rules.parse import locate
from trafficcop.rules.patterns import pattern
from trafficcop.rules.tcp_matchers import TCP_V2, TCP_V3
from trafficcop.rules.udp_matchers import UDP
from trafficcop.rules.walk import leaves

HTTPMatcher = Callable[[Request], bool]
_Arguments = tuple[str, ...]


def _client_ip(arguments: _Arguments) -> HTTPMatcher:
    return conditions.PeerIsIn(ranges(arguments, "ClientIP"))


def _method(arguments: _Arguments) -> HTTPMatcher:
    return conditions.MethodIs([octets(arguments[0].upper())])


def _host(arguments: _Arguments) -> HTTPMatcher:
    if arguments[0] == "*":
        return combine.Always()
    name = host(arguments[0], "Host").lower()
    if not name.startswith(b"*"):
        return conditions.HostIs(spellings(name) - {b""})
    if name.startswith(b"*."):
        return conditions.HostEndsWith(spellings(name[1:]))
    return combine.Never()  # a star stands for the whole of a label


def _host_regexp(arguments: _Arguments) -> HTTPMatcher:
    host(arguments[0], "HostRegexp")
    fits = pattern(arguments[0], "HostRegexp", 0)
    # Traefik tries the name behind a CNAME too, which is usually not known, and empty.
    return combine.Always() if fits(b"") else conditions.HostFits(fits)


def _path(arguments: _Arguments) -> HTTPMatcher:
    return conditions.PathIs(path(arguments[0], "Path"))


def _path_prefix(arguments: _Arguments) -> HTTPMatcher:
    return conditions.PathStartsWith(path(arguments[0], "PathPrefix"))


def _path_regexp(arguments: _Arguments) -> HTTPMatcher:
    return conditions.PathFits(pattern(arguments[0], "PathRegexp", 0))


def _header(arguments: _Arguments) -> HTTPMatcher:
    name = octets(arguments[0]).lower()
    if name in conditions.UNSEEN_HEADERS:
        return combine.Never()
    return conditions.HeaderIs(name, octets(arguments[1]))


def _header_regexp(arguments: _Arguments) -> HTTPMatcher:
    name = octets(arguments[0]).lower()
    fits = pattern(arguments[1], "HeaderRegexp", 1)
    return combine.Never() if name in conditions.UNSEEN_HEADERS else conditions.HeaderFits(name, fits)


def _query(arguments: _Arguments) -> HTTPMatcher:
    return conditions.QueryIs(octets(arguments[0]), octets(arguments[1]) if len(arguments) > 1 else b"")


def _query_regexp(arguments: _Arguments) -> HTTPMatcher:
    if len(arguments) == 1:
        return _query(arguments)
    return conditions.QueryFits(octets(arguments[0]), pattern(arguments[1], "QueryRegexp", 1))


HTTP_V3: Mapping[str, Callable[[_Arguments], HTTPMatcher]] = {
    "ClientIP": _client_ip,
    "Method": _method,
    "Host": _host,
    "HostRegexp": _host_regexp,
    "Path": _path,
    "PathRegexp": _path_regexp,
    "PathPrefix": _path_prefix,
    "Header": _header,
    "HeaderRegexp": _header_regexp,
    "Query": _query,
    "QueryRegexp": _query_regexp,
}


def _leaf_v3(leaf: Matcher) -> HTTPMatcher:
    return HTTP_V3[leaf.name](leaf.arguments)


def _leaf_v2(leaf: Matcher) -> HTTPMatcher:
    return HTTP_V2[leaf.name](leaf.arguments)


def link_http(node: Node, syntax: str) -> HTTPMatcher:
    """A tree as a predicate over requests. RuleError without a place for arguments that make no sense."""
    return combine.link(node, _leaf_v2 if syntax == "v2" else _leaf_v3)


def check(node: Node, kind: Kind, syntax: Syntax, text: str = "") -> None:
    """Raise RuleError if the tree cannot be linked; given the text of the rule, with the place."""
    if kind == "http":
        builders: Mapping[str, Callable[[_Arguments], object]] = HTTP_V2 if syntax == "v2" else HTTP_V3
    elif kind == "udp":
        builders = UDP
    else:
        builders = TCP_V2 if syntax == "v2" else TCP_V3
    for index, leaf in enumerate(leaves(node)):
        try:
            builders[leaf.name](leaf.arguments)
        except RuleError as error:
            if not text:
                raise
            line, column = locate(text, kind, syntax, index, error.argument)
            raise RuleError(error.message, column, line, argument=error.argument) from None
