"""The tree of a parsed rule: frozen, picklable, without behaviour. `matchers.py` links it into something that runs."""

from __future__ import annotations

from trafficcop.config.lazy import dataclass


@dataclass(frozen=True, slots=True)
class Matcher:
    """A leaf: ``Host(`a.example.com`)``. `name` is canonical (`HostSNI`), `arguments` are as written, unescaped."""

    name: str
    arguments: tuple[str, ...]
    is_negated: bool = False


@dataclass(frozen=True, slots=True)
class And:
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Or:
    left: Node
    right: Node


# Negation of a composite is pushed down to the leaves when the rule is parsed.
Node = Matcher | And | Or
