"""The HTTP matchers of the v2 syntax: any number of arguments, templates in braces."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from trafficcop.http.messages import Request
from trafficcop.rules import combine, conditions
from trafficcop.rules.arguments import host, octets, path, ranges, spellings
from trafficcop.rules.errors import RuleError
from trafficcop.rules.patterns import Pattern, pattern
from trafficcop.rules.query import unescape
from trafficcop.rules.templates import HOST, PATH, QUERY, compile_template, is_literal, variables

HTTPMatcher = Callable[[Request], bool]
_Arguments = tuple[str, ...]


class FirstQueryFits:
    """The first value of a key fits an expression; without the key the expression sees nothing."""

    __slots__ = ("_fits", "_key")

    def __init__(self, key: bytes, fits: Pattern) -> None:
        self._key = key
        self._fits = fits

    def __call__(self, request: Request) -> bool:
        return self._fits(self._pair(request.query or b""))

    def _pair(self, query: bytes) -> bytes:
        for pair in query.replace(b";", b"&").split(b"&"):
            name, _, value = pair.partition(b"=")
            if pair and unescape(name) == self._key:
                decoded = unescape(value)
                if decoded is not None:
                    return self._key + b"=" + decoded
        return b""


def _client_ip(arguments: _Arguments) -> HTTPMatcher:
    return conditions.PeerIsIn(ranges(arguments, "ClientIP"))


def _method(arguments: _Arguments) -> HTTPMatcher:
    return conditions.MethodIs([octets(method.upper()) for method in arguments])


def _host(arguments: _Arguments) -> HTTPMatcher:
    hosts = [host(text, "Host", index).lower() for index, text in enumerate(arguments)]
    return conditions.HostIs(set().union(*map(spellings, hosts)) - {b""})


def _host_regexp(arguments: _Arguments) -> HTTPMatcher:
    matchers: list[HTTPMatcher] = []
    for index, template in enumerate(arguments):
        host(template, "HostRegexp", index)
        matchers.append(conditions.HostFits(compile_template(template, HOST, "HostRegexp", index, prefix="(?i)^")))
    return combine.any_of(matchers)


def _path(arguments: _Arguments) -> HTTPMatcher:
    matchers: list[HTTPMatcher] = []
    for index, template in enumerate(arguments):
        literal = path(template, "Path", index)
        if is_literal(template):
            matchers.append(conditions.PathIs(literal))
        else:
            matchers.append(conditions.PathFits(compile_template(template, PATH, "Path", index)))
    return combine.any_of(matchers)


def _path_prefix(arguments: _Arguments) -> HTTPMatcher:
    matchers: list[HTTPMatcher] = []
    for index, template in enumerate(arguments):
        literal = path(template, "PathPrefix", index)
        if is_literal(template):
            matchers.append(conditions.PathStartsWith(literal))
        else:
            matchers.append(conditions.PathFits(compile_template(template, PATH, "PathPrefix", index, suffix="")))
    return combine.any_of(matchers)


def _pairs(arguments: _Arguments, matcher: str) -> list[tuple[bytes, str]]:
    if len(arguments) % 2:
        raise RuleError(f"{matcher}: number of parameters must be multiple of 2, got {list(arguments)}")
    return [(octets(name).lower(), value) for name, value in zip(arguments[::2], arguments[1::2], strict=True)]


def _headers(arguments: _Arguments) -> HTTPMatcher:
    matchers: list[HTTPMatcher] = []
    for name, value in _pairs(arguments, "Headers"):
        is_unseen = name in conditions.UNSEEN_HEADERS
        matchers.append(combine.Never() if is_unseen else conditions.HeaderIs(name, octets(value)))
    return combine.all_of(matchers)


def _headers_regexp(arguments: _Arguments) -> HTTPMatcher:
    matchers: list[HTTPMatcher] = []
    for index, (name, expression) in enumerate(_pairs(arguments, "HeadersRegexp")):
        fits = pattern(expression, "HeadersRegexp", 2 * index + 1)
        is_unseen = name in conditions.UNSEEN_HEADERS
        matchers.append(combine.Never() if is_unseen else conditions.HeaderFits(name, fits))
    return combine.all_of(matchers)


def _query(arguments: _Arguments) -> HTTPMatcher:
    matchers: list[HTTPMatcher] = []
    seen: set[str] = set()
    for index, template in enumerate(arguments):
        names = variables(template, index)
        for name in names & seen:
            raise RuleError(f"Query: the variable {name} stands in two arguments", argument=index)
        seen |= names
        key, equals, value = template.partition("=")
        if not equals:
            raise RuleError(f"Query: {template!r} is not of the form key=value", argument=index)
        fits = compile_template(template, QUERY, "Query", index, suffix="$" if value else QUERY + "$")
        matchers.append(FirstQueryFits(octets(key), fits))
    return combine.all_of(matchers)


HTTP_V2: Mapping[str, Callable[[_Arguments], HTTPMatcher]] = {
    "ClientIP": _client_ip,
    "Method": _method,
    "Host": _host,
    "HostHeader": _host,
    "HostRegexp": _host_regexp,
    "Path": _path,
    "PathPrefix": _path_prefix,
    "Headers": _headers,
    "HeadersRegexp": _headers_regexp,
    "Query": _query,
}
