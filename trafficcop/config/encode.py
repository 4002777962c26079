"""Typed options back into Traefik-shaped JSON, for the API, the log and the support dump.

What Go's `omitempty` leaves out is left out: false, zero, "", empty lists and maps. Sections that are there are shown,
even without a member; so are scalars that are pointers in Traefik (`pkg/config/dynamic`, `pkg/config/static`).
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any

from trafficcop.config import dynamic, entry_points, middlewares, shared, stream
from trafficcop.config.scalars import Duration
from trafficcop.config.schema import has_flag, key_of

MASK = "xxxx"

# Scalars that are pointers with a default value in Traefik, or are declared without `omitempty`: zero is shown.
_SHOWN: dict[type, frozenset[str]] = {
    dynamic.LoadBalancer: frozenset(["pass_host_header"]),
    dynamic.Mirroring: frozenset(["mirror_body", "max_body_size"]),
    dynamic.FailoverErrors: frozenset(["max_request_body_bytes"]),
    dynamic.Cookie: frozenset(["path"]),
    dynamic.ServerHealthCheck: frozenset(["follow_redirects"]),
    shared.WeightedService: frozenset(["weight"]),
    middlewares.ForwardAuth: frozenset(["max_body_size"]),
    middlewares.Retry: frozenset(["max_request_body_bytes"]),
    middlewares.RateLimitRedis: frozenset(["read_timeout", "write_timeout", "dial_timeout"]),
    stream.TCPRouterTLS: frozenset(["passthrough"]),
    entry_points.EntryPointHTTP: frozenset(["sanitize_path"]),
    entry_points.EntryPointObservability: frozenset(["access_logs", "metrics", "tracing"]),
}
# Pointers without a default: nothing is shown unless something else than our default was given.
_SHOWN_UNLESS: dict[tuple[type, str], object] = {
    (stream.UDPServer, "weight"): 1,
}
# Sections that Traefik creates together with their parent.
_CREATED: dict[tuple[type, str], object] = {
    (dynamic.LoadBalancer, "response_forwarding"): dynamic.ResponseForwarding(),
}
# Written in labels only, never shown.
_UNSEEN = (dynamic.LabelServer, stream.TCPLabelServer, stream.UDPLabelServer)
# What stands for a password although the API shows it as it was configured.
_CREDENTIALS: dict[type, frozenset[str]] = {
    middlewares.BasicAuth: frozenset(["users"]),
    middlewares.DigestAuth: frozenset(["users"]),
}
# Text that tells nothing about whose installation it is.
_HARMLESS = frozenset(
    [
        "level",
        "format",
        "defaultMode",
        "traceVerbosity",
        "strategy",
        "minVersion",
        "maxVersion",
        "cipherSuites",
        "curvePreferences",
        "mode",
        "scheme",
        "defaultRuleSyntax",
        "underscoreHeadersStrategy",
        "clientAuthType",
        "alpnProtocols",
        "keyType",
        "precedence",
        "statusCodes",
    ]
)


class Encoder:
    """Options marked secret are always masked; with `hides_credentials` password hashes too, with `is_anonymous` all
    text that could tell whose configuration it is."""

    def __init__(self, *, hides_credentials: bool = False, is_anonymous: bool = False) -> None:
        self._hides_credentials = hides_credentials or is_anonymous
        self._is_anonymous = is_anonymous
        self._plans: dict[type, tuple[_Member, ...]] = {}

    def section(self, value: Any) -> dict[str, Any]:
        """An option section as a dict in the order of its declaration."""
        kind = type(value)
        plan = self._plans.get(kind)
        if plan is None:
            plan = self._plans[kind] = self._plan(kind)
        shown: dict[str, Any] = {}
        for name, key, is_shown, hidden, created, encode in plan:
            member = getattr(value, name)
            if member is None:
                if created is None:
                    continue
                member = created
            if member == hidden if hidden is not None else not (member or is_shown):
                continue
            shown[key] = encode(member)
        return shown

    def _plan(self, kind: type) -> tuple[_Member, ...]:
        hints = _hints(kind)
        plan = []
        for declared in fields(kind):
            parts = _parts(hints[declared.name])
            if any(part in _UNSEEN for part in parts):
                continue
            name, key = declared.name, key_of(declared)
            is_list = any(typing.get_origin(part) in (tuple, Mapping, dict) or part is Mapping for part in parts)
            is_shown = (type(None) in parts and not is_list) or name in _SHOWN.get(kind, ())
            is_shown = is_shown or any(is_dataclass(part) for part in parts)
            plan.append(
                (
                    name,
                    key,
                    is_shown,
                    _SHOWN_UNLESS.get((kind, name)),
                    _CREATED.get((kind, name)),
                    self._encoder(kind, name, key, is_secret=has_flag(declared, "secret")),
                )
            )
        return tuple(plan)

    def _encoder(self, kind: type, name: str, key: str, *, is_secret: bool) -> Callable[[Any], Any]:
        if is_secret or (self._hides_credentials and name in _CREDENTIALS.get(kind, ())):
            return masked
        if kind is middlewares.Middleware and name == "plugin" and self._is_anonymous:
            return emptied  # the names of plugins, not what they are told
        return self.value if not self._is_anonymous or key in _HARMLESS else self.anonymous

    def value(self, value: Any) -> Any:
        """Any value of an option."""
        if isinstance(value, str):
            return MASK if self._hides_credentials and "PRIVATE KEY-----" in value else str(value)
        if isinstance(value, Duration):
            return str(value)
        if value is None or isinstance(value, bool | int):
            return value
        if isinstance(value, float):
            return int(value) if value.is_integer() else value
        if isinstance(value, list | tuple):
            return [self.value(item) for item in value]
        if isinstance(value, Mapping):
            return {str(key): self.value(value[key]) for key in sorted(value)}
        return self.section(value)

    def anonymous(self, value: Any) -> Any:
        """The same with every text masked."""
        if isinstance(value, str):
            return MASK if value else ""
        if isinstance(value, list | tuple):
            return [self.anonymous(item) for item in value]
        if isinstance(value, Mapping):
            return {str(key): self.anonymous(value[key]) for key in sorted(value)}
        return self.value(value)


_Member = tuple[str, str, bool, object, object, Callable[[Any], Any]]


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _parts(hint: Any) -> tuple[Any, ...]:
    """The alternatives of a type."""
    return typing.get_args(hint) if typing.get_origin(hint) in (types.UnionType, typing.Union) else (hint,)


def emptied(value: Any) -> Any:
    return {str(name): {} for name in sorted(value)}


def masked(value: Any) -> Any:
    """As many `xxxx` as there are texts."""
    if isinstance(value, list | tuple):
        return [MASK for _ in value]
    return MASK


_PLAIN = Encoder()
_WITHOUT_CREDENTIALS = Encoder(hides_credentials=True)
_ANONYMOUS = Encoder(is_anonymous=True)


def encode(value: Any) -> dict[str, Any]:
    """A section as the API shows it: options marked secret are masked."""
    return _PLAIN.section(value)


def encode_for_log(value: Any) -> dict[str, Any]:
    """A section as the log shows it: nothing that helps to log in anywhere."""
    return _WITHOUT_CREDENTIALS.section(value)


def encode_anonymously(value: Any) -> dict[str, Any]:
    """A section without the names, addresses and paths of an installation, to be given to others."""
    return _ANONYMOUS.section(value)
