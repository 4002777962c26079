"""The HTTP middlewares that act, at a glance. Keys are the fields of `config.middlewares.Middleware`."""

from __future__ import annotations

from trafficcop.middleware import (
    add_prefix,
    basic_auth,
    chain,
    headers,
    redirect_scheme,
    replace_path,
    strip_prefix,
)
from trafficcop.middleware.context import Builder, MiddlewareContext

__all__ = ["MIDDLEWARES", "Builder", "MiddlewareContext"]

MIDDLEWARES: dict[str, Builder] = {
    "add_prefix": add_prefix.build,
    "basic_auth": basic_auth.build,
    "chain": chain.build,
    "headers": headers.build,
    "redirect_scheme": redirect_scheme.build,
    "replace_path": replace_path.build,
    "strip_prefix": strip_prefix.build,
}
