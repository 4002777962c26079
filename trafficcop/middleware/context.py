"""What a middleware may ask for while it is built, and the signature of its builder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any

from trafficcop.config.lazy import dataclass
from trafficcop.http.messages import Handler
from trafficcop.store.interface import Store
from trafficcop.store.local import LOCAL


@dataclass(frozen=True, slots=True)
class MiddlewareContext:
    """The surroundings of one middleware of one chain. `name` is qualified (`name@provider`)."""

    name: str
    service: Callable[[str], Handler]  # a service by its qualified name; ValueError when there is none
    middleware: Callable[[str, Handler], Handler]  # a middleware by its qualified name, in front of a handler
    store: Store = LOCAL
    scope: str = ""  # what this middleware is called in the store: the same in every worker, another for each use of it
    environ: Mapping[str, str] = field(default_factory=dict)


# A builder raises ValueError with the text that Traefik's API shows for a configuration that cannot work.
Builder = Callable[[Any, MiddlewareContext, Handler], Handler]
