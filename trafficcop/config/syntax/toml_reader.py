"""The TOML reader: text → nested dicts and lists, its errors as Issues.

Tomli reads TOML 1.1, as Traefik does: inline tables over several lines, with a comma at the end.
"""

from __future__ import annotations

import datetime
import re
from typing import Any

import tomli

from trafficcop.errors import ConfigurationError, Issue, Position

_PLACE = re.compile(r"^(.*) \(at (?:line (\d+), column (\d+)|(end of document))\)$", re.DOTALL)

# What the parser says in words of its own kind, and how it is told.
_PLAINER = (
    (re.compile(r"Cannot declare \((.*?),?\) twice"), "the table [{}] is given twice"),
    (re.compile(r"Duplicate inline table key '(.*)'"), "the key '{}' is given twice"),
    (re.compile(r"Cannot overwrite a value()"), "this key, or one above it, is given already"),
    (re.compile(r"Illegal character '\\n'()"), "a text in quotes ends on the line on which it begins"),
    (re.compile(r"Invalid value()"), "not a value: a text stands in quotes"),
)
_BETWEEN_KEYS = re.compile(r"^'|', '|'$")


def read_toml(text: str, source: str) -> Any:
    """`text` as nested dicts and lists; ConfigurationError with one Issue when it is not TOML."""
    try:
        return _plain(tomli.loads(text, parse_float=str))
    except tomli.TOMLDecodeError as error:
        raise ConfigurationError([_syntax_issue(str(error), text, source)]) from error
    except RecursionError as error:
        raise ConfigurationError([Issue("nested too deeply", position=Position(source))]) from error


def _syntax_issue(message: str, text: str, source: str) -> Issue:
    place = _PLACE.match(message)
    if place is None:
        return Issue(_plainer(message), position=Position(source))
    if place[4]:
        lines = text.split("\n")
        return Issue(_plainer(place[1]), position=Position(source, len(lines), len(lines[-1]) + 1))
    return Issue(_plainer(place[1]), position=Position(source, int(place[2]), int(place[3])))


def _plainer(message: str) -> str:
    for pattern, text in _PLAINER:
        found = pattern.fullmatch(message)
        if found is not None:
            return text.format(_BETWEEN_KEYS.sub(".", found[1]).strip("."))
    return message


def _plain(value: Any) -> Any:
    """Dates become the text that was written, as in YAML: no option is a date."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat().replace("+00:00", "Z")
    return value
