"""JSON as Go's encoder writes it: `<`, `>` and `&` escaped, a newline at the end."""

from __future__ import annotations

import json
import re

_UNSAFE = re.compile("[<>&\x7f-\x9f\u2028\u2029]")


def _unicode(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def html_safe(text: str) -> str:
    """JSON text without characters that could leave an HTML script, and without line ends of any kind."""
    return _UNSAFE.sub(_unicode, text) if _UNSAFE.search(text) else text


def to_json(value: object) -> bytes:
    """A tree of dicts, lists and scalars as one line; what is no text becomes `?`."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return (html_safe(text) + "\n").encode("utf-8", "replace")
