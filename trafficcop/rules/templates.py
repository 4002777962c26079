"""Templates of the v2 syntax, `/users/{id:[0-9]+}`, as regular expressions (`containous/mux`, `regexp.go`)."""

from __future__ import annotations

from trafficcop.rules.errors import RuleError
from trafficcop.rules.patterns import Pattern, pattern

HOST = "[^.]+"
PATH = "[^/]+"
QUERY = ".*"


def is_literal(template: str) -> bool:
    return "{" not in template and "}" not in template


def compile_template(
    template: str, default: str, matcher: str, argument: int, *, prefix: str = "^", suffix: str = "$"
) -> Pattern:
    """What stands in braces is an expression (or the default one), all else is literal. RuleError if it is neither."""
    text = template_text(template, default, argument, prefix=prefix, suffix=suffix)
    return pattern(text, matcher, argument)


def template_text(template: str, default: str, argument: int, *, prefix: str, suffix: str) -> str:
    """The regular expression that a template stands for; RuleError for braces that hold nothing or do not close."""
    pieces = [prefix]
    end = 0
    for start, stop in _groups(template, argument):
        name, colon, expression = template[start + 1 : stop - 1].partition(":")
        if not name or (colon and not expression):
            raise RuleError(f"missing name or pattern in {template[start:stop]!r}", argument=argument)
        pieces.append(_quote(template[end:start]))
        pieces.append(f"({expression if colon else default})")
        end = stop
    pieces.append(_quote(template[end:]))
    return "".join(pieces) + suffix


def variables(template: str, argument: int) -> set[str]:
    """The names of what stands in braces."""
    return {template[start + 1 : stop - 1].partition(":")[0] for start, stop in _groups(template, argument)}


def _quote(literal: str) -> str:
    import re2

    return str(re2.escape(literal)).replace("\\/", "/")


def _groups(template: str, argument: int) -> list[tuple[int, int]]:
    """Where the outermost braces open and close."""
    found = []
    level = start = 0
    for index, character in enumerate(template):
        if character == "{":
            level += 1
            if level == 1:
                start = index
        elif character == "}":
            level -= 1
            if level == 0:
                found.append((start, index + 1))
        if level < 0:
            break
    if level:
        raise RuleError(f"unbalanced braces in {template!r}", argument=argument)
    return found
