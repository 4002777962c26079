"""The functions of Go's text/template itself (`text/template/funcs.go`)."""

from __future__ import annotations

import html
import urllib.parse

from trafficcop.gotemplate.formatting import sprint, sprint_all, sprintf
from trafficcop.gotemplate.functions.registry import Family
from trafficcop.gotemplate.quoting import to_bytes
from trafficcop.gotemplate.values import FunctionError, Map, Named, Slice, is_empty, type_name

BUILTIN = Family()

BUILTIN.add("printf", "string ...any", lambda pattern, *values: sprintf(pattern, values))
BUILTIN.add("print", "...any", lambda *values: sprint_all(values))
BUILTIN.add("println", "...any", lambda *values: " ".join(map(sprint, values)) + "\n")
BUILTIN.add("not", "any", is_empty)


def _joined(values: tuple[object, ...]) -> str:
    return values[0] if len(values) == 1 and isinstance(values[0], str) else sprint_all(values)


@BUILTIN("html", "...any")
def escape_html(*values: object) -> str:
    escaped = html.escape(_joined(values), quote=False)
    return escaped.replace('"', "&#34;").replace("'", "&#39;").replace("\0", "\ufffd")


_JS = str.maketrans(
    {
        "\\": "\\\\",
        "'": "\\'",
        '"': '\\"',
        "<": "\\u003C",
        ">": "\\u003E",
        "&": "\\u0026",
        "=": "\\u003D",
        **{chr(code): f"\\u{code:04X}" for code in range(32)},
    }
)


@BUILTIN("js", "...any")
def escape_js(*values: object) -> str:
    return _joined(values).translate(_JS)


@BUILTIN("urlquery", "...any")
def escape_query(*values: object) -> str:
    return urllib.parse.quote_plus(to_bytes(_joined(values)), safe="")


@BUILTIN("len", "any")
def length(value: object) -> int:
    if isinstance(value, str):
        return len(to_bytes(value))
    if isinstance(value, Slice | Map):
        return len(value)
    if value is None:
        raise FunctionError("len of nil pointer")
    raise FunctionError(f"len of type {type_name(value)}")


@BUILTIN("index", "any ...any")
def index(value: object, *keys: object) -> object:
    if not keys and value is None:
        raise FunctionError("index of untyped nil")
    for key in keys:
        value = _item(value, key)
    return value


def _item(value: object, key: object) -> object:
    if isinstance(value, Map):
        if not isinstance(key, str):
            raise FunctionError(f"value has type {type_name(key)}; should be string")
        return value.get(key, "" if value.element == "string" else None)
    if value is None:
        raise FunctionError("index of untyped nil")
    if not isinstance(value, str | Slice):
        raise FunctionError(f"can't index item of type {type_name(value)}")
    if key is None or isinstance(key, bool) or not isinstance(key, int):
        raise FunctionError(f"cannot index slice/array with {'nil' if key is None else 'type ' + type_name(key)}")
    content = to_bytes(value) if isinstance(value, str) else value
    if not 0 <= key < len(content):
        raise FunctionError(f"index out of range: {key}")
    return content[key]


@BUILTIN("call", "any ...any")
def call(value: object, *_: object) -> object:
    # No value of a template here is a function.
    raise FunctionError(f"non-function of type {type_name(value)}" if value is not None else "call of nil")


def _basic(value: object) -> str:
    """The group of types within which values compare."""
    if value is None:
        return "nil"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, Named | int):
        return "integer"
    return {float: "float", str: "string"}.get(type(value), "")


def are_equal(first: object, second: object) -> bool:
    kinds = _basic(first), _basic(second)
    if "nil" in kinds:
        return first is second
    if isinstance(first, Slice | Map) or isinstance(second, Slice | Map):
        odd = first if isinstance(first, Slice | Map) else second
        raise FunctionError(f"non-comparable type {sprint(odd)}: {type_name(odd)}")
    if kinds[0] != kinds[1]:
        raise FunctionError("incompatible types for comparison")
    return first == second


@BUILTIN("eq", "any ...any")
def eq(first: object, *others: object) -> bool:
    if not others:
        raise FunctionError("missing argument for comparison")
    return any(are_equal(first, other) for other in others)


def is_less(first: object, second: object) -> bool:
    kind = _basic(first)
    if kind != _basic(second):
        raise FunctionError("incompatible types for comparison")
    if kind not in ("integer", "float", "string"):
        raise FunctionError("invalid type for comparison")
    if isinstance(first, str) and isinstance(second, str):
        return to_bytes(first) < to_bytes(second)
    return bool(first < second)  # type: ignore[operator]


BUILTIN.add("ne", "any any", lambda first, second: not are_equal(first, second))
BUILTIN.add("lt", "any any", is_less)
BUILTIN.add("le", "any any", lambda first, second: is_less(first, second) or are_equal(first, second))
BUILTIN.add("gt", "any any", lambda first, second: not is_less(first, second) and not are_equal(first, second))
BUILTIN.add("ge", "any any", lambda first, second: not is_less(first, second))
