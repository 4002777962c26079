"""The HTTP middlewares that act, at a glance. Keys are the fields of `config.middlewares.Middleware`."""

from __future__ import annotations

from trafficcop.middleware import (
    add_prefix,
    basic_auth,
    buffering,
    chain,
    content_type,
    encoded_characters,
    errors,
    headers,
    in_flight_req,
    ip_allow_list,
    rate_limit,
    redirect_regex,
    redirect_scheme,
    replace_path,
    replace_path_regex,
    retry,
    strip_prefix,
    strip_prefix_regex,
)
from trafficcop.middleware.context import Builder, MiddlewareContext

__all__ = ["MIDDLEWARES", "Builder", "MiddlewareContext"]

MIDDLEWARES: dict[str, Builder] = {
    "add_prefix": add_prefix.build,
    "basic_auth": basic_auth.build,
    "buffering": buffering.build,
    "chain": chain.build,
    "content_type": content_type.build,
    "encoded_characters": encoded_characters.build,
    "errors": errors.build,
    "headers": headers.build,
    "in_flight_req": in_flight_req.build,
    "ip_allow_list": ip_allow_list.build,
    "ip_white_list": ip_allow_list.build_white_list,
    "rate_limit": rate_limit.build,
    "redirect_regex": redirect_regex.build,
    "redirect_scheme": redirect_scheme.build,
    "replace_path": replace_path.build,
    "replace_path_regex": replace_path_regex.build,
    "retry": retry.build,
    "strip_prefix": strip_prefix.build,
    "strip_prefix_regex": strip_prefix_regex.build,
}
