"""What a rule requires of whatever it takes: a host, a path, a server name. So that routers can be indexed by it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from trafficcop.rules.arguments import octets
from trafficcop.rules.ast import And, Matcher, Node, Or
from trafficcop.rules.templates import is_literal
from trafficcop.rules.walk import conjunction, operands

K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class Requirement(Generic[K]):
    """The rule holds only if one of `keys` does. `rest` is what else it asks then; None is nothing."""

    keys: frozenset[K]
    rest: Node | None


class Host(NamedTuple):
    """A name without a dot at its end; a wildcard is the part after the star: b".example.com"."""

    name: bytes
    is_wildcard: bool


class ServerName(NamedTuple):
    """As `Host`, in what a client says in its ClientHello."""

    name: str
    is_wildcard: bool


class Path(NamedTuple):
    """A whole path, or the start of one."""

    text: bytes
    is_prefix: bool


_LeafKeys = Callable[[Matcher], "frozenset[K] | None"]


def required_hosts(node: Node, syntax: str) -> Requirement[Host] | None:
    """The hosts of a rule, or None: then it may take a request of any host."""
    return _require(node, _hosts_v2 if syntax == "v2" else _hosts_v3)


def required_server_names(node: Node, syntax: str) -> Requirement[ServerName] | None:
    """The server names of a TCP rule, or None: then it may take a connection of any name."""
    return _require(node, _server_names_v2 if syntax == "v2" else _server_names_v3)


def required_paths(node: Node, syntax: str) -> Requirement[Path] | None:
    """The paths of a rule, or None."""
    return _require(node, _paths_v2 if syntax == "v2" else _paths_v3)


def _require(node: Node, leaf_keys: _LeafKeys[K]) -> Requirement[K] | None:
    """Of the sides of an And the one with the fewest keys; if that is all they say, it need not be asked again."""
    members = operands(node, And)
    best: frozenset[K] | None = None
    chosen = -1
    for index, member in enumerate(members):
        keys = _keys(member, leaf_keys)
        if keys is not None and (best is None or len(keys) < len(best)):
            best, chosen = keys, index
    if best is None:
        return None
    if _says_no_more(members[chosen], leaf_keys):
        del members[chosen]
    return Requirement(best, conjunction(members))


def _keys(node: Node, leaf_keys: _LeafKeys[K]) -> frozenset[K] | None:
    if isinstance(node, Matcher):
        return None if node.is_negated else leaf_keys(node)
    if isinstance(node, And):
        found = [keys for member in operands(node, And) if (keys := _keys(member, leaf_keys)) is not None]
        return min(found, key=len, default=None)
    united: set[K] = set()
    for member in operands(node, Or):
        keys = _keys(member, leaf_keys)
        if keys is None:
            return None
        united |= keys
    return frozenset(united)


def _says_no_more(node: Node, leaf_keys: _LeafKeys[K]) -> bool:
    """Whether a node that has keys is nothing but alternatives of them."""
    return all(isinstance(member, Matcher) and leaf_keys(member) is not None for member in operands(node, Or))


def _hosts_v3(leaf: Matcher) -> frozenset[Host] | None:
    if leaf.name != "Host" or leaf.arguments[0].endswith("."):
        return None
    name = octets(leaf.arguments[0]).lower()
    if not name.startswith(b"*"):
        return frozenset([Host(name, is_wildcard=False)])
    return frozenset([Host(name[1:], is_wildcard=True)]) if name.startswith(b"*.") else None


def _hosts_v2(leaf: Matcher) -> frozenset[Host] | None:
    if leaf.name not in ("Host", "HostHeader") or any(argument.endswith(".") for argument in leaf.arguments):
        return None
    return frozenset(Host(octets(argument).lower(), is_wildcard=False) for argument in leaf.arguments)


def _server_names_v3(leaf: Matcher) -> frozenset[ServerName] | None:
    if leaf.name != "HostSNI" or leaf.arguments[0] == "*":
        return None
    name = leaf.arguments[0].lower().removesuffix(".")
    if name.startswith("*"):
        return frozenset([ServerName(name[1:], is_wildcard=True)])
    return frozenset([ServerName(name, is_wildcard=False)]) if name else None


def _server_names_v2(leaf: Matcher) -> frozenset[ServerName] | None:
    if leaf.name != "HostSNI" or "*" in leaf.arguments:
        return None
    names = {spelling for name in leaf.arguments for spelling in (name.lower(), name.lower().removesuffix("."))}
    return frozenset(ServerName(name, is_wildcard=False) for name in names - {""})


def _paths_v3(leaf: Matcher) -> frozenset[Path] | None:
    if leaf.name not in ("Path", "PathPrefix"):
        return None
    return frozenset(Path(octets(argument), leaf.name == "PathPrefix") for argument in leaf.arguments)


def _paths_v2(leaf: Matcher) -> frozenset[Path] | None:
    return _paths_v3(leaf) if all(map(is_literal, leaf.arguments)) else None
