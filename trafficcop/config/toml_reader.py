"""The TOML reader: the standard library's parser, its errors as Issues."""

from __future__ import annotations

import datetime
import re
import tomllib
from typing import Any

from trafficcop.errors import ConfigurationError, Issue, Position

_PLACE = re.compile(r"^(.*) \(at (?:line (\d+), column (\d+)|(end of document))\)$", re.DOTALL)


def read_toml(text: str, source: str) -> Any:
    """`text` as nested dicts and lists; ConfigurationError with one Issue when it is not TOML."""
    try:
        return _plain(tomllib.loads(text, parse_float=str))
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError([_syntax_issue(str(error), text, source)]) from error
    except RecursionError as error:
        raise ConfigurationError([Issue("nested too deeply", position=Position(source))]) from error


def _syntax_issue(message: str, text: str, source: str) -> Issue:
    place = _PLACE.match(message)
    if place is None:
        return Issue(message, position=Position(source))
    if place[4]:
        lines = text.split("\n")
        return Issue(place[1], position=Position(source, len(lines), len(lines[-1]) + 1))
    return Issue(place[1], position=Position(source, int(place[2]), int(place[3])))


def _plain(value: Any) -> Any:
    """Dates become the text that was written, as in YAML: no option is a date."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat().replace("+00:00", "Z")
    return value
