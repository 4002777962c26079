"""The HTTP middlewares that act, at a glance. Keys are the fields of `config.middlewares.Middleware`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module

from trafficcop.config.middlewares import Middleware
from trafficcop.middleware.context import Builder, MiddlewareContext

__all__ = ["MIDDLEWARES", "Builder", "MiddlewareContext", "type_of"]


class Registry(Mapping[str, Builder]):
    """Builders by key. A module is imported when the first middleware of its kind is built."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self._builders: dict[str, Builder] = {}

    def __getitem__(self, key: str) -> Builder:
        builder = self._builders.get(key)
        if builder is None:
            module, _, function = self._names[key].partition(".")
            builder = self._builders[key] = getattr(import_module(f"{__name__}.{module}"), function)
        return builder

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


MIDDLEWARES = Registry(
    {
        "add_prefix": "add_prefix.build",
        "basic_auth": "basic_auth.build",
        "buffering": "buffering.build",
        "chain": "chain.build",
        "circuit_breaker": "circuit_breaker.build",
        "compress": "compress.build",
        "content_type": "content_type.build",
        "digest_auth": "digest_auth.build",
        "encoded_characters": "encoded_characters.build",
        "errors": "errors.build",
        "forward_auth": "forward_auth.build",
        "grpc_web": "grpc_web.build",
        "headers": "headers.build",
        "in_flight_req": "in_flight_req.build",
        "ip_allow_list": "ip_allow_list.build",
        "ip_deny_list": "ip_deny_list.build",
        "ip_white_list": "ip_allow_list.build_white_list",
        "jwt": "jwt.build",
        "limit": "limit.build",
        "pass_tls_client_cert": "pass_tls_client_cert.build",
        "rate_limit": "rate_limit.build",
        "redirect_regex": "redirect_regex.build",
        "redirect_scheme": "redirect_scheme.build",
        "replace_path": "replace_path.build",
        "replace_path_regex": "replace_path_regex.build",
        "respond": "respond.build",
        "retry": "retry.build",
        "strip_prefix": "strip_prefix.build",
        "strip_prefix_regex": "strip_prefix_regex.build",
    }
)


def type_of(middleware: Middleware) -> tuple[str, object]:
    """The key of the registry and the options of a middleware; ValueError for one that cannot be built here."""
    for key in MIDDLEWARES:
        options: object = getattr(middleware, key)
        if options is not None:
            return key, options
    raise ValueError("the middleware has no type that this version knows")
