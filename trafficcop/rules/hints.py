"""What a rule says that it hardly means: valid, but worth a warning."""

from __future__ import annotations

import re

from trafficcop.rules.ast import Node
from trafficcop.rules.walk import leaves

_TEMPLATE = re.compile(r"\{[A-Za-z_]\w*(?::[^{}]*(?:\{[^{}]*\}[^{}]*)*)?\}")
_V3_FORMS = {
    "Host": "HostRegexp(`^[^.]+\\.example\\.com$`)",
    "HostRegexp": "HostRegexp(`^[^.]+\\.example\\.com$`)",
    "Path": "PathRegexp(`^/users/[0-9]+$`)",
    "PathPrefix": "PathRegexp(`^/users/[0-9]+`)",
    "PathRegexp": "PathRegexp(`^/users/[0-9]+`)",
    "HostSNIRegexp": "HostSNIRegexp(`^[^.]+\\.example\\.com$`)",
}


def hints(node: Node, syntax: str) -> tuple[str, ...]:
    """Warnings about a rule: forms of the v2 syntax, which mean something else in v3 and match next to nothing."""
    if syntax == "v2":
        return ()
    found = []
    for leaf in leaves(node):
        first = leaf.arguments[0]
        template = _TEMPLATE.search(first)
        if leaf.name == "Query" and len(leaf.arguments) == 1 and "=" in first:
            key, _, value = first.partition("=")
            wanted = f"Query(`{key}`, `{value}`)" if value else f"Query(`{key}`)"
            found.append(f"Query: `{first}` is the v2 syntax and a mere key in v3: write {wanted}")
        elif template is not None and leaf.name in _V3_FORMS:
            found.append(
                f"{leaf.name}: {template[0]} is a template of the v2 syntax and literal text in v3: set"
                " `ruleSyntax: v2` on the router (or `core.defaultRuleSyntax: v2`),"
                f" or write it like {_V3_FORMS[leaf.name]}"
            )
    return tuple(found)
