"""`chain`: a list of middlewares under one name; it vanishes once built."""

from __future__ import annotations

from trafficcop.config.middlewares import Chain as Configuration
from trafficcop.http.messages import Handler
from trafficcop.middleware.context import MiddlewareContext


def build(config: Configuration, context: MiddlewareContext, next: Handler) -> Handler:
    handler = next
    for name in reversed(config.middlewares):
        handler = context.middleware(name, handler)
    return handler
