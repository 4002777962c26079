"""The part of a Plan that is about TLS, besides its certificates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from trafficcop.config.lazy import dataclass
from trafficcop.tls.contexts import Certificate, ServerOptions


@dataclass(frozen=True, slots=True)
class TLSPlan:
    """`options`: those that can be met, by qualified name. `hosts`: by entry point, the server names of TLS routers
    that do not serve, and the options for them; none ("") closes the connection. `default`: the certificate for names
    that have none; without one a worker makes one when somebody asks."""

    options: Mapping[str, ServerOptions] = field(default_factory=dict)
    hosts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    default: Certificate | None = None
    is_default_broken: bool = False  # a user gave one that cannot be used: such names are refused
