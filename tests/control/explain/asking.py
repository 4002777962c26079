"""Questions about configurations written as YAML."""

from __future__ import annotations

from typing import Any

from tests.control.given import compiled, static
from trafficcop.control.explain.answer import explain
from trafficcop.control.explain.question import Question

STATIC = """
entryPoints:
  web: {address: ":80"}
  websecure: {address: ":443", http: {tls: {}}}
  other: {address: ":8000"}
"""
SERVICE = "  services: {s: {loadBalancer: {servers: [{url: 'http://192.0.2.1'}]}}}\n"


def ask(dynamic: str, url: str = "http://example.com/", *, given: str = STATIC, **question: Any) -> dict[str, Any]:
    options = static(given)
    plan, report = compiled(dynamic, options)
    headers = tuple(question.pop("headers", ()))
    return explain(Question(url, headers=headers, **question), options, plan, report)


def routers(*rules: str, more: str = "") -> str:
    """YAML of routers `r0`, `r1` …, each given as its rule and options: `Host(`a`); priority: 3`."""
    lines = ["http:", "  routers:"]
    for number, text in enumerate(rules):
        rule, _, options = text.partition("; ")
        rule = rule.replace("'", "''")
        lines.append(
            f"    r{number}: {{rule: '{rule}', service: s, entryPoints: [web]{', ' if options else ''}{options}}}"
        )
    return "\n".join(lines) + "\n" + SERVICE + more


def winner(answer: dict[str, Any]) -> str | None:
    """The router that takes it, the last of those below one another."""
    found = None
    while answer.get("router") is not None:
        found = answer["router"]["name"].partition("@")[0]
        answer = answer["router"].get("children", {})
    return found
