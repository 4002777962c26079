"""`encodedCharacters`: refuses paths with escapes that servers are known to read in different ways."""

from __future__ import annotations

import re
from collections.abc import Awaitable

from trafficcop.config.middlewares import EncodedCharacters as Configuration
from trafficcop.http.messages import Handler, Ready, Request, Response, bare_response
from trafficcop.middleware.context import MiddlewareContext


class EncodedCharacters:
    __slots__ = ("_find_denied", "next")

    def __init__(self, denied: re.Pattern[bytes], next: Handler) -> None:
        self._find_denied = denied.search
        self.next = next

    def __call__(self, request: Request) -> Awaitable[Response]:
        if self._find_denied(request.raw_path) is not None:
            return Ready(bare_response(400))
        return self.next(request)


def build(config: Configuration, context: MiddlewareContext, next: Handler) -> Handler:
    choices = (
        (config.allow_encoded_slash, b"2[Ff]"),
        (config.allow_encoded_back_slash, b"5[Cc]"),
        (config.allow_encoded_null_character, b"00"),
        (config.allow_encoded_semicolon, b"3[Bb]"),
        (config.allow_encoded_percent, b"25"),
        (config.allow_encoded_question_mark, b"3[Ff]"),
        (config.allow_encoded_hash, b"23"),
    )
    denied = [code for is_allowed, code in choices if not is_allowed]
    if not denied:
        return next
    return EncodedCharacters(re.compile(b"%(?:" + b"|".join(denied) + b")"), next)
