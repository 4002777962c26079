"""A rule of the v2 syntax, written in the v3 syntax."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from trafficcop.rules.ast import And, Matcher, Node, Or
from trafficcop.rules.names import Kind
from trafficcop.rules.templates import HOST, PATH, QUERY, is_literal, template_text
from trafficcop.rules.walk import operands


class NoModernFormError(Exception):
    """A rule that the v3 syntax has no words for."""


def modern_form(node: Node, kind: Kind = "http") -> str:
    """The text of the rule in v3; NoModernFormError. Braces of templates become expressions."""
    return _text(node, _STREAM if kind == "tcp" else _HTTP, is_inside=False)


def _text(node: Node, words: _Words, *, is_inside: bool) -> str:
    """`is_inside`: of a conjunction, where alternatives need parentheses."""
    if isinstance(node, Matcher):
        return _leaf(node, words, is_inside=is_inside)
    if isinstance(node, And):
        return " && ".join(_text(member, words, is_inside=True) for member in operands(node, And))
    return _joined([_text(member, words, is_inside=False) for member in operands(node, Or)], "||", is_inside=is_inside)


def _leaf(leaf: Matcher, words: _Words, *, is_inside: bool) -> str:
    if leaf.name not in words:
        raise NoModernFormError
    calls, is_alternative = words[leaf.name](leaf.arguments)
    if leaf.is_negated:
        calls, is_alternative = [f"!{call}" for call in calls], not is_alternative
    return _joined(calls, "||" if is_alternative else "&&", is_inside=is_inside)


def _joined(calls: Sequence[str], operator: str, *, is_inside: bool) -> str:
    text = f" {operator} ".join(calls)
    return f"({text})" if is_inside and operator == "||" and len(calls) > 1 else text


def _call(name: str, *arguments: str) -> str:
    """A matcher with its arguments in backticks, or in quotes where they hold one."""
    quoted = []
    for argument in arguments:
        if "`" not in argument:
            quoted.append(f"`{argument}`")
        elif argument.isprintable() and argument.isascii():
            quoted.append('"' + argument.replace("\\", "\\\\").replace('"', '\\"') + '"')
        else:
            raise NoModernFormError
    return f"{name}({', '.join(quoted)})"


_Arguments = tuple[str, ...]
_Writer = Callable[[_Arguments], tuple[list[str], bool]]  # the calls, and whether they are alternatives
_Words = dict[str, _Writer]


def _each(name: str) -> _Writer:
    return lambda arguments: ([_call(name, argument) for argument in arguments], True)


def _pairs(name: str) -> _Writer:
    return lambda arguments: (
        [_call(name, key, value) for key, value in zip(arguments[::2], arguments[1::2], strict=True)],
        False,
    )


def _templates(name: str, expression: str, default: str, prefix: str, suffix: str) -> _Writer:
    """Templates become expressions; what has no braces stays a literal, unless it is an expression by its name."""

    def write(arguments: _Arguments) -> tuple[list[str], bool]:
        calls = []
        for index, argument in enumerate(arguments):
            if is_literal(argument) and name != expression:
                calls.append(_call(name, argument))
            else:
                text = template_text(argument, default, index, prefix=prefix, suffix=suffix)
                calls.append(_call(expression, text))
        return calls, True

    return write


def _query(arguments: _Arguments) -> tuple[list[str], bool]:
    calls = []
    for index, argument in enumerate(arguments):
        key, _, value = argument.partition("=")
        if not is_literal(key):
            raise NoModernFormError
        if value and is_literal(value):
            calls.append(_call("Query", key, value))
        else:
            suffix = "$" if value else QUERY + "$"
            calls.append(_call("QueryRegexp", key, template_text(value, QUERY, index, prefix="^", suffix=suffix)))
    return calls, False


_HTTP: _Words = {
    "ClientIP": _each("ClientIP"),
    "Method": _each("Method"),
    "Host": _each("Host"),
    "HostHeader": _each("Host"),
    "HostRegexp": _templates("HostRegexp", "HostRegexp", HOST, "(?i)^", "$"),
    "Path": _templates("Path", "PathRegexp", PATH, "^", "$"),
    "PathPrefix": _templates("PathPrefix", "PathRegexp", PATH, "^", ""),
    "Headers": _pairs("Header"),
    "HeadersRegexp": _pairs("HeaderRegexp"),
    "Query": _query,
}
_STREAM: _Words = {
    "ALPN": _each("ALPN"),
    "ClientIP": _each("ClientIP"),
    "HostSNI": _each("HostSNI"),
    "HostSNIRegexp": _templates("HostSNIRegexp", "HostSNIRegexp", HOST, "(?i)^", "$"),
}
