"""Regular expressions of users: Go's syntax and linear time, by RE2, over bytes."""

from __future__ import annotations

import functools
from typing import Any

from trafficcop.rules.errors import RuleError

_MEMORY = 4 << 20  # bytes that one expression may take, its caches included


class Pattern:
    """A compiled expression. Searches anywhere in a text, as Go's `MatchString`."""

    __slots__ = ("_search",)

    def __init__(self, compiled: Any) -> None:
        self._search = compiled.search

    def __call__(self, text: bytes) -> bool:
        if not text.isascii():
            # To Go a byte that is no UTF-8 is U+FFFD; RE2 would match it with nothing, not even ".".
            text = text.decode("utf-8", "replace").encode()
        return self._search(text) is not None


@functools.lru_cache(maxsize=1024)
def pattern(expression: str, matcher: str, argument: int) -> Pattern:
    """The compiled expression; RuleError at this argument of the matcher if it is none of Go's."""
    import re2  # loaded by who needs it: most configurations have no expression

    try:
        return Pattern(re2.compile(expression.encode("utf-8", "surrogateescape"), _options()))
    except re2.error as error:
        reason = error.args[0].decode("utf-8", "replace") if isinstance(error.args[0], bytes) else str(error)
        message = f"{matcher}: `{expression}` is not a regular expression in Go's syntax: {reason}"
        if "{" in expression and ":" in expression:
            message += " ({name:regex} is the v2 syntax: set `ruleSyntax: v2` or write (?P<name>regex))"
        raise RuleError(message, argument=argument) from None


@functools.cache
def _options() -> Any:
    import re2

    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = _MEMORY
    return options
