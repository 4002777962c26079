"""Why a rule does not hold for a request: the matchers that say no, beside what the request has."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from trafficcop.http.messages import Request
from trafficcop.rules.ast import And, Matcher, Node, Or
from trafficcop.rules.conditions import UNSEEN_HEADERS
from trafficcop.rules.matchers import link_http
from trafficcop.rules.query import values_of
from trafficcop.rules.walk import operands

_HOSTS = ("Host", "HostHeader")


class Miss(NamedTuple):
    """A matcher that says no, as it is written, and what it looked at."""

    matcher: str
    seen: str


def misses(node: Node, request: Request, syntax: str) -> list[Miss]:
    """Nothing if the rule holds, otherwise every matcher that would have to say yes; of `||` those of each side."""
    if isinstance(node, Matcher):
        return [] if link_http(node, syntax)(request) else [Miss(written(node), _seen(node, request))]
    if isinstance(node, And):
        return [miss for operand in operands(node, And) for miss in misses(operand, request, syntax)]
    every: list[Miss] = []
    for operand in operands(node, Or):
        found = misses(operand, request, syntax)
        if not found:
            return []
        every += found
    return every


def spelled(host: bytes) -> frozenset[str]:
    """What may stand in a `Host` matcher that takes requests of this host. Only these need be asked the whole rule."""
    bare = host.decode("ascii", "replace").rstrip(".")
    spellings = {"*", bare, bare + "."}
    dot = bare.find(".")
    if dot >= 0:
        spellings |= {"*" + bare[dot:], "*" + bare[dot:] + "."}
    return frozenset(spellings)


def wanted_hosts(node: Node) -> frozenset[str] | None:
    """What the `Host` matchers of a rule name, in lower case: it turns down all others. None: it may want any host."""
    if isinstance(node, Matcher):
        if node.is_negated or node.name not in _HOSTS:
            return None
        return frozenset([argument.lower() for argument in node.arguments])
    if isinstance(node, And):
        for operand in operands(node, And):
            wanted = wanted_hosts(operand)
            if wanted is not None:
                return wanted
        return None
    every: set[str] = set()
    for operand in operands(node, Or):
        wanted = wanted_hosts(operand)
        if wanted is None:
            return None
        every |= wanted
    return frozenset(every)


def may_want(node: Node, hosts: Collection[str]) -> bool:
    """False if the `Host` matchers of a rule alone turn down whoever is called by `hosts`."""
    wanted = wanted_hosts(node)
    return wanted is None or not wanted.isdisjoint(hosts)


def written(matcher: Matcher) -> str:
    """The matcher as a rule has it."""
    arguments = ", ".join(f"`{argument}`" for argument in matcher.arguments)
    return f"{'!' if matcher.is_negated else ''}{matcher.name}({arguments})"


def text_of(node: Node) -> str:
    """The whole rule, written anew."""
    if isinstance(node, Matcher):
        return written(node)
    if isinstance(node, And):
        parts = [f"({text_of(one)})" if isinstance(one, Or) else text_of(one) for one in operands(node, And)]
        return " && ".join(parts)
    return " || ".join(text_of(one) for one in operands(node, Or))


# === what a matcher looked at ===


def _seen(matcher: Matcher, request: Request) -> str:
    name = matcher.name
    if name in (*_HOSTS, "HostRegexp"):
        return f"the host is {text(request.host)}" if request.host else "there is no host"
    if name.startswith("Path"):
        return f"the path is {text(request.path)}"
    if name == "Method":
        return f"the method is {text(request.method)}"
    if name == "ClientIP":
        return f"the client is {request.peer.text}"
    if name.startswith("Header"):
        return "; ".join(_seen_header(field, request) for field in _named(matcher))
    return _seen_query(matcher, request)


def _named(matcher: Matcher) -> tuple[str, ...]:
    """The fields of a header matcher; in the v2 syntax it may have several."""
    return matcher.arguments[::2] if matcher.name.startswith("Headers") else matcher.arguments[:1]


def _seen_header(name: str, request: Request) -> str:
    if name.lower().encode() in UNSEEN_HEADERS:
        return f"rules never see the field {name}"
    values = request.headers.get_all(name.encode())
    return f"{name} is {', '.join(map(text, values))}" if values else f"there is no field {name}"


def _seen_query(matcher: Matcher, request: Request) -> str:
    if request.query is None:
        return "there is no query"
    if matcher.name == "Query" and any("=" in argument for argument in matcher.arguments):
        return f"the query is {text(request.query)}"  # of the v2 syntax: keys with values
    values = list(values_of(request.query, matcher.arguments[0].encode()))
    shown = matcher.arguments[0]
    return f"{shown} is {', '.join(map(text, values))}" if values else f"the query has no {shown}"


def text(raw: bytes) -> str:
    """Bytes of a request for people to read."""
    return raw.decode("utf-8", "backslashreplace")
