"""The matchers of each kind of router and each syntax: how they may be spelled and how many arguments they take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Kind = Literal["http", "tcp", "udp"]
Syntax = Literal["v3", "v2"]

Arities = tuple[int, ...]  # the counts that are allowed; empty is any number but none
_ANY: Arities = ()
_HTTP_V2 = (
    *("Host", "HostHeader", "HostRegexp", "ClientIP", "Path", "PathPrefix", "Method"),
    *("Headers", "HeadersRegexp", "Query"),
)

MATCHERS: Mapping[tuple[Kind, Syntax], Mapping[str, Arities]] = {
    ("http", "v3"): {
        "ClientIP": (1,),
        "Method": (1,),
        "Host": (1,),
        "HostRegexp": (1,),
        "Path": (1,),
        "PathRegexp": (1,),
        "PathPrefix": (1,),
        "Header": (2,),
        "HeaderRegexp": (2,),
        "Query": (1, 2),
        "QueryRegexp": (1, 2),
    },
    ("http", "v2"): dict.fromkeys(_HTTP_V2, _ANY),
    ("tcp", "v3"): dict.fromkeys(("ALPN", "ClientIP", "HostSNI", "HostSNIRegexp"), (1,)),
    ("tcp", "v2"): dict.fromkeys(("ALPN", "ClientIP", "HostSNI", "HostSNIRegexp"), _ANY),
    ("udp", "v3"): {"ClientIP": (1,)},
    ("udp", "v2"): {"ClientIP": _ANY},
}

_SPELLINGS = {
    variant: {
        spelling: name
        for name in matchers
        for spelling in (name.lower(), name.upper(), name.lower().capitalize(), name)
    }
    for variant, matchers in MATCHERS.items()
}
_ELSEWHERE = {
    ("http", "v2"): "a matcher of the v2 syntax: set `ruleSyntax: v2` on the router or `core.defaultRuleSyntax: v2`",
    ("http", "v3"): "a matcher of the v3 syntax",
    ("tcp", "v3"): "a matcher of TCP routers",
    ("tcp", "v2"): "a matcher of TCP routers",
    ("udp", "v3"): "a matcher of UDP routers",
    ("udp", "v2"): "a matcher of UDP routers",
}
_SUCCESSORS = {"Headers": "Header", "HeadersRegexp": "HeaderRegexp", "HostHeader": "Host"}


def canonical(name: str, kind: Kind, syntax: Syntax) -> str | None:
    """The matcher that a name in a rule stands for, or None."""
    return _SPELLINGS[kind, syntax].get(name)


def unsupported(name: str, kind: Kind, syntax: Syntax) -> str:
    """The message about a name that is no matcher here."""
    message = f"unsupported function: {name}"
    known = MATCHERS[kind, syntax]
    successor = _SUCCESSORS.get(name)
    if successor in known:
        return f"{message} (in the v3 syntax it is {successor}; `ruleSyntax: v2` on the router keeps {name})"
    by_lower = {matcher.lower(): matcher for matcher in known}
    import difflib  # here, for few rules are wrong

    close = difflib.get_close_matches(name.lower(), by_lower, n=1)
    if close and close[0] == name.lower():
        return f"{message} (did you mean {by_lower[close[0]]}?)"
    for variant, matchers in MATCHERS.items():
        if name in matchers and variant != (kind, syntax):
            return f"{message} ({_ELSEWHERE[variant] if variant[0] != kind or kind == 'http' else 'not here'})"
    if close:
        return f"{message} (did you mean {by_lower[close[0]]}?)"
    return f"{message} (known are {', '.join(sorted(known))})"
