"""Several files put together as one configuration: of two objects with one name the first stays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, TypeVar

from trafficcop.config.dynamic import DynamicConfiguration, HTTPConfiguration
from trafficcop.config.schema import key_of
from trafficcop.config.stream import TCPConfiguration, UDPConfiguration
from trafficcop.config.tls import StoreCertificate, TLSConfiguration
from trafficcop.errors import Issue, Position

Section = TypeVar("Section", HTTPConfiguration, TCPConfiguration, UDPConfiguration, TLSConfiguration)

_WORDS = {
    "routers": "router",
    "services": "service",
    "middlewares": "middleware",
    "servers_transports": "servers transport",
    "options": "options",
    "stores": "store",
}


def put_together(parts: Iterable[tuple[str, DynamicConfiguration]]) -> tuple[DynamicConfiguration, tuple[Issue, ...]]:
    """One configuration out of `parts` (file, what it says), and a warning for everything that was there already."""
    given = list(parts)
    issues: list[Issue] = []
    together = DynamicConfiguration(
        http=_section("http", HTTPConfiguration, [(path, part.http) for path, part in given], issues),
        tcp=_section("tcp", TCPConfiguration, [(path, part.tcp) for path, part in given], issues),
        udp=_section("udp", UDPConfiguration, [(path, part.udp) for path, part in given], issues),
        tls=_section("tls", TLSConfiguration, [(path, part.tls) for path, part in given], issues),
    )
    return together, tuple(issues)


def _section(
    name: str, kind: type[Section], parts: list[tuple[str, Section | None]], issues: list[Issue]
) -> Section | None:
    present = [(path, part) for path, part in parts if part is not None]
    if len(present) < 2:
        return _first(present, issues)
    together: dict[str, Any] = {}
    for declared in fields(kind):
        values = [(path, getattr(part, declared.name)) for path, part in present]
        if declared.name == "certificates":
            together[declared.name] = _certificates(values, issues)
        else:
            where = f"{name}.{key_of(declared)}"
            together[declared.name] = _objects(where, f"{name.upper()} {_WORDS[declared.name]}", values, issues)
    return kind(**together)


def _first(present: list[tuple[str, Section]], issues: list[Issue]) -> Section | None:
    for path, part in present:
        if isinstance(part, TLSConfiguration):
            unique = _certificates([(path, part.certificates)], issues)
            return part if len(unique) == len(part.certificates) else type(part)(unique, part.options, part.stores)
        return part
    return None


def _objects(
    where: str, words: str, values: list[tuple[str, Mapping[str, Any]]], issues: list[Issue]
) -> Mapping[str, Any]:
    together: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for path, objects in values:
        for name, value in objects.items():
            if name in together:
                message = f"{words} already configured, skipping (first in {origins[name]})"
                issues.append(Issue(message, f"{where}.{name}", Position(path), is_warning=True))
                continue
            together[name] = value
            origins[name] = path
    return together


def _certificates(
    values: list[tuple[str, tuple[StoreCertificate, ...]]], issues: list[Issue]
) -> tuple[StoreCertificate, ...]:
    origins: dict[tuple[str, str], str] = {}
    together: list[StoreCertificate] = []
    for path, certificates in values:
        for certificate in certificates:
            pair = (str(certificate.cert_file), str(certificate.key_file))
            if pair in origins:
                message = f"TLS certificate already configured, skipping (first in {origins[pair]})"
                issues.append(Issue(message, "tls.certificates", Position(path), is_warning=True))
                continue
            origins[pair] = path
            together.append(certificate)
    return tuple(together)
