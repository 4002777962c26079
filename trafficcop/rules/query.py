"""The query of a request, read as Go's `url.ParseQuery` does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def unescape(text: bytes) -> bytes | None:
    """Decoded; None if an escape is malformed."""
    if b"+" in text:
        text = text.replace(b"+", b" ")
    if b"%" not in text:
        return text
    return None if _BAD_ESCAPE.search(text) is not None else unquote_to_bytes(text)


def values_of(query: bytes, key: bytes) -> Iterator[bytes]:
    """The values of a key. Pairs with a ";" or a malformed escape do not exist."""
    for pair in query.split(b"&"):
        if not pair or b";" in pair:
            continue
        name, _, value = pair.partition(b"=")
        if unescape(name) == key:
            decoded = unescape(value)
            if decoded is not None:
                yield decoded
