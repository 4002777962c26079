"""Configurations of all providers → one set of qualified names (`pkg/server/aggregator.go`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from trafficcop.config.datagrams import UDPMiddleware
from trafficcop.config.dynamic import DynamicConfiguration, HTTPConfiguration, Router, ServersTransport, Service
from trafficcop.config.middlewares import Middleware
from trafficcop.config.stream import (
    TCPConfiguration,
    TCPMiddleware,
    TCPRouter,
    TCPServersTransport,
    TCPService,
    UDPConfiguration,
    UDPRouter,
    UDPService,
)
from trafficcop.config.tls import StoreCertificate, TLSConfiguration, TLSOptions, TLSStore
from trafficcop.errors import Issue

T = TypeVar("T")

DEFAULT = "default"  # the name of TLS options and of a TLS store that belongs to no provider


@dataclass(slots=True)
class Merged:
    """Every object of every provider under its qualified name."""

    routers: dict[str, Router] = field(default_factory=dict)
    services: dict[str, Service] = field(default_factory=dict)
    middlewares: dict[str, Middleware] = field(default_factory=dict)
    transports: dict[str, ServersTransport] = field(default_factory=dict)
    tcp_routers: dict[str, TCPRouter] = field(default_factory=dict)
    tcp_services: dict[str, TCPService] = field(default_factory=dict)
    tcp_middlewares: dict[str, TCPMiddleware] = field(default_factory=dict)
    tcp_transports: dict[str, TCPServersTransport] = field(default_factory=dict)
    udp_routers: dict[str, UDPRouter] = field(default_factory=dict)
    udp_services: dict[str, UDPService] = field(default_factory=dict)
    udp_middlewares: dict[str, UDPMiddleware] = field(default_factory=dict)
    tls_options: dict[str, TLSOptions] = field(default_factory=dict)
    tls_stores: dict[str, TLSStore] = field(default_factory=dict)
    certificates: list[tuple[str, int, StoreCertificate]] = field(default_factory=list)  # provider, index, certificate
    default_by: dict[str, str] = field(default_factory=dict)  # the provider of the default `options` and `stores`
    issues: list[Issue] = field(default_factory=list)


def merge(configurations: Mapping[str, DynamicConfiguration]) -> Merged:
    """One set of names. TLS options or stores called `default` by several providers are refused, for all of them."""
    merged = Merged()
    options_by: list[str] = []
    stores_by: list[str] = []
    for provider, configuration in sorted(configurations.items()):
        if configuration.http is not None:
            _merge_http(merged, provider, configuration.http)
        if configuration.tcp is not None:
            _merge_tcp(merged, provider, configuration.tcp)
        if configuration.udp is not None:
            _merge_udp(merged, provider, configuration.udp)
        if configuration.tls is not None:
            _merge_tls(merged, provider, configuration.tls, options_by, stores_by)
    _settle_default(merged, merged.tls_stores, stores_by, "TLS store", "tls.stores.default")
    _settle_default(merged, merged.tls_options, options_by, "TLS options", "tls.options.default")
    merged.default_by = {"options": "".join(options_by[:1]), "stores": "".join(stores_by[:1])}
    if not options_by:
        merged.tls_options[DEFAULT] = TLSOptions()
    return merged


def _take(target: dict[str, T], objects: Mapping[str, T], provider: str) -> None:
    suffix = f"@{provider}"
    for name, value in objects.items():
        target[name + suffix] = value


def _merge_http(merged: Merged, provider: str, http: HTTPConfiguration) -> None:
    _take(merged.routers, http.routers, provider)
    _take(merged.services, http.services, provider)
    _take(merged.middlewares, http.middlewares, provider)
    _take(merged.transports, http.servers_transports, provider)


def _merge_tcp(merged: Merged, provider: str, tcp: TCPConfiguration) -> None:
    _take(merged.tcp_routers, tcp.routers, provider)
    _take(merged.tcp_services, tcp.services, provider)
    _take(merged.tcp_middlewares, tcp.middlewares, provider)
    _take(merged.tcp_transports, tcp.servers_transports, provider)


def _merge_udp(merged: Merged, provider: str, udp: UDPConfiguration) -> None:
    _take(merged.udp_routers, udp.routers, provider)
    _take(merged.udp_services, udp.services, provider)
    _take(merged.udp_middlewares, udp.middlewares, provider)


def _merge_tls(
    merged: Merged, provider: str, tls: TLSConfiguration, options_by: list[str], stores_by: list[str]
) -> None:
    merged.certificates.extend((provider, index, certificate) for index, certificate in enumerate(tls.certificates))
    for name, store in tls.stores.items():
        if name == DEFAULT:
            stores_by.append(provider)
        merged.tls_stores[name if name == DEFAULT else f"{name}@{provider}"] = store
    for name, options in tls.options.items():
        if name == DEFAULT:
            options_by.append(provider)
        merged.tls_options[name if name == DEFAULT else f"{name}@{provider}"] = options


def _settle_default(merged: Merged, target: dict[str, T], providers: list[str], what: str, path: str) -> None:
    if len(providers) > 1:
        # Which of them is meant cannot be known: routers that need it fail, rather than run with the wrong one.
        del target[DEFAULT]
        message = f"default {what} defined by several providers: {', '.join(providers)}; none of them is used"
        merged.issues.append(Issue(message, path))
