"""What else a rule says: the domains it names, and its priority."""

from __future__ import annotations

from trafficcop.rules.ast import Matcher, Node
from trafficcop.rules.errors import RuleError
from trafficcop.rules.names import Kind
from trafficcop.rules.parse import parse
from trafficcop.rules.walk import leaves

MAX_USER_PRIORITY = (1 << 63) - 1 - 1000  # above it are our own routers


def domains(node: Node) -> tuple[str, ...]:
    """Every domain of `Host` and `HostSNI`, in lower case and in the order of the rule, negated or not."""
    return tuple(
        argument.lower() for leaf in leaves(node) if leaf.name in ("Host", "HostSNI") for argument in leaf.arguments
    )


def default_priority(text: str, kind: Kind = "http") -> int:
    """The longer a rule (in bytes), the earlier it is tried; a TCP rule that catches all comes last."""
    if kind == "tcp" and _is_catch_all(text):
        return -1
    return len(text.encode("utf-8", "surrogatepass"))


def _is_catch_all(text: str) -> bool:
    if "*" not in text:
        return False
    try:
        node = parse(text, "tcp")
    except RuleError:
        return False
    return isinstance(node, Matcher) and node.name == "HostSNI" and node.arguments == ("*",)
